"""Adds costs that are known only after a call: reserved at most, settled once."""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0007"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "reserved",
                sqlmodel.sql.sqltypes.AutoString(),
                nullable=False,
                server_default="",
            )
        )
    op.create_table(
        "reservation",
        sa.Column("decision", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("unit", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("counters", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("settled", sa.BigInteger(), nullable=True),
        sa.Column("by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "settled IS NULL OR (settled >= 0 AND settled <= amount)",
            name=op.f("ck_reservation_settled"),
        ),
        sa.ForeignKeyConstraint(
            ["decision"], ["decision.id"], name=op.f("fk_reservation_decision_decision")
        ),
        sa.PrimaryKeyConstraint("decision", "unit", name=op.f("pk_reservation")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("reservation")
    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.drop_column("reserved")
