"""Records each round of erasing beside the log."""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; what was erased before is not known as a round."""
    op.create_table(
        "erasure",
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.BigInteger(), nullable=False),
        sa.Column("by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("decisions", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("by IN ('retention', 'command')", name=op.f("ck_erasure_by")),
        sa.PrimaryKeyConstraint("at", "before", "by", name=op.f("pk_erasure")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("erasure")
