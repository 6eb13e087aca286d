"""Adds what a store knows of its key rings, and who holds a copy."""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; the first process that opens the store tells which keys sign."""
    op.create_table(
        "ring_key",
        sa.Column("role", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("kid", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("signs_since", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "role IN ('issuer', 'statement', 'macaroon', 'service', 'approval', 'log')",
            name=op.f("ck_ring_key_role"),
        ),
        sa.PrimaryKeyConstraint("role", "kid", name=op.f("pk_ring_key")),
    )
    op.create_table(
        "ring_holder",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ring_holder")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("ring_holder")
    op.drop_table("ring_key")
