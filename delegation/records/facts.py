"""The answers to what settling must know, for a whole batch: one statement for each family.

Read after the gate was taken, in the transaction that writes. Of what was revoked this process keeps
a copy: revocations only grow and are numbered under the gate, so a copy at the number that this
transaction reads is exact, not merely recent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, select

from delegation.authority.ids import TaskId
from delegation.judge.facts import AgentFact, CounterKey, Facts, Query, Subject, TaskFact
from delegation.judge.settle import Settlement
from delegation.records.approvals import ApprovalBook
from delegation.records.changes import AT_ONCE
from delegation.records.database import upsert
from delegation.records.paused import Paused, PausedShelf
from delegation.records.tables import AGENT_KEYS, AGENTS, COUNTERS, LINKS, REVOCATIONS, TASKS

_MAX_TASKS: Final = 16  # child tasks nest no deeper than chains
_ALL_TASKS: Final = select(
    TASKS.c.id, TASKS.c.state, TASKS.c.deadline, TASKS.c.parent, TASKS.c.owner
).where(TASKS.c.id.in_(bindparam("ids", expanding=True)))
_ROOTS: Final = select(LINKS.c.id, LINKS.c.task).where(
    LINKS.c.id.in_(bindparam("ids", expanding=True))
)
_BY_KEY: Final = (
    select(AGENT_KEYS.c.key, AGENT_KEYS.c.agent, AGENTS.c.owner, AGENTS.c.recertify_by)
    .join(AGENTS, AGENTS.c.name == AGENT_KEYS.c.agent)
    .where(AGENT_KEYS.c.key.in_(bindparam("keys", expanding=True)))
)
_BY_NAME: Final = select(AGENTS.c.name, AGENTS.c.owner, AGENTS.c.recertify_by).where(
    AGENTS.c.name.in_(bindparam("names", expanding=True))
)
_NEWER: Final = (
    select(REVOCATIONS.c.kind, REVOCATIONS.c.id)
    .where(
        AT_ONCE,
        REVOCATIONS.c.epoch > bindparam("after"),
        REVOCATIONS.c.epoch <= bindparam("upto"),
    )
    .order_by(REVOCATIONS.c.epoch)
)
_COUNTED: Final = (
    select(COUNTERS.c.scope, COUNTERS.c.id, COUNTERS.c.unit, COUNTERS.c.lim, COUNTERS.c.used)
    .where(COUNTERS.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(COUNTERS.c.scope, COUNTERS.c.id, COUNTERS.c.unit)
)
_LOCKED: Final = _COUNTED.with_for_update()


class RevokedShelf:
    """All that was ever revoked, up to an epoch; kept by one process."""

    def __init__(self) -> None:
        """Begin with nothing read."""
        self._lock = Lock()
        self._epoch = 0
        self._subjects: set[Subject] = set()

    def upto(self, connection: Connection, epoch: int, *, settles: bool) -> AbstractSet[Subject]:
        """Return what is revoked at the epoch that this transaction reads.

        Args:
            connection: The transaction.
            epoch: The newest revocation that it sees.
            settles: Whether it holds the gate. A snapshot that is older than the shelf gets what is
                revoked since, too; under the gate, an older number is a restored database.
        """
        with self._lock:
            if epoch < self._epoch and not settles:
                return self._subjects
            if epoch < self._epoch:  # nothing that was read still counts
                self._epoch, self._subjects = 0, set()
            if epoch > self._epoch:
                found = connection.execute(_NEWER, {"after": self._epoch, "upto": epoch})
                newer = {Subject(row.kind, row.id) for row in found}
                if newer:
                    # A copy: a set that another thread is reading does not change under it.
                    self._subjects = self._subjects | newer
                self._epoch = epoch
            return self._subjects


@dataclass(slots=True)
class BatchFacts:
    """Facts for all calls of one batch; what one call charges, the next one sees.

    Args:
        epoch: The newest revocation.
        revoked: All that is revoked at that epoch.
        paused: What is suspended then, and what ends later.
        tasks: Rows of tasks by id, with those above them.
        recorded: Task of each recorded link of the batch.
        by_key: Registered agents by holder key.
        by_name: Registered agents by name.
        used: Units used, by counter.
        limits: Limits of the ledgers and budgets, by counter.
        approvals: What is known about the consent that calls of the batch need.
    """

    epoch: int
    revoked: AbstractSet[Subject]
    paused: Paused
    tasks: Mapping[str, TaskRowFact]
    recorded: Mapping[str, str]
    by_key: Mapping[bytes, AgentFact]
    by_name: Mapping[str, AgentFact]
    used: dict[CounterKey, int] = field(default_factory=dict)
    limits: dict[CounterKey, int] = field(default_factory=dict)
    touched: dict[CounterKey, int] = field(default_factory=dict)
    approvals: ApprovalBook = field(default_factory=ApprovalBook)

    def of(self, query: Query, *, is_nonce_used: bool) -> Facts:
        """Return the facts of one call as they stand after the calls before it."""
        chain = query.chain
        task = chain.origin.task
        ledger = {}
        for unit in query.units:
            limit = self.limits.get(CounterKey("task", task, unit))
            if limit is not None:
                ledger[unit] = limit
        return Facts(
            tasks=task_chain(self.tasks, task),
            is_root_recorded=self.is_root_recorded(query),
            is_nonce_used=is_nonce_used,
            epoch=self.epoch,
            revoked=self.revoked,
            suspended=self.paused.suspended,
            ends=self.paused.ends,
            agents_by_key=self.by_key,
            agents_by_name=self.by_name,
            used=self.used,
            ledger=ledger,
            approval=self.approvals.of(query),
        )

    def is_root_recorded(self, query: Query) -> bool:
        """Return whether this very root was recorded when it was issued, for this very task."""
        return self.recorded.get(query.chain.root.id) == query.chain.origin.task

    def charge(self, settlement: Settlement) -> None:
        """Let the next calls of the batch see what this one charged, asked for and used up."""
        self.approvals.note(settlement)
        for charge in settlement.charges:
            self.used[charge.key] = self.used.get(charge.key, 0) + charge.amount
            self.touched[charge.key] = self.touched.get(charge.key, 0) + charge.amount


@dataclass(frozen=True, slots=True)
class TaskRowFact:
    """A task's row, as far as standing asks."""

    is_open: bool
    deadline: int
    parent: str | None
    owner: str


def read_facts(
    connection: Connection,
    queries: Sequence[Query],
    *,
    epoch: int,
    shelf: RevokedShelf,
    paused: PausedShelf,
    settles: bool = True,
) -> BatchFacts:
    """Return the facts of a batch but for its counters, which are locked later."""
    links = [link for query in queries for link in query.chain.links]
    by_key, by_name = read_agents(
        connection, (k.holder_key for k in links), (k.holder_name for k in links)
    )
    return BatchFacts(
        epoch=epoch,
        revoked=shelf.upto(connection, epoch, settles=settles),
        paused=paused.upto(connection, epoch, settles=settles),
        tasks=read_tasks(connection, {query.chain.origin.task for query in queries}),
        recorded={
            row.id: row.task
            for row in connection.execute(_ROOTS, {"ids": list({k.id for k in links})})
        },
        by_key=by_key,
        by_name=by_name,
    )


def read_agents(
    connection: Connection, keys: Iterable[bytes], names: Iterable[str]
) -> tuple[dict[bytes, AgentFact], dict[str, AgentFact]]:
    """Return the registered agents of these keys, and of these names."""
    by_key = {
        row.key: AgentFact(row.agent, row.owner, row.recertify_by)
        for row in connection.execute(_BY_KEY, {"keys": list(set(keys))})
    }
    by_name = {
        row.name: AgentFact(row.name, row.owner, row.recertify_by)
        for row in connection.execute(_BY_NAME, {"names": list(set(names))})
    }
    return by_key, by_name


def task_chain(tasks: Mapping[str, TaskRowFact], task: str) -> tuple[TaskFact, ...]:
    """Return a task and those above it, nearest first; empty where one is unknown or too far up."""
    found: list[TaskFact] = []
    wanted: str | None = task
    while wanted is not None and len(found) < _MAX_TASKS:
        row = tasks.get(wanted)
        if row is None:
            return ()
        found.append(TaskFact(TaskId(wanted), row.is_open, row.deadline, row.owner))
        wanted = row.parent
    # A task above the bound was not looked at, so nothing is known of it: unknown, refused.
    return tuple(found) if wanted is None else ()


def read_tasks(connection: Connection, tasks: Iterable[str]) -> dict[str, TaskRowFact]:
    """Return these tasks and all above them, by id."""
    found: dict[str, TaskRowFact] = {}
    wanted = set(tasks)
    for _ in range(_MAX_TASKS):
        if not wanted:
            break
        for row in connection.execute(_ALL_TASKS, {"ids": list(wanted)}):
            found[row.id] = TaskRowFact(row.state == "open", row.deadline, row.parent, row.owner)
        wanted = {t.parent for t in found.values() if t.parent is not None} - found.keys()
    return found


def counters(connection: Connection, queries: Sequence[Query], facts: BatchFacts) -> None:
    """Read the batch's counters without locking them; for plans, which charge nothing."""
    ledgers, limits = _counter_keys(queries)
    _read_counters(connection, [*ledgers, *limits], facts, _COUNTED)


def lock_counters(connection: Connection, queries: Sequence[Query], facts: BatchFacts) -> None:
    """Lock and read every counter that the batch may charge, in one order for all processes.

    A link's counter is made here at its first use, with the limit that its signed grant states.
    """
    ledgers, limits = _counter_keys(queries)
    wanted = [*ledgers, *limits]
    if not wanted:
        return
    _read_counters(connection, wanted, facts, _LOCKED)
    missing = sorted(
        (key.scope, key.id, key.unit, limit)
        for key, limit in limits.items()
        # Of a chain whose root was never issued here nothing is kept, not even a counter.
        if key not in facts.limits and key.id in facts.recorded
    )
    if not missing:
        return
    names = ("scope", "id", "unit", "lim")
    connection.execute(
        upsert(connection, COUNTERS).on_conflict_do_nothing(),
        [{**dict(zip(names, row, strict=True)), "used": 0} for row in missing],
    )
    _read_counters(connection, wanted, facts, _LOCKED)


def _counter_keys(queries: Sequence[Query]) -> tuple[set[CounterKey], dict[CounterKey, int]]:
    """Return the ledgers' counters, and the links' with their limits."""
    limits: dict[CounterKey, int] = {}
    ledgers: set[CounterKey] = set()
    for query in queries:
        for unit in query.units:
            ledgers.add(CounterKey("task", query.chain.origin.task, unit))
            for link in query.chain.links:
                limit = link.grant.budget.get(unit)
                if limit is not None:
                    limits[CounterKey("link", link.id, unit)] = limit
    return ledgers, limits


def _read_counters(
    connection: Connection,
    wanted: Sequence[CounterKey],
    facts: BatchFacts,
    statement: Select[Any],
) -> None:
    ids = list({key.id for key in wanted})
    for scope, name, unit, limit, used in connection.execute(statement, {"ids": ids}):
        key = CounterKey(scope, name, unit)
        facts.used[key], facts.limits[key] = used, limit
