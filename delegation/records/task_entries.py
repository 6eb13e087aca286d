"""Tasks as they are shown: their state computed from what is recorded, as settling computes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from sqlalchemy import Connection, Row, bindparam, select

from delegation import canonical
from delegation.authority.catalogue import RESERVED_PREFIX
from delegation.authority.grant import Grant
from delegation.authority.ids import LinkId, TaskId
from delegation.judge.limits import Limits
from delegation.lineage.entry import TaskEntry, TaskState
from delegation.records.growth import Growth, limits_of
from delegation.records.tables import COUNTERS, DECISIONS, TASKS
from delegation.records.tasks import TaskRowFact, read_tasks, task_chain

_SPENT: Final = (
    select(COUNTERS.c.unit, COUNTERS.c.used)
    .where(COUNTERS.c.scope == "task", COUNTERS.c.id == bindparam("task"))
    .order_by(COUNTERS.c.unit)
)
_CALLED: Final = (
    select(DECISIONS.c.id)
    .where(
        DECISIONS.c.task == bindparam("task"),
        DECISIONS.c.allowed,
        ~DECISIONS.c.tool.startswith(RESERVED_PREFIX),
    )
    .limit(1)
)


def task_entries(
    connection: Connection, rows: Sequence[Row[Any]], *, at: int, defaults: Limits
) -> list[TaskEntry]:
    """Return rows of tasks as entries.

    Args:
        connection: A snapshot.
        rows: Whole rows.
        at: The instant for which states are computed, Unix seconds.
        defaults: The service's own limits.
    """
    facts = read_tasks(connection, [row.id for row in rows], defaults)
    ended = {r.id: r.state for r in connection.execute(_states(facts))} if facts else {}
    return [_entry(connection, row, facts, ended, at, defaults) for row in rows]


def _states(facts: dict[str, TaskRowFact]) -> Any:
    return select(TASKS.c.id, TASKS.c.state).where(TASKS.c.id.in_(list(facts)))


def _entry(  # what an entry is made of
    connection: Connection,
    row: Row[Any],
    facts: dict[str, TaskRowFact],
    ended: dict[str, str],
    at: int,
    defaults: Limits,
) -> TaskEntry:
    spent = connection.execute(_SPENT, {"task": row.id}).all()
    state: TaskState | None = None
    for task in task_chain(facts, row.id, Growth(), at):
        if not task.is_open:
            state = cast("TaskState", ended[task.id])
        elif at >= task.deadline:
            state = "expired"
        elif task.idle_at is not None and at >= task.idle_at:
            state = "idle"
        if state is not None:
            break
    if state is None:
        called = connection.execute(_CALLED, {"task": row.id}).first()
        state = "open" if called is None else "active"
    return TaskEntry(
        id=TaskId(row.id),
        title=row.title,
        owner=row.owner,
        state=state,
        opened_at=row.opened_at,
        deadline=row.deadline,
        inferred=bool(row.inferred),
        ceiling=Grant.from_json(canonical.parse(row.ceiling)),
        under=None if row.under is None else LinkId(row.under),
        spent=tuple((unit, used) for unit, used in spent),
        parent=None if row.parent is None else TaskId(row.parent),
        idle=row.idle,
        limits=limits_of(row.limits, defaults),
        broken_until=row.broken_until,
        pinned=row.pinned,
    )
