"""Reads requests for approval, and records people's answers to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from sqlalchemy import Connection, Row, and_, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from typing_extensions import override

from delegation import canonical, sent_json
from delegation.authority.approval import ApprovalRule
from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.canonical import Json
from delegation.commands.question_work import ApprovalFilter, NewAct, QuestionReader, QuestionWork
from delegation.errors import ConflictError
from delegation.identity.approval import Binding
from delegation.identity.person import folded
from delegation.judge.approval_request import Act, RequestState
from delegation.lineage.approval import ApprovalAct, ApprovalEntry, ApprovalState, EarlierRefusal
from delegation.lineage.entry import LinkEntry
from delegation.lineage.feed import Revocation
from delegation.records.lineage import links
from delegation.records.lineage.standing import path
from delegation.records.revocation.endings import Ending
from delegation.records.revocation.revoked_people import ended_people
from delegation.records.settling.approvals import living_acts, lock
from delegation.records.tables.approvals import ACTS, APPROVALS
from delegation.records.tables.people import API_KEYS
from delegation.records.tables.records import TASKS

_MOST_TASKS = 16  # child tasks nest no deeper than chains


class ApprovalRows(QuestionReader):
    """See `commands.question_work.QuestionReader`, whose sentences hold here.

    Args:
        connection: An open snapshot or transaction.
    """

    def __init__(self, connection: Connection) -> None:
        """Read through this connection; the caller ends it."""
        self._connection = connection

    @override
    def approval(self, request: str, *, at: int) -> ApprovalEntry | None:
        query = select(APPROVALS).where(APPROVALS.c.id == request)
        found = self._approvals(self._connection.execute(query).all(), at)
        return found[0] if found else None

    @override
    def approvals(
        self, wanted: ApprovalFilter, *, after: int, limit: int, at: int
    ) -> Sequence[ApprovalEntry]:
        query = select(APPROVALS).where(APPROVALS.c.sequence > after)
        if wanted.task is not None:
            query = query.where(APPROVALS.c.task == wanted.task)
        if wanted.link is not None:
            query = query.where(APPROVALS.c.link == wanted.link)
        if wanted.audiences is not None:
            query = query.where(APPROVALS.c.audience.in_(list(wanted.audiences)))
        waits = APPROVALS.c.state.in_(("pending", "granted"))
        if wanted.state == "expired":
            query = query.where(waits, APPROVALS.c.expires_at <= at)
        elif wanted.state is not None:
            query = query.where(APPROVALS.c.state == wanted.state)
            query = query.where(~waits | (APPROVALS.c.expires_at > at))
        query = query.order_by(APPROVALS.c.sequence).limit(limit)
        return self._approvals(self._connection.execute(query).all(), at)

    def _approvals(self, rows: Sequence[Row[Any]], at: int) -> list[ApprovalEntry]:
        held = links.with_ancestors(self._connection, list({row.link for row in rows}))
        entries = links.entries(self._connection, held, at=at)
        said: dict[str, list[ApprovalAct]] = {}
        if rows:
            acts = (
                select(ACTS, API_KEYS.c.is_revoked)
                .join(API_KEYS, API_KEYS.c.name == ACTS.c.key)
                .where(ACTS.c.approval.in_([row.id for row in rows]))
                .order_by(ACTS.c.at, ACTS.c.person, ACTS.c.verdict)
            )
            for act in self._connection.execute(acts):
                said.setdefault(act.approval, []).append(_act(act))
        before = refused_before(self._connection, rows)
        return [
            replace(
                _entry(row, entries.get(LinkId(row.link)), tuple(said.get(row.id, ())), at),
                refused_before=before.get(row.id, ()),
            )
            for row in rows
        ]

    @override
    def waiting_approvals(self, *, at: int) -> int:
        waiting = APPROVALS.c.state == "pending", APPROVALS.c.expires_at > at
        return int(self._connection.execute(select(func.count()).where(*waiting)).scalar_one())

    @override
    def approval_states(self, requests: Sequence[str], *, at: int) -> Mapping[str, ApprovalState]:
        query = select(APPROVALS.c.id, APPROVALS.c.state, APPROVALS.c.expires_at)
        found = self._connection.execute(query.where(APPROVALS.c.id.in_(list(requests))))
        return {row.id: _state(row.state, row.expires_at, at) for row in found}

    @override
    def approval_holders(self, request: ApprovalEntry, *, at: int) -> frozenset[str]:
        way = path(self._connection, request.binding.link, at=at)
        # Of a child task also the chain of whoever opened it: its opener is no stranger to it.
        held = () if way is None else (*way.above, *way.links)
        rows = links.with_ancestors(self._connection, held)
        names: set[str] = set()
        for entry in links.entries(self._connection, rows, at=at).values():
            names.add(entry.owner)
            names.add(entry.holder_name)  # empty unless it is registered
        task: str | None = request.task
        for _ in range(_MOST_TASKS):
            if task is None:
                break
            row = self._connection.execute(
                select(TASKS.c.owner, TASKS.c.parent).where(TASKS.c.id == task)
            ).one()
            names.add(row.owner)
            task = row.parent
        return frozenset(folded(name) for name in names if name)


class ApprovalActs(ApprovalRows, QuestionWork):
    """See `commands.question_work.QuestionWork`, whose sentences hold here."""

    endings: list[Ending]  # for the journal, recorded at the end of the transaction

    @override
    def lock_approval(self, request: str, *, person: str) -> None:
        query = select(TASKS.c.root).join(APPROVALS, APPROVALS.c.task == TASKS.c.id)
        root = self._connection.execute(query.where(APPROVALS.c.id == request)).scalar_one_or_none()
        lock(self._connection, [f"person {folded(person)}", *([root] if root else [])])

    @override
    def ended_person(self, person: str, *, at: int) -> Revocation | None:
        return ended_people(self._connection, at=at).get(folded(person))

    @override
    def acts_since(self, person: str, *, at: int) -> int:
        query = select(func.count()).where(ACTS.c.person == folded(person), ACTS.c.at >= at)
        return int(self._connection.execute(query).scalar_one())

    @override
    def record_act(self, act: NewAct) -> Sequence[Act]:
        row = {
            "approval": act.request,
            "person": folded(act.person),
            "verdict": act.verdict,
            "shown_as": act.person,
            "key": act.key,
            "roles": "\n".join(act.roles),
            "reason": act.reason,
            "at": act.at,
        }
        said = select(ACTS.c.at).where(
            ACTS.c.approval == act.request,
            ACTS.c.person == row["person"],
            ACTS.c.verdict == act.verdict,
        )
        if self._connection.execute(said).first() is not None:
            raise ConflictError("This person said so before; a quorum counts people.")
        try:
            self._connection.execute(insert(ACTS), row)
        except IntegrityError as error:
            raise ConflictError("This person said so before; a quorum counts people.") from error
        return living_acts(self._connection, [act.request], at=act.at).get(act.request, ())

    @override
    def end_request(
        self, request: str, state: RequestState, *, statement: str, expires_at: int | None, at: int
    ) -> None:
        values: dict[str, Any] = {"state": state, "statement": statement, "ended_at": at}
        if expires_at is not None:
            values["expires_at"] = expires_at
        done = self._connection.execute(
            update(APPROVALS)
            .where(APPROVALS.c.id == request, APPROVALS.c.state == "pending")
            .values(**values)
            .returning(APPROVALS.c.expires_at)
        ).scalar_one_or_none()
        if done is None:
            raise ConflictError("The request was answered before.")
        if state == "refused":
            self.endings.append(Ending("refused", request, at, done))


def _act(row: Row[Any]) -> ApprovalAct:
    roles = tuple(row.roles.split("\n")) if row.roles else ()
    return ApprovalAct(
        row.shown_as, roles, row.key, row.verdict, row.reason, row.at, not row.is_revoked
    )


def _state(kept: RequestState, expires_at: int, at: int) -> ApprovalState:
    return "expired" if kept in {"pending", "granted"} and at >= expires_at else kept


def _entry(
    row: Row[Any], link: LinkEntry | None, acts: tuple[ApprovalAct, ...], at: int
) -> ApprovalEntry:
    bound = cast("dict[str, Any]", canonical.parse(row.bound))
    rules = cast("list[Json]", canonical.parse(row.rules))
    resources = cast("list[str]", canonical.parse(row.resources))
    return ApprovalEntry(
        id=row.id,
        sequence=row.sequence,
        state=_state(row.state, row.expires_at, at),
        binding=Binding(**{**bound, "link": LinkId(row.link)}),
        rules=tuple(map(ApprovalRule.from_json, rules)),
        task=TaskId(row.task),
        link=link,
        arguments=None
        if row.arguments is None
        else cast("dict[str, Json]", sent_json.parse(row.arguments)),
        purpose=row.purpose,
        claimed_cause=row.cause,
        cost=cast("dict[str, int]", canonical.parse(row.cost)),
        resources=tuple(resources),
        opened_by=DecisionId(row.opened_by),
        opened_at=row.at,
        expires_at=row.expires_at,
        acts=acts,
        statement=row.statement,
        ended_at=row.ended_at,
        used_by=None if row.used_by is None else DecisionId(row.used_by),
    )


def refused_before(
    connection: Connection, rows: Sequence[Row[Any]]
) -> dict[str, tuple[EarlierRefusal, ...]]:
    """Return by request the refusals of the same call, the newest first; nothing for most.

    The same call has the same tool and the same digest of canonical arguments, whatever the link,
    the audience, the cost and the catalogue. What ended after the request itself did is left out.

    Args:
        connection: A snapshot.
        rows: Requests.
    """
    if not rows:
        return {}
    roots = _roots(connection, {row.task for row in rows})
    query = (
        select(APPROVALS, TASKS.c.root, ACTS.c.shown_as, ACTS.c.reason, ACTS.c.at.label("said_at"))
        .join(TASKS, TASKS.c.id == APPROVALS.c.task)
        .join(ACTS, and_(ACTS.c.approval == APPROVALS.c.id, ACTS.c.verdict == "refuse"))
        .where(
            TASKS.c.root.in_(sorted(set(roots.values()))),
            APPROVALS.c.state == "refused",
            APPROVALS.c.tool.in_(sorted({row.tool for row in rows})),
        )
        .order_by(ACTS.c.at.desc(), APPROVALS.c.sequence.desc())
    )
    refused: dict[tuple[str, str, str], list[Row[Any]]] = {}
    for row in connection.execute(query):
        refused.setdefault((row.root, row.tool, _arguments(row)), []).append(row)
    if not refused:
        return {}
    found = {}
    for row in rows:
        same = refused.get((roots[row.task], row.tool, _arguments(row)), ())
        ends = row.ended_at
        found[row.id] = tuple(
            _refusal(other)
            for other in same
            if other.id != row.id and (ends is None or other.said_at <= ends)
        )
    return found


def _roots(connection: Connection, tasks: set[str]) -> dict[str, str]:
    query = select(TASKS.c.id, TASKS.c.root).where(TASKS.c.id.in_(sorted(tasks)))
    return {row.id: row.root for row in connection.execute(query)}


def _arguments(row: Row[Any]) -> str:
    """Return the digest of a request's canonical arguments, which stays when they are erased."""
    bound: Any = canonical.parse(row.bound)
    return str(bound["arguments"])


def _refusal(row: Row[Any]) -> EarlierRefusal:
    return EarlierRefusal(
        row.id,
        LinkId(row.link),
        TaskId(row.task),
        row.audience,
        row.shown_as,
        row.reason,
        row.said_at,
    )
