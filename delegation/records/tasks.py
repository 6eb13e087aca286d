"""Tasks as settling sees them: read with all tasks above, closed or not, late, idle, broken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from delegation.authority.ids import TaskId
from delegation.judge.facts import TaskFact
from delegation.judge.growth import BREAK_SECONDS, WINDOW
from delegation.judge.limits import Limits
from delegation.records.growth import Growth, limits_of
from delegation.records.tables import TASKS

_MAX_TASKS: Final = 16  # more than child tasks nest
_ALL_TASKS: Final = select(
    TASKS.c.id, TASKS.c.root, TASKS.c.parent, TASKS.c.under, TASKS.c.owner, TASKS.c.state,
    TASKS.c.opened_at, TASKS.c.deadline, TASKS.c.idle, TASKS.c.last_call_at, TASKS.c.limits,
    TASKS.c.denial_minute, TASKS.c.denials, TASKS.c.broken_until,
).where(TASKS.c.id.in_(bindparam("ids", expanding=True)))  # fmt: skip


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
