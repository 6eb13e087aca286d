"""Counts the links of child tasks with a task's own, so that limits hold for the whole line."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Connection, text

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    _add(op.get_bind(), 1)


def downgrade() -> None:
    """Take back."""
    _add(op.get_bind(), -1)


def _add(connection: Connection, sign: int) -> None:
    """Add to each task the links of its child tasks, or take them away."""
    rows = connection.execute(
        text("SELECT id, parent, links FROM task ORDER BY opened_at, id")
    ).all()
    children: dict[str, list[str]] = {}
    for row in rows:
        if row.parent is not None:
            children.setdefault(row.parent, []).append(row.id)
    links = {row.id: row.links for row in rows}
    written = text("UPDATE task SET links = links + :more WHERE id = :of_task")
    for task, direct in children.items():
        below, waiting = 0, list(direct)
        while waiting:
            one = waiting.pop()
            # Upwards every count is of its own task alone; downwards a child's has all below in it.
            below += links[one]
            if sign > 0:
                waiting += children.get(one, ())
        connection.execute(written, {"more": sign * below, "of_task": task})
