"""Counts the open tasks under one root, for the limits of a child task that is being opened."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, case, or_, select

from delegation.judge.limits import Limits
from delegation.judge.subject import Subject
from delegation.records.lineage.known_rows import read_tasks
from delegation.records.lineage.standing import ended_of, opener_states
from delegation.records.tables.records import TASKS

_CALLED: Final = case(
    (TASKS.c.last_call_at > TASKS.c.opened_at, TASKS.c.last_call_at), else_=TASKS.c.opened_at
)
_GOING_ON: Final = select(TASKS.c.id, TASKS.c.under).where(
    TASKS.c.root == bindparam("root"),
    TASKS.c.state == "open",
    TASKS.c.deadline > bindparam("at"),
    or_(TASKS.c.idle.is_(None), _CALLED + TASKS.c.idle > bindparam("at")),
)
_GOES_ON: Final = frozenset({"active", "suspended"})


def count_going_on(connection: Connection, task: str, defaults: Limits, *, at: int) -> int:
    """Return how many tasks under a task's root are not over, that root included.

    Over is what was closed, is late or idle, was revoked, or was opened under a link that ended for
    good; what is suspended is not. How links stand is looked at only where it matters: while the rest
    is within each limit on the task's line, more may be returned than there are.

    Args:
        connection: A transaction that holds the gate alone.
        task: The task.
        defaults: The service's own limits.
        at: The service's clock, Unix seconds.
    """
    known = read_tasks(connection, [task], defaults)
    lowest = min((t.limits.tasks for t in known.values() if t.limits.tasks), default=None)
    asked = {"root": known[task].root, "at": at}
    found = connection.execute(_GOING_ON, asked).all()
    if lowest is None or len(found) <= lowest:
        return len(found)
    states = opener_states(connection, found, at=at)
    ended = ended_of(connection, {Subject("task", row.id) for row in found}, at)
    return sum(
        ended.get(Subject("task", row.id)) != "revoke"
        and (row.under is None or (row.under in states and states[row.under].standing in _GOES_ON))
        for row in found
    )
