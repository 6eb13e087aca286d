"""Questions to the store, answered from one snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, select

from delegation import canonical
from delegation.authority.catalogue import Catalogue
from delegation.authority.grant import Grant
from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.judge.facts import Facts, Query, Subject
from delegation.lineage.entry import DecisionEntry, Lineage, LinkEntry, TaskEntry
from delegation.records import decisions, links
from delegation.records.facts import counters, read_facts
from delegation.records.numbers import read_numbers
from delegation.records.shelves import Shelves
from delegation.records.tables import (
    AGENT_KEYS,
    AGENTS,
    API_KEYS,
    COUNTERS,
    DECISIONS,
    LINKS,
    OUTCOMES,
    REVOCATIONS,
    TASKS,
    UNPROVEN,
)
from delegation.tracker.work import Agent, ApiKey, DecisionDetail, OutcomeReport, Revocation


class SqlReader:
    """See `tracker.work.Reader`, whose sentences hold here.

    Args:
        connection: An open snapshot or transaction.
        shelves: What this process keeps between transactions.
    """

    def __init__(self, connection: Connection, shelves: Shelves) -> None:
        """Read through this connection; the caller ends it."""
        self._connection = connection
        self._shelves = shelves

    def catalogue(self) -> Catalogue:
        """Return all tools with all their revisions."""
        return self._shelves.catalogue.newest(self._connection)

    def facts(self, query: Query) -> Facts:
        """Return what settling a call would know now; nothing is locked."""
        epoch = read_numbers(self._connection)["epoch"]
        found = read_facts(
            self._connection, [query], epoch=epoch, shelf=self._shelves.revoked, settles=False
        )
        found.open_histories(self._connection, [query], settles=False)
        counters(self._connection, [query], found)
        return found.of(query, is_nonce_used=False)

    def task(self, task: TaskId) -> TaskEntry | None:
        """Return a task, or None."""
        row = self._connection.execute(select(TASKS).where(TASKS.c.id == task)).one_or_none()
        return None if row is None else self._task(row)

    def tasks(self, *, after: str | None, limit: int) -> Sequence[TaskEntry]:
        """Return tasks, newest first, after the one with this id."""
        query = select(TASKS).order_by(TASKS.c.opened_at.desc(), TASKS.c.id).limit(limit)
        if after is not None:
            mark = self._connection.execute(select(TASKS).where(TASKS.c.id == after)).one_or_none()
            if mark is None:
                return ()
            query = query.where(
                (TASKS.c.opened_at < mark.opened_at)
                | ((TASKS.c.opened_at == mark.opened_at) & (TASKS.c.id > mark.id))
            )
        return [self._task(row) for row in self._connection.execute(query).all()]

    def _task(self, row: Row[Any]) -> TaskEntry:
        ledger = select(COUNTERS.c.unit, COUNTERS.c.used).where(
            COUNTERS.c.scope == "task", COUNTERS.c.id == row.id
        )
        spent = self._connection.execute(ledger.order_by(COUNTERS.c.unit)).all()
        return TaskEntry(
            id=TaskId(row.id),
            title=row.title,
            owner=row.owner,
            state=row.state,
            opened_at=row.opened_at,
            deadline=row.deadline,
            inferred=bool(row.inferred),
            ceiling=Grant.from_json(canonical.parse(row.ceiling)),
            under=row.under,
            spent=tuple((unit, used) for unit, used in spent),
        )

    def agents(self) -> Sequence[Agent]:
        """Return all registered agents by name."""
        keys: dict[str, list[bytes]] = {}
        for row in self._connection.execute(
            select(AGENT_KEYS).order_by(AGENT_KEYS.c.at, AGENT_KEYS.c.key)
        ):
            keys.setdefault(row.agent, []).append(row.key)
        found = self._connection.execute(select(AGENTS).order_by(AGENTS.c.name))
        return [Agent(r.name, r.owner, tuple(keys.get(r.name, ())), r.at) for r in found]

    def link(self, link: LinkId, *, at: int) -> LinkEntry | None:
        """Return a link with its standing computed from its ancestors, or None."""
        found = links.with_ancestors(self._connection, [link])
        return links.entries(self._connection, found, at=at).get(link)

    def link_payload(self, link: LinkId) -> bytes | None:
        """Return the signed payload of a link, or None."""
        query = select(LINKS.c.payload).where(LINKS.c.id == link)
        payload: bytes | None = self._connection.execute(query).scalar_one_or_none()
        return payload

    def links(
        self,
        *,
        task: TaskId | None,
        parent: LinkId | None,
        after: LinkId | None,
        limit: int,
        at: int,
    ) -> Sequence[LinkEntry]:
        """Return links in the order they were recorded, filtered."""
        query = select(LINKS.c.id).order_by(LINKS.c.sequence).limit(limit)
        if task is not None:
            query = query.where(LINKS.c.task == task)
        if parent is not None:
            query = query.where(LINKS.c.parent == parent)
        if after is not None:
            mark = select(LINKS.c.sequence).where(LINKS.c.id == after).scalar_subquery()
            query = query.where(LINKS.c.sequence > mark)
        wanted = list(self._connection.execute(query).scalars())
        return self._entries(wanted, at=at)

    def _entries(self, wanted: Sequence[str], *, at: int) -> list[LinkEntry]:
        found = links.with_ancestors(self._connection, wanted)
        entries = links.entries(self._connection, found, at=at)
        return [entries[LinkId(link)] for link in wanted if link in entries]

    def ancestors(self, link: LinkId, *, at: int) -> Sequence[LinkEntry]:
        """Return a link's ancestors, root first, itself last; empty if unknown."""
        found = links.with_ancestors(self._connection, [link])
        return list(links.entries(self._connection, found, at=at).values())

    def descendants(self, link: LinkId, *, limit: int, at: int) -> Sequence[LinkEntry]:
        """Return the links below a link, parents before children; empty if unknown."""
        return self._entries(links.below(self._connection, link, limit), at=at)

    def lineage(self, task: TaskId, *, at: int) -> Lineage | None:
        """Return a task with its links and decisions, or None."""
        entry = self.task(task)
        if entry is None:
            return None
        found = self._connection.execute(
            select(LINKS).where(LINKS.c.task == task).order_by(LINKS.c.sequence)
        ).all()
        entries = links.entries(self._connection, found, at=at)
        made = self._connection.execute(
            select(DECISIONS).where(DECISIONS.c.task == task).order_by(DECISIONS.c.sequence)
        )
        return Lineage(entry, tuple(entries.values()), tuple(map(decisions.entry_of, made)))

    def decisions(
        self,
        *,
        task: TaskId | None,
        link: LinkId | None,
        allowed: bool | None,
        after: int,
        limit: int,
    ) -> Sequence[DecisionEntry]:
        """Return decisions in commit order with a sequence above `after`, filtered."""
        query = select(DECISIONS).where(DECISIONS.c.sequence > after)
        if task is not None:
            query = query.where(DECISIONS.c.task == task)
        if link is not None:
            query = query.where(DECISIONS.c.link == link)
        if allowed is not None:
            query = query.where(DECISIONS.c.allowed.is_(allowed))
        query = query.order_by(DECISIONS.c.sequence).limit(limit)
        return [decisions.entry_of(row) for row in self._connection.execute(query)]

    def decision(self, decision: DecisionId) -> DecisionDetail | None:
        """Return one decision, or None."""
        query = select(DECISIONS).where(DECISIONS.c.id == decision)
        row = self._connection.execute(query).one_or_none()
        if row is None:
            return None
        told = self._connection.execute(
            select(OUTCOMES).where(OUTCOMES.c.decision == decision)
        ).one_or_none()
        outcome = None
        if told is not None:
            outcome = OutcomeReport(decision, told.state, told.detail, told.by, told.at)
        return replace(decisions.detail_of(row), outcome=outcome)

    def revocations(self, *, after: int, limit: int) -> Sequence[Revocation]:
        """Return revocations with an epoch above `after`, oldest first."""
        query = select(REVOCATIONS).where(REVOCATIONS.c.epoch > after)
        query = query.order_by(REVOCATIONS.c.epoch).limit(limit)
        return [revocation_of(row) for row in self._connection.execute(query)]

    def api_key(self, secret_digest: bytes) -> ApiKey | None:
        """Return the API key whose secret has this SHA-256, or None."""
        query = select(API_KEYS).where(API_KEYS.c.digest == secret_digest)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _api_key(row)

    def api_keys(self) -> Sequence[ApiKey]:
        """Return all API keys by name."""
        return [_api_key(r) for r in self._connection.execute(select(API_KEYS).order_by("name"))]

    def unproven_counts(self) -> Mapping[tuple[int, str], int]:
        """Return how many unproven denials were only counted, by (minute, code)."""
        return {(r.minute, r.code): int(r[2]) for r in self._connection.execute(select(UNPROVEN))}


def revocation_of(row: Row[Any]) -> Revocation:
    """Return a row as a revocation."""
    return Revocation(row.epoch, Subject(row.kind, row.id), row.by, row.reason, row.at)


def _api_key(row: Row[Any]) -> ApiKey:
    audiences = tuple(row.audiences.split("\n")) if row.audiences else ()
    return ApiKey(row.name, row.role, audiences, row.at, bool(row.is_revoked))
