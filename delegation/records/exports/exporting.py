"""Reads numbers and chains for exports; see `commands.question_work`, whose sentences hold here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, func, select
from typing_extensions import override

from delegation.authority.agent_name import claim_of
from delegation.authority.ids import LinkId
from delegation.lineage.entry import LinkEntry
from delegation.lineage.filter import DecisionFilter, LinkFilter
from delegation.records.exports.jobs import ExportJobRows
from delegation.records.lineage import decisions, links
from delegation.records.tables.records import DECISIONS, LINKS, TASKS

_Query = TypeVar("_Query", bound=Select[Any])


class SqlExports(ExportJobRows):
    """Part of `SqlReader`, which has the connection."""

    _connection: Connection

    @override
    def count_tasks(self) -> int:
        return self._number(select(func.count()).select_from(TASKS))

    @override
    def count_links(self, wanted: LinkFilter, *, at: int, past: bool = False) -> int:
        query = fitting(select(func.count()).select_from(LINKS), wanted)
        return self._number(query.where(LINKS.c.at <= at) if past else query)

    @override
    def count_decisions(self, wanted: DecisionFilter) -> int:
        query = decisions.fitting(select(func.count()).select_from(DECISIONS), wanted)
        return self._number(query)

    @override
    def chains(
        self, leaves: Sequence[LinkId], *, at: int, past: bool = False
    ) -> Mapping[LinkId, LinkEntry]:
        found = links.with_ancestors(self._connection, leaves)
        return links.entries(self._connection, found, at=at, past=past)

    def _number(self, query: Select[Any]) -> int:
        number: int = self._connection.execute(query).scalar_one()
        return number


def fitting(query: _Query, wanted: LinkFilter) -> _Query:
    """Return a query for links, filtered."""
    for column, value in (
        (LINKS.c.task, wanted.task),
        (LINKS.c.parent, wanted.parent),
        (LINKS.c.holder_name, None if wanted.holder is None else claim_of(wanted.holder)),
        (LINKS.c.holder_key, wanted.key),
    ):
        if value is not None:
            query = query.where(column == value)
    return query
