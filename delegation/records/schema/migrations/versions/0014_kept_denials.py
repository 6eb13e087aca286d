"""Counts the denials of a holder and of a root task that are kept whole."""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "kept_denial",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_denial")),
    )
    op.create_index(op.f("ix_kept_denial_turn"), "kept_denial", ["turn"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_index(op.f("ix_kept_denial_turn"), table_name="kept_denial")
    op.drop_table("kept_denial")
