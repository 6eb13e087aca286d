"""Reads tasks for display, with their state computed as settling computes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, select

from delegation import canonical
from delegation.authority.alias import RESERVED_PREFIX
from delegation.authority.grant import Grant
from delegation.authority.ids import LinkId, TaskId
from delegation.judge.limits import Limits
from delegation.lineage.entry import TaskEntry, TaskState
from delegation.records.lineage.known_rows import (
    TaskRowFact,
    limits_of,
    read_tasks,
    task_chain,
    task_fact,
)
from delegation.records.tables.records import COUNTERS, DECISIONS, TASKS

_CALLED: Final = (
    select(DECISIONS.c.id)
    .where(
        DECISIONS.c.task == TASKS.c.id,
        DECISIONS.c.allowed,
        DECISIONS.c.at <= bindparam("last"),
        ~DECISIONS.c.tool.startswith(RESERVED_PREFIX),
    )
    .exists()
)
_ROWS: Final = (
    select(TASKS, _CALLED.label("called"), COUNTERS.c.unit, COUNTERS.c.used)
    .outerjoin(COUNTERS, (COUNTERS.c.scope == "task") & (COUNTERS.c.id == TASKS.c.id))
    .where(TASKS.c.id.in_(bindparam("tasks", expanding=True)))
    .order_by(COUNTERS.c.unit)
)
_EVER: Final = 2**62  # another replica's clock may be ahead of ours


def task_entries(
    connection: Connection,
    tasks: Sequence[str],
    *,
    at: int,
    defaults: Limits,
    past: bool = False,
) -> list[TaskEntry]:
    """Return those of these tasks that are recorded as entries, in this order.

    Args:
        connection: A snapshot.
        tasks: Their ids.
        at: The instant for which states are computed, Unix seconds.
        defaults: The service's own limits.
        past: Whether it is a past one: what was closed or called later was not yet. What is spent
            is always as it is now: counters keep no history.
    """
    if not tasks:
        return []
    until = at if past else _EVER
    rows: dict[str, Row[Any]] = {}
    spent: dict[str, list[tuple[str, int]]] = {}
    for row in connection.execute(_ROWS, {"tasks": list(tasks), "last": until}):
        rows[row.id] = row
        if row.unit is not None:
            spent.setdefault(row.id, []).append((row.unit, row.used))
    facts = {name: task_fact(dict(row._mapping), defaults) for name, row in rows.items()}  # noqa: SLF001  # SQLAlchemy's public name for it
    below = [name for name, fact in facts.items() if fact.parent is not None]
    if below:
        facts |= read_tasks(connection, below, defaults)
    return [
        _entry(
            rows[name],
            _ended(facts, name, at, until) or ("active" if rows[name].called else "open"),
            tuple(spent.get(name, ())),
            defaults,
        )
        for name in tasks
        if name in rows
    ]


def _ended(facts: dict[str, TaskRowFact], task: str, at: int, until: int) -> TaskState | None:
    """Return how a task, or one above it, ended; None while it goes on."""
    for one in task_chain(facts, task, None, at):
        fact = facts[one.id]
        if not one.is_open and (fact.closed_at is None or fact.closed_at <= until):
            return fact.state
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
