"""Adds the tamper-evident log: waiting leaves, placed leaves, hashes above them, its state."""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _leaf_columns() -> list[sa.Column]:
    text = sqlmodel.sql.sqltypes.AutoString()
    return [
        sa.Column("kind", text, nullable=False),
        sa.Column("record", text, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
    ]


def upgrade() -> None:
    """Apply. What is recorded already gets its leaves when the service first starts."""
    op.create_table(
        "log_pending",
        sa.Column("n", _COUNTER, autoincrement=True, nullable=False),
        *_leaf_columns(),
        sa.CheckConstraint("kind IN ('decision', 'link')", name=op.f("ck_log_pending_kind")),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_log_pending")),
    )
    op.create_table(
        "log_entry",
        sa.Column("place", _COUNTER, autoincrement=False, nullable=False),
        *_leaf_columns(),
        sa.CheckConstraint("kind IN ('decision', 'link')", name=op.f("ck_log_entry_kind")),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_log_entry")),
        sa.UniqueConstraint("kind", "record", name=op.f("uq_log_entry_kind_record")),
    )
    op.create_table(
        "log_node",
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "place", name=op.f("pk_log_node")),
    )
    op.create_table(
        "log_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.Text(), nullable=True),
        sa.Column("signed_at", sa.BigInteger(), nullable=False),
        sa.Column("stopped", sa.Text(), nullable=False),
        sa.Column("links_done", sa.BigInteger(), nullable=False),
        sa.Column("links_upto", sa.BigInteger(), nullable=False),
        sa.Column("decisions_done", sa.BigInteger(), nullable=False),
        sa.Column("decisions_upto", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_log_state_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_state")),
    )
    op.execute(
        "INSERT INTO log_state (id, generation, size, head, signed_at, stopped,"
        " links_done, links_upto, decisions_done, decisions_upto)"
        " SELECT 1, 1, 0, NULL, 0, '', 0, coalesce((SELECT max(sequence) FROM link), 0),"
        " 0, coalesce((SELECT max(sequence) FROM decision), 0)"
    )


def downgrade() -> None:
    """Undo; the log's tiles and checkpoints outside the database stay, and nothing continues them."""
    for name in ("log_state", "log_node", "log_entry", "log_pending"):
        op.drop_table(name)
