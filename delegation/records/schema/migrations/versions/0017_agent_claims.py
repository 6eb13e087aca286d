"""Indexes agents by the shortened names in links, since a name may be longer than a link holds."""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; names that are recorded so far are their own claims."""
    with op.batch_alter_table("agent", schema=None) as batch_op:
        batch_op.add_column(sa.Column("claim", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.execute("UPDATE agent SET claim = name")
    with op.batch_alter_table("agent", schema=None) as batch_op:
        batch_op.alter_column("claim", nullable=False)
        batch_op.create_index(batch_op.f("ix_agent_claim"), ["claim"], unique=True)


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("agent", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_agent_claim"))
        batch_op.drop_column("claim")
