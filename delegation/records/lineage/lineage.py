"""Reads whole tasks with their descendants; see `commands.question_work`, whose sentences hold here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, select
from typing_extensions import override

from delegation.authority.ids import TaskId
from delegation.commands.question_work import QuestionReader
from delegation.lineage.entry import DecisionEntry, Lineage, TaskEntry
from delegation.lineage.outline import TaskOutline
from delegation.records.lineage import decisions, links, news
from delegation.records.lineage.caches import Caches
from delegation.records.lineage.outline import outlines_below
from delegation.records.lineage.task_entries import task_entries
from delegation.records.tables.records import DECISIONS, LINKS, TASKS

_CHUNK: Final = 400  # values in one IN list


class SqlLineage(QuestionReader):
    """Part of `SqlReader`, which has the connection."""

    _connection: Connection
    _caches: Caches

    @override
    def child_tasks(self, task: TaskId, *, at: int, past: bool = False) -> Sequence[TaskEntry]:
        found = self._tree(task, until=at if past else None)
        return self._entered(found[1:], at=at, past=past)

    @override
    def lineage(self, task: TaskId, *, at: int, past: bool = False) -> Lineage | None:
        tree = self._tree(task, until=at if past else None)
        if not tree:
            return None
        names = [row.id for row in tree]
        held = self._of(select(LINKS), LINKS.c.task, names)
        entries = links.entries(self._connection, held, at=at, past=past)
        query = select(DECISIONS)
        if past:
            query = query.where(DECISIONS.c.at <= at)
        made = self._of(query, DECISIONS.c.task, names)
        entry, *below = self._entered(tree, at=at, past=past)
        if past:  # counters keep no history; calls below are charged above as well
            units = {unit for unit, _ in entry.spent}
            entry = replace(entry, spent=decisions.spent(made, units))
        return Lineage(
            entry, tuple(entries.values()), tuple(map(decisions.entry_of, made)), tuple(below)
        )

    @override
    def outline(self, task: TaskId, *, at: int, past: bool = False) -> TaskOutline | None:
        tree = self._tree(task, until=at if past else None)
        if not tree:
            return None
        entry, *below = self._entered(tree, at=at, past=past)
        closed_at = tree[0].closed_at
        if past and closed_at is not None and closed_at > at:
            closed_at = None
        drawn = outlines_below(self._connection, self._caches.stems, tree, at=at, past=past)
        return TaskOutline(entry, tuple(drawn), closed_at, tuple(below))

    @override
    def links_after(self, task: TaskId, sequence: int, *, limit: int) -> Sequence[tuple[int, str]]:
        query = select(LINKS.c.sequence, LINKS.c.id).where(LINKS.c.sequence > sequence)
        names = [row.id for row in self._tree(task)]
        found = self._of(query.limit(limit), LINKS.c.task, names)
        return [(row.sequence, row.id) for row in found[:limit]]

    @override
    def decisions_after(
        self, task: TaskId, sequence: int, *, limit: int
    ) -> Sequence[DecisionEntry]:
        query = select(DECISIONS).where(DECISIONS.c.sequence > sequence)
        names = [row.id for row in self._tree(task)]
        found = self._of(query.limit(limit), DECISIONS.c.task, names)
        return list(map(decisions.entry_of, found[:limit]))

    @override
    def expired(self, task: TaskId | None, *, after: int, until: int) -> int:
        names = None if task is None else [row.id for row in self._tree(task)]
        return news.expired(self._connection, names, after=after, until=until)

    def _tree(self, task: str, *, until: int | None = None) -> list[Row[Any]]:
        """Return the rows of a task and of those below it, parents before children.

        As many as the limits of its root let agents open; each row once, so a circle ends.
        """
        top = self._connection.execute(select(TASKS).where(TASKS.c.id == task)).one_or_none()
        if top is None or (until is not None and top.opened_at > until):
            return []
        query = select(TASKS).where(TASKS.c.root == top.root, TASKS.c.parent.is_not(None))
        if until is not None:
            query = query.where(TASKS.c.opened_at <= until)
        opened: dict[str, list[Row[Any]]] = {}
        for row in self._connection.execute(query.order_by(TASKS.c.opened_at, TASKS.c.id)):
            opened.setdefault(row.parent, []).append(row)
        found = [top]
        for row in found:
            found += opened.pop(row.id, ())
        return found

    def _entered(self, rows: Sequence[Row[Any]], *, at: int, past: bool) -> list[TaskEntry]:
        limits = self._caches.limits
        return [
            entry
            for part in _parts([row.id for row in rows])
            for entry in task_entries(self._connection, part, at=at, defaults=limits, past=past)
        ]

    def _of(self, query: Select[Any], column: Any, names: Sequence[str]) -> list[Row[Any]]:
        """Return rows of these tasks by their sequence."""
        sequence = column.table.c.sequence
        found: list[Row[Any]] = []
        for part in _parts(names):
            asked = query.where(column.in_(part)).order_by(sequence)
            found += self._connection.execute(asked)
        return found if len(names) <= _CHUNK else sorted(found, key=lambda row: row.sequence)


def _parts(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
