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

from delegation.authority.chain import Chain
from delegation.judge.decision import Denial
from delegation.judge.facts import AgentFact, CounterKey, Facts, Query, Subject, TaskFact
from delegation.judge.growth import counts_as_denial
from delegation.judge.limits import Limits
from delegation.judge.line import Line
from delegation.judge.pace import PaceKey, paces_of
from delegation.judge.settle import Settlement
from delegation.judge.standing import deny_under_ended
from delegation.records.approvals import ApprovalBook
from delegation.records.changes import AT_ONCE
from delegation.records.database import upsert
from delegation.records.existing import Existing
from delegation.records.flow import Histories, open_histories
from delegation.records.growth import Growth, Newcomer, bounds_of
from delegation.records.links import RecordedLink
from delegation.records.openers import OpenerShelf
from delegation.records.pace import read_turns
from delegation.records.paused import Paused, PausedShelf
from delegation.records.tables import AGENT_KEYS, AGENTS, COUNTERS, LINKS, RENEWALS, REVOCATIONS
from delegation.records.tasks import TaskRowFact, read_tasks, task_chain

_RECORDED: Final = (
    select(LINKS.c.id, LINKS.c.task, RENEWALS.c.line)
    .outerjoin(RENEWALS, RENEWALS.c.link == LINKS.c.id)
    .where(LINKS.c.id.in_(bindparam("ids", expanding=True)))
)
_BY_KEY: Final = (
    select(AGENT_KEYS.c.key, AGENT_KEYS.c.agent, AGENTS.c.owner, AGENTS.c.recertify_by)
    .join(AGENTS, AGENTS.c.name == AGENT_KEYS.c.agent)
    .where(AGENT_KEYS.c.key.in_(bindparam("keys", expanding=True)))
)
_BY_NAME: Final = select(
    AGENTS.c.claim, AGENTS.c.name, AGENTS.c.owner, AGENTS.c.recertify_by
).where(AGENTS.c.claim.in_(bindparam("names", expanding=True)))
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
                revoked since, too; under the gate, an older number is a restored database, which has
                forgotten what this process has not.
        """
        with self._lock:
            if epoch < self._epoch and not settles:
                return self._subjects
            if epoch < self._epoch:  # read anew; what was revoked once stays so in this process
                self._epoch = 0
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
        histories: Histories of the calls' root tasks.
        openers: Chains of the links under which child tasks were opened.
        growth: What the batch adds to its tasks.
        turns: Next turns by pace.
        renewed: The first link of the line of renewals, for each recorded link that renews another.
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
    histories: Histories = field(default_factory=lambda: Histories({}))
    openers: Mapping[str, Chain] = field(default_factory=dict)
    growth: Growth = field(default_factory=Growth)
    turns: dict[tuple[str, str], int] = field(default_factory=dict)
    turned: dict[tuple[str, str], int] = field(default_factory=dict)
    renewed: Mapping[str, str] = field(default_factory=dict)

    def of(self, query: Query, *, is_nonce_used: bool) -> Facts:
        """Return the facts of one call as they stand after the calls before it."""
        chain = query.chain
        task = chain.origin.task
        tasks = task_chain(self.tasks, task, self.growth, query.at)
        above = self.above(tasks)
        return Facts(
            # An opener's chain that is not recorded whole makes the task as unknown as none.
            tasks=tasks if above is not None else (),
            is_root_recorded=self.is_root_recorded(query),
            is_nonce_used=is_nonce_used,
            epoch=self.epoch,
            revoked=self.revoked,
            suspended=self.paused.suspended,
            ends=self.paused.ends,
            agents_by_key=self.by_key,
            agents_by_name=self.by_name,
            used=self.used,
            limits=self.limits,
            approval=self.approvals.of(query),
            history=self.histories.of(task),
            above=above or (),
            refused=self.growth.refused,
            turns=self.turns,
            renewed=self.renewed,
            is_leaf_recorded=chain.leaf.id in self.recorded,
        )

    def line(self, query: Query) -> Line:
        """Return the line of a call: not whole where an opener's chain is not known."""
        tasks = task_chain(self.tasks, query.chain.origin.task, self.growth, query.at)
        return Line(query.chain, self.above(tasks) or ())

    def newcomer(self, found: RecordedLink, *, counts: bool) -> Newcomer:
        """Return a link that may be recorded as growth asks about it; `counts` as `Newcomer`."""
        tasks = task_chain(self.tasks, found.task, self.growth, found.at)
        bounds = bounds_of(found.task, tasks, self.above(tasks) or ())
        parent = found.link.parent if found.depth else self.tasks[found.task].under
        return Newcomer(found.link.id, parent, found.depth, found.root, found.at, bounds, counts)

    def is_root_recorded(self, query: Query) -> bool:
        """Return whether this very root was recorded when it was issued, for this very task."""
        return self.recorded.get(query.chain.root.id) == query.chain.origin.task

    def ended(self, query: Query) -> Denial | None:
        """Return what steps 7 and 10 say of this call's line whatever is called, None if it stands."""
        facts = self.of(query, is_nonce_used=False)
        denial = deny_under_ended(Line(query.chain, facts.above), facts, query.at)
        # A name that a delegator just made up ends nothing: it has never stood.
        is_new = denial is not None and denial.link not in self.recorded
        if is_new and denial is not None and denial.code == "holder_contradicts_registry":
            return None
        return denial

    def above(self, tasks: tuple[TaskFact, ...]) -> tuple[Chain, ...] | None:
        """Return the chains on which these tasks were opened, nearest first; None if one is unknown."""
        unders = [under for task in tasks if (under := self.tasks[task.id].under) is not None]
        found = [self.openers[under] for under in unders if under in self.openers]
        return tuple(found) if len(found) == len(unders) else None

    def charge(self, query: Query, settlement: Settlement) -> None:
        """Let the next calls of the batch see what this one charged, asked for, left, or was denied."""
        self.approvals.note(settlement)
        self.turns.update(settlement.turns)
        self.turned.update(settlement.turns)
        for charge in settlement.charges:
            self.used[charge.key] = self.used.get(charge.key, 0) + charge.amount
            self.touched[charge.key] = self.touched.get(charge.key, 0) + charge.amount
        decision, trace = settlement.decision, settlement.trace
        if trace is not None and decision.task is not None:
            self.histories.remember(decision.task, trace, decision.id)
        is_timed = not settlement.is_reported
        is_timed = is_timed and any(row.idle is not None for row in self.tasks.values())
        # Whoever goes on under what was ended says nothing about those who go on rightly.
        is_failed = counts_as_denial(decision.denial) and self.ended(query) is None
        if decision.task is not None and (is_failed or (trace and is_timed)):
            tasks = task_chain(self.tasks, decision.task, self.growth, decision.at)
            timed = [(t.id, t.limits, is_timed and t.idle_at is not None) for t in tasks]
            self.growth.decided(decision, timed)

    def open_histories(
        self, connection: Connection, queries: Sequence[Query], *, settles: bool
    ) -> None:
        """Lock and read the histories of the calls' root tasks, once the tasks are known."""
        roots = {task: row.root for task, row in self.tasks.items()}
        asked = [self.line(query) for query in queries if query.units]
        self.histories = open_histories(connection, asked, roots, settles=settles)


def read_facts(
    connection: Connection,
    queries: Sequence[Query],
    *,
    epoch: int,
    shelf: RevokedShelf,
    paused: PausedShelf,
    openers: OpenerShelf,
    limits: Limits,
    settles: bool = True,
) -> BatchFacts:
    """Return the facts of a batch but for its counters, which are locked later."""
    tasks = read_tasks(connection, {query.chain.origin.task for query in queries}, limits)
    above = openers.read(connection, {t.under for t in tasks.values() if t.under is not None})
    chains = [*(query.chain for query in queries), *above.values()]
    links = [link for chain in chains for link in Line(chain).links]
    by_key, by_name = read_agents(
        connection, (k.holder_key for k in links), (k.claim for k in links)
    )
    recorded = connection.execute(_RECORDED, {"ids": list({k.id for k in links})}).all()
    return BatchFacts(
        epoch=epoch,
        revoked=shelf.upto(connection, epoch, settles=settles),
        paused=paused.upto(connection, epoch, settles=settles),
        tasks=tasks,
        openers=above,
        recorded={row.id: row.task for row in recorded},
        by_key=by_key,
        by_name=by_name,
        renewed={row.id: row.line for row in recorded if row.line is not None},
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
        row.claim: AgentFact(row.name, row.owner, row.recertify_by)
        for row in connection.execute(_BY_NAME, {"names": list(set(names))})
    }
    return by_key, by_name


def counters(connection: Connection, queries: Sequence[Query], facts: BatchFacts) -> None:
    """Read the batch's counters without locking them; for plans, which charge nothing."""
    ledgers, limits, _ = _counter_keys(queries, facts)
    _read_counters(connection, [*ledgers, *limits], facts, _COUNTED)
    facts.turns = read_turns(connection, _paces(queries, facts), existing=None)


def lock_counters(
    connection: Connection, queries: Sequence[Query], facts: BatchFacts, existing: Existing
) -> None:
    """Make, lock and read every counter that the batch may charge, in one order for all processes.

    A link's counter is made here at its first use, with the limit that its signed grant states. A
    link and what renews it have one, the first one's.
    """
    ledgers, limits, kept = _counter_keys(queries, facts)
    wanted = [*ledgers, *limits]
    if not wanted:
        return
    made = existing.unknown(kept)
    _make_counters(connection, made, kept)
    _read_counters(connection, wanted, facts, _LOCKED)
    gone = sorted(kept.keys() - facts.limits.keys())
    if gone:  # of a database that was restored since
        _make_counters(connection, gone, kept)
        _read_counters(connection, wanted, facts, _LOCKED)
    existing.found(kept.keys() - {*made, *gone})
    facts.turns = read_turns(connection, _paces(queries, facts), existing=existing)


def _make_counters(
    connection: Connection, keys: Sequence[CounterKey], limits: Mapping[CounterKey, int]
) -> None:
    if keys:
        connection.execute(
            upsert(connection, COUNTERS).on_conflict_do_nothing(),
            [{**key._asdict(), "lim": limits[key], "used": 0} for key in keys],
        )


def _paces(queries: Sequence[Query], facts: BatchFacts) -> list[PaceKey]:
    """Return the paces that the calls must keep."""
    if not any(row.limits.is_paced for row in facts.tasks.values()):
        return []
    return [
        pace.key
        for query in queries
        if query.units
        for pace in paces_of(
            facts.line(query),
            task_chain(facts.tasks, query.chain.origin.task, facts.growth, query.at),
            facts.renewed,
        )
    ]


def _counter_keys(
    queries: Sequence[Query], facts: BatchFacts
) -> tuple[set[CounterKey], dict[CounterKey, int], dict[CounterKey, int]]:
    """Return the ledgers' counters, the links' with their limits, and those of recorded links.

    Openers' are among them. Of a chain whose root was never issued here nothing is kept, not even a
    counter.
    """
    limits: dict[CounterKey, int] = {}
    kept: dict[CounterKey, int] = {}
    ledgers: set[CounterKey] = set()
    standing_on: dict[str, tuple[tuple[TaskFact, ...], tuple[Chain, ...]]] = {}
    for query in queries:
        task = query.chain.origin.task
        if task not in standing_on:
            tasks = task_chain(facts.tasks, task, facts.growth, query.at)
            standing_on[task] = (tasks, facts.above(tasks) or ())
        tasks, above = standing_on[task]
        for unit in query.units:
            ledgers.update(CounterKey("task", one.id, unit) for one in tasks)
            for link in Line(query.chain, above).links:
                limit = link.grant.budget.get(unit)
                if limit is not None:
                    key = CounterKey("link", facts.renewed.get(link.id, link.id), unit)
                    limits[key] = limit
                    if link.id in facts.recorded:
                        kept[key] = limit
    return ledgers, limits, kept


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
