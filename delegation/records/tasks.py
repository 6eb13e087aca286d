"""Tasks as settling sees them: read with all tasks above, closed or not, late, idle, broken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, case, or_, select

from delegation.authority.ids import TaskId
from delegation.judge.facts import TaskFact
from delegation.judge.growth import BREAK_SECONDS, WINDOW
from delegation.judge.limits import Limits
from delegation.records.growth import Growth, limits_of
from delegation.records.standing import ended_of, opener_states
from delegation.records.tables import TASKS

_MAX_TASKS: Final = 16  # more than child tasks nest
_ALL_TASKS: Final = select(
    TASKS.c.id, TASKS.c.root, TASKS.c.parent, TASKS.c.under, TASKS.c.owner, TASKS.c.state,
    TASKS.c.opened_at, TASKS.c.deadline, TASKS.c.idle, TASKS.c.last_call_at, TASKS.c.limits,
    TASKS.c.denial_minute, TASKS.c.denials, TASKS.c.broken_until,
).where(TASKS.c.id.in_(bindparam("ids", expanding=True)))  # fmt: skip

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


@dataclass(frozen=True, slots=True)
class TaskRowFact:
    """A task's row, as far as settling asks."""

    is_open: bool
    deadline: int
    parent: str | None
    root: str
    owner: str
    under: str | None
    idle: int | None
    called_at: int
    denial_minute: int
    denials: int
    broken_until: int
    limits: Limits


def read_tasks(
    connection: Connection, tasks: Iterable[str], defaults: Limits
) -> dict[str, TaskRowFact]:
    """Return these tasks and all above them, by id."""
    found: dict[str, TaskRowFact] = {}
    wanted = set(tasks)
    for _ in range(_MAX_TASKS):
        if not wanted:
            break
        for row in connection.execute(_ALL_TASKS, {"ids": list(wanted)}):
            found[row.id] = _fact(row, defaults)
        wanted = {t.parent for t in found.values() if t.parent is not None} - found.keys()
    return found


def _fact(row: Any, defaults: Limits) -> TaskRowFact:
    return TaskRowFact(
        is_open=row.state == "open",
        deadline=row.deadline,
        parent=row.parent,
        root=row.root,
        owner=row.owner,
        under=row.under,
        idle=row.idle,
        called_at=max(row.opened_at, row.last_call_at or 0),
        denial_minute=row.denial_minute,
        denials=row.denials,
        broken_until=row.broken_until,
        limits=limits_of(row.limits, defaults),
    )


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
    tasks: Mapping[str, TaskRowFact], task: str, growth: Growth, at: int
) -> tuple[TaskFact, ...]:
    """Return a task and those above it, nearest first; empty where one is unknown or too far up.

    Args:
        tasks: Rows by id.
        task: The task.
        growth: What the batch adds to them so far.
        at: The service's clock, Unix seconds.
    """
    found: list[TaskFact] = []
    wanted: str | None = task
    while wanted is not None and len(found) < _MAX_TASKS:
        row = tasks.get(wanted)
        if row is None:
            return ()
        called = max(row.called_at, growth.called(wanted))
        found.append(
            TaskFact(
                TaskId(wanted),
                row.is_open,
                row.deadline,
                row.owner,
                None if row.idle is None else called + row.idle,
                _broken_until(row, growth.denied(wanted), at),
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
    if most is None or not denied or before + denied < most:
        return row.broken_until
    return minute * WINDOW + WINDOW + BREAK_SECONDS
