"""Tasks as they are shown: their state computed from what is recorded, as settling computes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from sqlalchemy import Connection, Row, bindparam, select

from delegation import canonical
from delegation.authority.alias import RESERVED_PREFIX
from delegation.authority.grant import Grant
from delegation.authority.ids import LinkId, TaskId
from delegation.judge.limits import Limits
from delegation.lineage.entry import TaskEntry, TaskState
from delegation.records.growth import limits_of
from delegation.records.known import TaskRowFact, read_tasks
from delegation.records.tables import COUNTERS, DECISIONS, TASKS
from delegation.records.tasks import task_chain

_SPENT: Final = (
    select(COUNTERS.c.id, COUNTERS.c.unit, COUNTERS.c.used)
    .where(COUNTERS.c.scope == "task", COUNTERS.c.id.in_(bindparam("tasks", expanding=True)))
    .order_by(COUNTERS.c.id, COUNTERS.c.unit)
)
_CALLED: Final = select(TASKS.c.id).where(
    TASKS.c.id.in_(bindparam("tasks", expanding=True)),
    select(DECISIONS.c.id)
    .where(
        DECISIONS.c.task == TASKS.c.id,
        DECISIONS.c.allowed,
        DECISIONS.c.at <= bindparam("last"),
        ~DECISIONS.c.tool.startswith(RESERVED_PREFIX),
    )
    .exists(),
)
_EVER: Final = 2**62  # another replica's clock may be ahead of ours


def task_entries(
    connection: Connection,
    rows: Sequence[Row[Any]],
    *,
    at: int,
    defaults: Limits,
    past: bool = False,
) -> list[TaskEntry]:
    """Return rows of tasks as entries.

    Args:
        connection: A snapshot.
        rows: Whole rows.
        at: The instant for which states are computed, Unix seconds.
        defaults: The service's own limits.
        past: Whether it is a past one: what was closed or called later was not yet. What is spent
            is always as it is now: counters keep no history.
    """
    if not rows:
        return []
    names = [row.id for row in rows]
    facts = read_tasks(connection, names, defaults)
    closed = {r.id: r for r in connection.execute(_closings(facts))}
    spent: dict[str, list[tuple[str, int]]] = {}
    for one in connection.execute(_SPENT, {"tasks": names}):
        spent.setdefault(one.id, []).append((one.unit, one.used))
    asked = {"tasks": names, "last": at if past else _EVER}
    called = set(connection.execute(_CALLED, asked).scalars())
    until = at if past else _EVER
    return [
        _entry(
            row,
            _ended(facts, row.id, closed, at, until) or ("active" if row.id in called else "open"),
            tuple(spent.get(row.id, ())),
            defaults,
        )
        for row in rows
    ]


def _closings(facts: dict[str, TaskRowFact]) -> Any:
    return select(TASKS.c.id, TASKS.c.state, TASKS.c.closed_at).where(TASKS.c.id.in_(list(facts)))


def _ended(
    facts: dict[str, TaskRowFact], task: str, closed: dict[str, Row[Any]], at: int, until: int
) -> TaskState | None:
    """Return how a task, or one above it, ended; None while it goes on."""
    for one in task_chain(facts, task, None, at):
        row = closed[one.id]
        if not one.is_open and (row.closed_at is None or row.closed_at <= until):
            return cast("TaskState", row.state)
        if at >= one.deadline:
            return "expired"
        # Whoever called later was not idle then: what is idle once is so for ever.
        if one.idle_at is not None and at >= one.idle_at:
            return "idle"
    return None


def _entry(
    row: Row[Any], state: TaskState, spent: tuple[tuple[str, int], ...], defaults: Limits
) -> TaskEntry:
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
        spent=spent,
        parent=None if row.parent is None else TaskId(row.parent),
        idle=row.idle,
        limits=limits_of(row.limits, defaults),
        broken_until=row.broken_until,
        pinned=row.pinned,
    )
