"""Tasks as settling sees them: with all tasks above, closed or not, late, idle, broken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, bindparam, case, or_, select

from delegation.authority.ids import TaskId
from delegation.judge.facts import TaskFact
from delegation.judge.growth import BREAK_SECONDS, WINDOW
from delegation.judge.limits import Limits
from delegation.records.growth import Growth
from delegation.records.known import MAX_TASKS, TaskRowFact, read_tasks
from delegation.records.standing import ended_of, opener_states
from delegation.records.tables import TASKS

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
    ended = ended_of(connection, {("task", row.id) for row in found}, at)
    return sum(
        ended.get(("task", row.id)) != "revoke"
        and (row.under is None or (row.under in states and states[row.under].standing in _GOES_ON))
        for row in found
    )


def task_chain(
    tasks: Mapping[str, TaskRowFact], task: str, growth: Growth | None, at: int
) -> tuple[TaskFact, ...]:
    """Return a task and those above it, nearest first; empty where one is unknown or too far up.

    Args:
        tasks: Rows by id.
        task: The task.
        growth: What the batch adds to them so far; None for nothing.
        at: The service's clock, Unix seconds.
    """
    found: list[TaskFact] = []
    wanted: str | None = task
    while wanted is not None and len(found) < MAX_TASKS:
        row = tasks.get(wanted)
        if row is None:
            return ()
        called, denied = (
            (0, 0) if growth is None else (growth.called(wanted), growth.denied(wanted))
        )
        found.append(
            TaskFact(
                TaskId(wanted),
                row.is_open,
                row.deadline,
                row.owner,
                None if row.idle is None else max(row.called_at, called) + row.idle,
                row.broken_until if denied == 0 else _broken_until(row, denied, at),
                row.limits,
            )
        )
        wanted = row.parent
    # A task above the bound was not looked at, so nothing is known of it: unknown, refused.
    return tuple(found) if wanted is None else ()


def _broken_until(row: TaskRowFact, denied: int, at: int) -> int:
    """Return until when the breaker is open, the denials of this batch counted in."""
    minute, most = at // WINDOW, row.limits.denials_per_minute
    before = row.denials if row.denial_minute == minute else 0
    if most is None or before + denied < most:
        return row.broken_until
    return minute * WINDOW + WINDOW + BREAK_SECONDS
