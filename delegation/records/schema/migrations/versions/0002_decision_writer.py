"""Adds the decision writer's tables: numbers, batches, idempotency keys, outcomes."""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NEWEST = {
    "epoch": "SELECT max(epoch) FROM revocation",
    "catalogue": "SELECT max(revision) FROM tool",
    "link": "SELECT max(sequence) FROM link",
    "decision": "SELECT max(sequence) FROM decision",
    "nonces_before": "SELECT 0",
}


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "number",
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_number")),
    )
    for name, query in _NEWEST.items():
        op.execute(f"INSERT INTO number (name, n) VALUES ('{name}', coalesce(({query}), 0))")  # noqa: S608
    op.create_table(
        "batch",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
    )
    with op.batch_alter_table("batch", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_batch_at"), ["at"], unique=False)
    op.create_table(
        "request",
        sa.Column("caller", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("key", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("decision", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("caller", "key", name=op.f("pk_request")),
    )
    with op.batch_alter_table("request", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_request_at"), ["at"], unique=False)
    op.create_table(
        "outcome",
        sa.Column("decision", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state IN ('executed', 'failed', 'not_executed')", name=op.f("ck_outcome_state")
        ),
        sa.ForeignKeyConstraint(
            ["decision"], ["decision.id"], name=op.f("fk_outcome_decision_decision")
        ),
        sa.PrimaryKeyConstraint("decision", name=op.f("pk_outcome")),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Counters are updated in place all day: room on each page keeps those updates heap-only.
        op.execute("ALTER TABLE counter SET (fillfactor = 50)")


def downgrade() -> None:
    """Take back."""
    for table in ("outcome", "request", "batch", "number"):
        op.drop_table(table)
