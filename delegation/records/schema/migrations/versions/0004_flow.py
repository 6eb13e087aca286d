"""Adds histories for flow rules; child tasks, idle tasks, limits of growth and pace."""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0004"
down_revision = "0006"
branch_labels = None
depends_on = None

_NUMBERS = ("pinned", "idle", "last_call_at")
_COUNTS = ("links", "link_minute", "minute_links", "denial_minute", "denials", "broken_until")


def upgrade() -> None:
    """Apply. Calls that are recorded already have no trace: what they were is not known.

    Columns are added and dropped by plain statements: SQLite would otherwise copy the table, whose
    rows others refer to.
    """
    op.add_column("decision", sa.Column("trace", sa.Text(), nullable=True))
    for name in _NUMBERS:
        op.add_column("task", sa.Column(name, sa.BigInteger(), nullable=True))
    op.add_column("task", sa.Column("limits", sa.Text(), nullable=True))
    for name in _COUNTS:
        op.add_column("task", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("UPDATE task SET links = (SELECT count(*) FROM link WHERE link.task = task.id)")
    op.create_table(
        "pace",
        sa.Column("scope", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("scope IN ('task', 'holder', 'branch')", name=op.f("ck_pace_scope")),
        sa.PrimaryKeyConstraint("scope", "id", name=op.f("pk_pace")),
    )
    op.create_table(
        "resource_labels",
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("pattern", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_resource_labels")),
    )
    op.create_table(
        "flow_history",
        sa.Column("root", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("root", name=op.f("pk_flow_history")),
    )
    keys = ("root", "mark", "agent", "owner")
    op.create_table(
        "flow_seen",
        *(sa.Column(key, sqlmodel.sql.sqltypes.AutoString(), nullable=False) for key in keys),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.Column("decision", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.PrimaryKeyConstraint(*keys, name=op.f("pk_flow_seen")),
    )


def downgrade() -> None:
    """Take back."""
    for table in ("pace", "flow_seen", "flow_history", "resource_labels"):
        op.drop_table(table)
    for name in (*_NUMBERS, "limits", *_COUNTS):
        op.execute(f"ALTER TABLE task DROP COLUMN {name}")
    op.execute("ALTER TABLE decision DROP COLUMN trace")
