"""Opens requests for approval and uses consent inside a batch.

A root task's approvals, child tasks' included, are locked before they are read: two processes that
meet the same call open one request, and of two that would use the same approval one wins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Self

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from delegation import canonical, sent_json
from delegation.errors import StoreUnavailableError
from delegation.identity.approval import Binding
from delegation.identity.person import folded
from delegation.judge.approval_request import (
    NO_APPROVALS,
    Act,
    ApprovalFacts,
    NewRequest,
    RequestFact,
)
from delegation.judge.facts import Query
from delegation.judge.line import Line
from delegation.judge.settle import Settlement
from delegation.records.engine.numbers import take_number
from delegation.records.revocation.endings import Ending
from delegation.records.revocation.revoked_people import ended_people
from delegation.records.tables.approvals import ACTS, APPROVALS
from delegation.records.tables.people import API_KEYS
from delegation.records.tables.records import TASKS

_CLASS: Final = 0x61707276  # one class of advisory locks of ours: "aprv"
_NEWEST: Final = (
    select(APPROVALS.c.binding, func.max(APPROVALS.c.sequence).label("sequence"))
    .where(APPROVALS.c.binding.in_(bindparam("bindings", expanding=True)))
    .group_by(APPROVALS.c.binding)
)
_BY_SEQUENCE: Final = select(APPROVALS).where(
    APPROVALS.c.sequence.in_(bindparam("sequences", expanding=True))
)
_OPEN: Final = (
    select(TASKS.c.root, APPROVALS.c.link, APPROVALS.c.expires_at)
    .join(TASKS, TASKS.c.id == APPROVALS.c.task)
    .where(
        TASKS.c.root.in_(bindparam("roots", expanding=True)),
        APPROVALS.c.state == "pending",
        APPROVALS.c.expires_at > bindparam("after"),
    )
)
_ACTS: Final = (
    select(ACTS)
    .join(API_KEYS, API_KEYS.c.name == ACTS.c.key)
    .where(ACTS.c.approval.in_(bindparam("ids", expanding=True)), API_KEYS.c.is_revoked.is_(False))
    .order_by(ACTS.c.at, ACTS.c.person)
)
_USE: Final = (
    update(APPROVALS)
    .where(APPROVALS.c.id == bindparam("of_id"), APPROVALS.c.state == "granted")
    .values(state="used", used_by=bindparam("by_decision"), ended_at=bindparam("ended"))
)


def lock(connection: Connection, names: Iterable[str]) -> None:
    """Let nobody else open, answer or use approvals of these root tasks or persons until COMMIT.

    SQLite has one writer anyway. A lock order that all processes keep prevents deadlock.
    """
    if connection.dialect.name != "postgresql":
        return
    for number in sorted({_number(name) for name in names}):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CLASS}, {number})")


def _number(name: str) -> int:
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:4], "big", signed=True)


def living_acts(
    connection: Connection, ids: Sequence[str], *, at: int
) -> dict[str, tuple[Act, ...]]:
    """Return what people said to these requests, as far as their keys live and they are not ended."""
    found: dict[str, tuple[Act, ...]] = {}
    if ids:
        ended = ended_people(connection, at=at)
        for row in connection.execute(_ACTS, {"ids": list(ids)}):
            if folded(row.shown_as) not in ended:
                found[row.approval] = (*found.get(row.approval, ()), act_of(row))
    return found


def act_of(row: Row[Any]) -> Act:
    """Return a row as what a person said."""
    return Act(row.shown_as, tuple(row.roles.split("\n")) if row.roles else (), row.verdict)


class ApprovalBook:
    """Consent to the calls of one batch; what one call opens or uses up, the next one sees."""

    def __init__(self) -> None:
        """Begin with nothing known, which denies whatever needs consent."""
        self._newest: dict[bytes, RequestFact] = {}
        self._above: dict[bytes, tuple[bytes, ...]] = {}
        self._roots: Mapping[str, str] = {}
        self._open: list[tuple[str, str, int]] = []  # root task, link, expires_at
        self._opened: list[NewRequest] = []
        self._used: list[tuple[str, str, int, int]] = []  # request, decision, at, expires_at

    @classmethod
    def locked(
        cls, connection: Connection, asked: Sequence[tuple[Query, Line]], roots: Mapping[str, str]
    ) -> Self:
        """Lock and read what the calls of a batch need; nothing where none needs consent."""
        lock(connection, {roots.get(line.task, line.task) for _, line in asked})
        return cls.read(connection, asked, roots)

    @classmethod
    def read(
        cls, connection: Connection, asked: Sequence[tuple[Query, Line]], roots: Mapping[str, str]
    ) -> Self:
        """Read without locking; for plans, which open and use nothing.

        Args:
            connection: A snapshot, or a transaction that writes.
            asked: The calls that need consent, with their lines.
            roots: The root of each task that is known.
        """
        book = cls()
        book._roots = roots
        for query, line in asked:
            if query.approval is not None:
                book._above[query.approval.digest()] = _to_links_above(query.approval, line)
        if not book._above:
            return book
        bindings = {*book._above, *(digest for above in book._above.values() for digest in above)}
        newest = connection.execute(_NEWEST, {"bindings": list(bindings)}).all()
        found = connection.execute(_BY_SEQUENCE, {"sequences": [r.sequence for r in newest]}).all()
        granted = [row.id for row in found if row.state == "granted"]
        acts = living_acts(connection, granted, at=max(query.at for query, _ in asked))
        for row in found:
            book._newest[bytes(row.binding)] = RequestFact(
                row.id, row.state, row.expires_at, row.statement, acts.get(row.id, ())
            )
        waiting = {
            "roots": list({roots.get(line.task, line.task) for _, line in asked}),
            "after": min(query.at for query, _ in asked),
        }
        book._open = [
            (row.root, row.link, row.expires_at) for row in connection.execute(_OPEN, waiting)
        ]
        return book

    def of(self, query: Query) -> ApprovalFacts:
        """Return what is known about consent to one call, after the calls before it."""
        if query.approval is None:
            return NO_APPROVALS
        asked = query.approval.digest()
        task, link = query.chain.origin.task, query.chain.leaf.id
        root = self._roots.get(task, task)
        waiting = [(r, k) for r, k, until in self._open if until > query.at]
        above = (self._newest.get(digest) for digest in self._above.get(asked, ()))
        return ApprovalFacts(
            self._newest.get(asked),
            next((one.id for one in above if one is not None and one.state == "refused"), None),
            sum(1 for _, of_link in waiting if of_link == link),
            sum(1 for of_root, _ in waiting if of_root == root),
        )

    def note(self, settlement: Settlement) -> None:
        """Keep what a settled call opens or uses up, for the calls after it and for `write`."""
        ruling, decision = settlement.ruling, settlement.decision
        if ruling.opens is not None:
            opened = ruling.opens
            self._opened.append(opened)
            root = self._roots.get(opened.task, opened.task)
            self._open.append((root, opened.binding.link, opened.expires_at))
            self._newest[opened.binding.digest()] = RequestFact(
                opened.id, "pending", opened.expires_at
            )
        if ruling.uses and ruling.request is not None:
            for binding, request in self._newest.items():
                if request.id == ruling.request:
                    self._newest[binding] = RequestFact(request.id, "used", request.expires_at)
                    self._used.append((request.id, decision.id, decision.at, request.expires_at))

    def write(self, connection: Connection) -> None:
        """Write what was opened and used up, in the transaction that writes the decisions.

        Raises:
            StoreUnavailableError: An approval is no longer there to be used, so nothing of the
                batch is written: the lock was not held, which must not happen.
        """
        for request, decision, at, _ in self._used:
            used = {"of_id": request, "by_decision": decision, "ended": at}
            if connection.execute(_USE, used).rowcount != 1:
                raise StoreUnavailableError("An approval was used elsewhere; nothing was written.")
        if self._opened:
            first = take_number(connection, "approval", len(self._opened))
            rows = [_row(new, n) for n, new in enumerate(self._opened, start=first)]
            connection.execute(insert(APPROVALS), rows)

    @property
    def endings(self) -> list[Ending]:
        """What was used up, for the journal; noted last, since numbers of endings are locked last."""
        return [Ending("used", request, at, until) for request, _, at, until in self._used]


def _to_links_above(binding: Binding, line: Line) -> tuple[bytes, ...]:
    """Return what the same call would be bound by under each link above: its refusal counts here."""
    return tuple(
        replace(binding, link=link.id).digest() for link in line.links if link.id != binding.link
    )


def _row(new: NewRequest, sequence: int) -> dict[str, Any]:
    return {
        "id": new.id,
        "sequence": sequence,
        "binding": new.binding.digest(),
        "state": "pending",
        "task": new.task,
        "link": new.binding.link,
        "tool": new.binding.tool,
        "audience": new.binding.audience,
        "bound": canonical.text_of(new.binding.to_json()),
        "rules": canonical.text_of([rule.to_json() for rule in new.rules]),
        "arguments": sent_json.text_of(dict(new.arguments)),
        "purpose": new.purpose,
        "cause": new.cause,
        "cost": canonical.text_of(dict(new.cost)),
        "resources": canonical.text_of([*new.resources]),
        "opened_by": new.opened_by,
        "at": new.at,
        "expires_at": new.expires_at,
        "statement": "",
    }
