"""Answers questions to the store from one snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, select
from typing_extensions import override

from delegation.authority.alias import RESERVED_PREFIX
from delegation.authority.catalogue import Catalogue
from delegation.authority.chain import Chain
from delegation.authority.ids import LinkId, TaskId
from delegation.commands.work import (
    Agent,
    ApiKey,
    DecisionDetail,
    LoginKind,
    Reader,
)
from delegation.judge.facts import Facts, Query
from delegation.judge.in_process import Holder, RootStanding
from delegation.judge.standing import own_subject
from delegation.judge.subject import Subject
from delegation.lineage.entry import DecisionEntry, LinkEntry, TaskEntry
from delegation.lineage.feed import Preview, Revocation
from delegation.lineage.filter import DecisionFilter, LinkFilter, TaskFilter
from delegation.records.decision_detail import decision_detail
from delegation.records.engine.methods import of_connection
from delegation.records.engine.numbers import read_numbers
from delegation.records.exports.exporting import SqlExports, fitting
from delegation.records.lineage import decisions, links, mediation, renewals, standing
from delegation.records.lineage.caches import Caches
from delegation.records.lineage.ended_before import ended_before as _ended_before
from delegation.records.lineage.ended_before import ended_tools as _ended_tools
from delegation.records.lineage.lineage import SqlLineage
from delegation.records.lineage.preview import preview
from delegation.records.lineage.questions import SqlQuestions
from delegation.records.lineage.task_entries import task_entries
from delegation.records.lineage.usage import last_use
from delegation.records.people import logins, replicas
from delegation.records.people.approvals import ApprovalRows
from delegation.records.revocation import changes
from delegation.records.settling import in_process as local
from delegation.records.settling.approvals import ApprovalBook
from delegation.records.settling.facts import read_facts, read_paces
from delegation.records.tables.people import API_KEYS
from delegation.records.tables.records import (
    AGENT_KEYS,
    AGENTS,
    ANNOUNCED,
    DECISIONS,
    LINKS,
    REVOCATIONS,
    TASKS,
    UNPROVEN,
)

_CHUNK: Final = 500  # ids in one IN list: SQLite's oldest limit is 999 parameters


class SqlReader(SqlLineage, SqlQuestions, SqlExports, ApprovalRows, Reader):
    """See `commands.work.Reader`, whose sentences hold here.

    Args:
        connection: An open snapshot or transaction.
        caches: Per-process caches.
    """

    def __init__(self, connection: Connection, caches: Caches) -> None:
        """Read through this connection; the caller ends it."""
        super().__init__(connection)
        self._caches = caches

    @override
    def catalogue(self) -> Catalogue:
        return self._caches.catalogue.newest(self._connection)

    @override
    def facts(self, query: Query) -> Facts:
        found = read_facts(self._connection, [query], self._caches, settles=False)
        found.open_histories(self._connection, [query], settles=False)
        read_paces(self._connection, [query], found)
        if query.approval is not None:
            roots = {task: row.root for task, row in found.known.tasks.items()}
            asked = [(query, found.line(query))]
            found.approvals = ApprovalBook.read(self._connection, asked, roots)
        return found.of(query, is_nonce_used=False)

    @override
    def task(self, task: TaskId, *, at: int) -> TaskEntry | None:
        found = task_entries(self._connection, [task], at=at, defaults=self._caches.limits)
        return found[0] if found else None

    @override
    def tasks(
        self, wanted: TaskFilter, *, after: str | None, limit: int, at: int
    ) -> Sequence[TaskEntry]:
        query = select(TASKS.c.id).order_by(TASKS.c.opened_at.desc(), TASKS.c.id).limit(limit)
        if wanted.owner is not None:
            query = query.where(TASKS.c.owner == wanted.owner)
        if wanted.is_open is not None:
            is_open = (TASKS.c.state == "open") & (TASKS.c.deadline > at)
            query = query.where(is_open if wanted.is_open else ~is_open)
        if after is not None:
            mark = self._connection.execute(select(TASKS).where(TASKS.c.id == after)).one_or_none()
            if mark is None:
                return ()
            query = query.where(
                (TASKS.c.opened_at < mark.opened_at)
                | ((TASKS.c.opened_at == mark.opened_at) & (TASKS.c.id > mark.id))
            )
        names = self._connection.execute(query).scalars().all()
        return task_entries(self._connection, names, at=at, defaults=self._caches.limits)

    @override
    def agents(self) -> Sequence[Agent]:
        keys: dict[str, list[bytes]] = {}
        for row in self._connection.execute(
            select(AGENT_KEYS).order_by(AGENT_KEYS.c.at, AGENT_KEYS.c.key)
        ):
            keys.setdefault(row.agent, []).append(row.key)
        found = self._connection.execute(select(AGENTS).order_by(AGENTS.c.name))
        return [
            Agent(r.name, r.owner, tuple(keys.get(r.name, ())), r.at, r.recertify_by) for r in found
        ]

    @override
    def link(self, link: LinkId, *, at: int, past: bool = False) -> LinkEntry | None:
        found = links.with_ancestors(self._connection, [link])
        return links.entries(self._connection, found, at=at, past=past).get(link)

    path = of_connection(standing.path)

    @override
    def link_payload(self, link: LinkId) -> bytes | None:
        query = select(LINKS.c.payload).where(LINKS.c.id == link)
        payload: bytes | None = self._connection.execute(query).scalar_one_or_none()
        return payload

    @override
    def links(
        self, wanted: LinkFilter, *, after: LinkId | None, limit: int, at: int, past: bool = False
    ) -> Sequence[LinkEntry]:
        query = fitting(select(LINKS.c.id).order_by(LINKS.c.sequence).limit(limit), wanted)
        if past:
            query = query.where(LINKS.c.at <= at)
        if after is not None:
            mark = select(LINKS.c.sequence).where(LINKS.c.id == after).scalar_subquery()
            query = query.where(LINKS.c.sequence > mark)
        found = list(self._connection.execute(query).scalars())
        return self._entries(found, at=at, past=past)

    def _entries(self, wanted: Sequence[str], *, at: int, past: bool) -> list[LinkEntry]:
        found = links.with_ancestors(self._connection, wanted)
        entries = links.entries(self._connection, found, at=at, past=past)
        return [entries[LinkId(link)] for link in wanted if link in entries]

    @override
    def ancestors(self, link: LinkId, *, at: int, past: bool = False) -> Sequence[LinkEntry]:
        found = links.with_ancestors(self._connection, [link])
        entries = links.entries(self._connection, found, at=at, past=past)
        return list(entries.values()) if link in entries else ()

    @override
    def descendants(
        self, link: LinkId, *, limit: int, at: int, past: bool = False
    ) -> Sequence[LinkEntry]:
        until = at if past else None
        found = links.below(self._connection, [link], limit, until=until)
        return self._entries(found, at=at, past=past)

    numbers = of_connection(read_numbers)

    @override
    def decisions(
        self, wanted: DecisionFilter, *, after: int, limit: int, newest: bool = False
    ) -> Sequence[DecisionEntry]:
        found = self._connection.execute(decisions.filtered(wanted, after, limit, newest=newest))
        return [decisions.entry_of(row) for row in found]

    @override
    def details(
        self, wanted: DecisionFilter, *, after: int, limit: int
    ) -> Sequence[DecisionDetail]:
        found = self._connection.execute(decisions.filtered(wanted, after, limit))
        return [decisions.detail_of(row) for row in found]

    recorded = of_connection(mediation.recorded)

    recorded_for = of_connection(mediation.recorded_for)

    decision = of_connection(decision_detail)

    feed = of_connection(changes.feed)

    changes = of_connection(changes.of)

    @override
    def standing(self, root: LinkId, holders: Sequence[Holder]) -> RootStanding | None:
        return local.root_standing(self._connection, root, holders, self._caches.limits)

    @override
    def facts_at(self, chain: Chain, called: Sequence[Subject], *, at: int) -> Facts:
        limits = self._caches.limits
        return local.facts_at(self._connection, chain, called, at=at, defaults=limits)

    was_used = of_connection(local.was_used)

    local_decisions = of_connection(local.local_decisions)

    @override
    def preview(self, subject: Subject, *, at: int) -> Preview:
        catalogue = self.catalogue()
        return preview(self._connection, own_subject(catalogue, subject), catalogue, at=at)

    @override
    def last_allowance(self, *, before: int) -> DecisionEntry | None:
        query = select(DECISIONS).where(
            DECISIONS.c.allowed.is_(True),
            DECISIONS.c.epoch < before,
            ~DECISIONS.c.tool.startswith(RESERVED_PREFIX),
        )
        query = query.order_by(DECISIONS.c.sequence.desc()).limit(1)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else decisions.entry_of(row)

    last_use = of_connection(last_use)

    renewal = of_connection(renewals.renewal_of)

    @override
    def ended_before(self, link: LinkId) -> Sequence[Revocation]:
        return _ended_before(self._connection, link, self.catalogue())

    ended_tools = of_connection(_ended_tools)

    @override
    def line(self, link: LinkId) -> Sequence[LinkId]:
        return [LinkId(name) for name in renewals.line(self._connection, link)]

    replicas = of_connection(replicas.all_of)

    @override
    def revocations_of(self, subjects: Sequence[str]) -> Sequence[Revocation]:
        found: list[Revocation] = []
        for start in range(0, len(subjects), _CHUNK):
            part = subjects[start : start + _CHUNK]
            query = select(REVOCATIONS).where(
                REVOCATIONS.c.id.in_(part), REVOCATIONS.c.act.in_(changes.SUBJECT_ACTS)
            )
            found += [changes.change_of(row) for row in self._connection.execute(query)]
        return sorted(found, key=lambda revocation: revocation.epoch)

    @override
    def api_key(self, secret_digest: bytes) -> ApiKey | None:
        query = select(API_KEYS).where(API_KEYS.c.digest == secret_digest)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _api_key(row)

    @override
    def api_keys(self) -> Sequence[ApiKey]:
        return [_api_key(r) for r in self._connection.execute(select(API_KEYS).order_by("name"))]

    @override
    def login(self, digest: bytes, kind: LoginKind, *, at: int) -> ApiKey | None:
        row = logins.key_of(self._connection, digest, kind, at=at)
        return None if row is None else _api_key(row)

    @override
    def announced(self, link: LinkId, digest: bytes) -> str | None:
        query = select(ANNOUNCED.c.text).where(
            ANNOUNCED.c.link == link, ANNOUNCED.c.digest == digest
        )
        text: str | None = self._connection.execute(query).scalar_one_or_none()
        return text

    @override
    def unproven_counts(self) -> Mapping[tuple[int, str], int]:
        return {(r.minute, r.code): int(r[2]) for r in self._connection.execute(select(UNPROVEN))}


def _api_key(row: Row[Any]) -> ApiKey:
    audiences = tuple(row.audiences.split("\n")) if row.audiences else ()
    roles = tuple(row.approves_as.split("\n")) if row.approves_as else ()
    return ApiKey(row.name, row.role, audiences, row.at, bool(row.is_revoked), row.person, roles)
