"""Reads the facts that settling a whole batch needs.

Read after the gate was taken, in the transaction that writes: what every call needs by one statement
(`known`), and each other family only where a call has a rule for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import BIGINT, Connection, Text, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from delegation.authority.chain import Chain
from delegation.judge.approval_request import NO_APPROVALS
from delegation.judge.creation_limits import counts_as_denial
from delegation.judge.decision import Denial
from delegation.judge.facts import CounterKey, Facts, Query, TaskFact
from delegation.judge.flow import is_ruled
from delegation.judge.line import Line
from delegation.judge.rate import paces_of
from delegation.judge.settle import Settlement
from delegation.judge.standing import deny_under_ended
from delegation.records.engine.database import upsert
from delegation.records.lineage.caches import Caches
from delegation.records.lineage.known_rows import Known, task_chain
from delegation.records.lineage.links import RecordedLink
from delegation.records.revocation.revoked_cache import Ended
from delegation.records.settling.approvals import ApprovalBook
from delegation.records.settling.creation_limits import CreationLimits, Newcomer, bounds_of
from delegation.records.settling.flow import Histories, open_histories
from delegation.records.settling.rate import read_turns
from delegation.records.tables.records import COUNTERS

_LOCKED: Final = (
    select(COUNTERS.c.scope, COUNTERS.c.id, COUNTERS.c.unit, COUNTERS.c.lim, COUNTERS.c.used)
    .where(COUNTERS.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(COUNTERS.c.scope, COUNTERS.c.id, COUNTERS.c.unit)
    .with_for_update()
)
# By one statement whatever their number; on PostgreSQL they are locked by now, so in any order.
_CHARGE_SQLITE: Final = (
    "UPDATE counter SET used = used + json_extract(c.value, '$[3]') FROM json_each(?) AS c"
    " WHERE scope = json_extract(c.value, '$[0]') AND counter.id = json_extract(c.value, '$[1]')"
    " AND unit = json_extract(c.value, '$[2]')"
)
_CHARGE_POSTGRES: Final = text(
    "UPDATE counter SET used = used + c.amount"
    " FROM unnest(:scopes, :ids, :units, :amounts) AS c(scope, id, unit, amount)"
    " WHERE counter.scope = c.scope AND counter.id = c.id AND counter.unit = c.unit"
).bindparams(
    bindparam("scopes", type_=ARRAY(Text)),
    bindparam("ids", type_=ARRAY(Text)),
    bindparam("units", type_=ARRAY(Text)),
    bindparam("amounts", type_=ARRAY(BIGINT)),
)


@dataclass(slots=True)
class BatchFacts:
    """Facts for all calls of one batch; what one call charges, the next one sees.

    Args:
        known: What every call needs.
        ended: What is revoked and suspended at the number that was read, and what ends later.
        openers: Chains of the links under which child tasks were opened.
        used: Units used, by counter.
        limits: Limits of the ledgers and budgets, by counter.
        touched: What the batch charged of them.
        approvals: What is known about the consent that calls of the batch need; None if none does.
        histories: Histories of the calls' root tasks; None if none is kept or asked for.
        growth: What the batch adds to its tasks; None for nothing.
        turns: Next turns by pace.
        turned: Those that the batch took.
    """

    known: Known
    ended: Ended
    openers: Mapping[str, Chain] = field(default_factory=dict)
    used: dict[CounterKey, int] = field(default_factory=dict)
    limits: dict[CounterKey, int] = field(default_factory=dict)
    touched: dict[CounterKey, int] = field(default_factory=dict)
    approvals: ApprovalBook | None = None
    histories: Histories | None = None
    growth: CreationLimits | None = None
    turns: dict[tuple[str, str], int] = field(default_factory=dict)
    turned: dict[tuple[str, str], int] = field(default_factory=dict)

    def of(self, query: Query, *, is_nonce_used: bool) -> Facts:
        """Return the facts of one call as they stand after the calls before it."""
        chain, known, ended = query.chain, self.known, self.ended
        task = chain.origin.task
        tasks = task_chain(known.tasks, task, self.growth, query.at)
        above = self.above(tasks)
        return Facts(
            # An opener's chain that is not recorded whole makes the task as unknown as none.
            tasks=tasks if above is not None else (),
            is_root_recorded=self.is_root_recorded(query),
            is_nonce_used=is_nonce_used,
            epoch=known.numbers["epoch"],
            revoked=ended.revoked,
            suspended=ended.suspended,
            ends=ended.ends,
            agents_by_key=known.by_key,
            agents_by_name=known.by_name,
            used=self.used,
            limits=self.limits,
            approval=NO_APPROVALS if self.approvals is None else self.approvals.of(query),
            history=None if self.histories is None else self.histories.of(task),
            above=above or (),
            refused={} if self.growth is None else self.growth.refused,
            turns=self.turns,
            renewed=known.renewed,
            is_leaf_recorded=chain.leaf.id in known.recorded,
        )

    def line(self, query: Query) -> Line:
        """Return the line of a call: not whole where an opener's chain is not known."""
        tasks = task_chain(self.known.tasks, query.chain.origin.task, self.growth, query.at)
        return Line(query.chain, self.above(tasks) or ())

    def newcomer(self, found: RecordedLink, *, counts: bool) -> Newcomer:
        """Return a link that may be recorded as growth asks about it; `counts` as `Newcomer`."""
        tasks = task_chain(self.known.tasks, found.task, self.growth, found.at)
        bounds = bounds_of(found.task, tasks, self.above(tasks) or ())
        parent = found.link.parent if found.depth else self.known.tasks[found.task].under
        return Newcomer(found.link.id, parent, found.depth, found.root, found.at, bounds, counts)

    def is_root_recorded(self, query: Query) -> bool:
        """Return whether this very root was recorded when it was issued, for this very task."""
        return self.known.recorded.get(query.chain.root.id) == query.chain.origin.task

    def ends(self, query: Query) -> Denial | None:
        """Return what steps 7 and 10 say of this call's line whatever is called, None if it stands."""
        facts = self.of(query, is_nonce_used=False)
        denial = deny_under_ended(Line(query.chain, facts.above), facts, query.at)
        # A name that a delegator just made up ends nothing: it has never stood.
        is_new = denial is not None and denial.link not in self.known.recorded
        if is_new and denial is not None and denial.code == "holder_contradicts_registry":
            return None
        return denial

    def above(self, tasks: tuple[TaskFact, ...]) -> tuple[Chain, ...] | None:
        """Return the chains on which these tasks were opened, nearest first; None if one is unknown."""
        unders = [under for task in tasks if (under := self.known.tasks[task.id].under) is not None]
        found = [self.openers[under] for under in unders if under in self.openers]
        return tuple(found) if len(found) == len(unders) else None

    def charge(self, query: Query, settlement: Settlement) -> None:
        """Let the next calls of the batch see what this one charged, asked for, left, or was denied."""
        if self.approvals is not None:
            self.approvals.note(settlement)
        self.turns.update(settlement.turns)
        self.turned.update(settlement.turns)
        for charge in settlement.charges:
            self.used[charge.key] = self.used.get(charge.key, 0) + charge.amount
            self.touched[charge.key] = self.touched.get(charge.key, 0) + charge.amount
        decision, trace = settlement.decision, settlement.trace
        if trace is not None and decision.task is not None and self.histories is not None:
            self.histories.remember(decision.task, trace, decision.id)
        is_timed = not settlement.is_reported
        is_timed = is_timed and any(row.idle is not None for row in self.known.tasks.values())
        # Whoever goes on under what was ended says nothing about those who go on rightly.
        is_failed = decision.denial is not None and counts_as_denial(decision.denial)
        is_failed = is_failed and self.ends(query) is None
        if decision.task is not None and (is_failed or (trace and is_timed)):
            tasks = task_chain(self.known.tasks, decision.task, self.growth, decision.at)
            timed = [(t.id, t.limits, is_timed and t.idle_at is not None) for t in tasks]
            self.growth = self.growth or CreationLimits()
            self.growth.decided(decision, timed)

    def open_histories(
        self, connection: Connection, queries: Sequence[Query], *, settles: bool
    ) -> None:
        """Lock and read the histories of the calls' root tasks where one is kept or a rule asks.

        Where others write meanwhile, whether one is kept is known only once its task is locked.
        """
        rows = self.known.tasks
        asked = [self.line(query) for query in queries if query.units]
        is_alone = not settles or connection.dialect.name == "sqlite"
        if is_alone and not any(row.keeps_history for row in rows.values()):
            asked = asked if any(map(is_ruled, asked)) else []
        if asked:
            roots = {task: row.root for task, row in rows.items()}
            self.histories = open_histories(connection, asked, roots, settles=settles)


def read_facts(
    connection: Connection, queries: Sequence[Query], caches: Caches, *, settles: bool = True
) -> BatchFacts:
    """Return what every call of a batch needs; the rest is read where a call has a rule for it.

    Args:
        connection: A transaction that writes, with the gate taken; or a snapshot.
        queries: Those of the calls; none of them for the numbers alone.
        caches: What this process keeps.
        settles: Whether the calls are settled, and not only planned.
    """
    known = Known(caches.limits)
    chains = [query.chain for query in queries]
    _read(known, connection, {chain.origin.task for chain in chains}, chains)
    unders = {task.under for task in known.tasks.values() if task.under is not None}
    above = caches.openers.read(connection, unders) if unders else {}
    if above:
        _read(known, connection, (), above.values())
    ended = caches.revoked.upto(connection, known.numbers["epoch"], settles=settles)
    limits = {key: limit for key, (limit, _) in known.counters.items()}
    used = {key: used for key, (_, used) in known.counters.items()}
    return BatchFacts(known, ended, above, used, limits)


def _read(
    known: Known, connection: Connection, tasks: Iterable[str], chains: Iterable[Chain]
) -> None:
    links = [link for chain in chains for link in Line(chain).links]
    holders = ((link.holder_key, link.claim) for link in links)
    known.read(connection, tasks, (link.id for link in links), holders)


def read_paces(connection: Connection, queries: Sequence[Query], facts: BatchFacts) -> None:
    """Read the next turns of the calls' paces without locking them; for plans, which take none."""
    _read_paces(connection, queries, facts, settles=False)


def lock_counters(connection: Connection, queries: Sequence[Query], facts: BatchFacts) -> None:
    """Make and lock every counter and pace that the batch may charge, in one order for all processes.

    A link's counter is made here at its first use, with the limit that its signed grant states. Those
    that were read are not made again, and nothing need be remembered of them.
    """
    ledgers, kept = _counter_keys(queries, facts)
    made = sorted(kept.keys() - facts.limits.keys())
    if made:
        connection.execute(
            upsert(connection, COUNTERS).on_conflict_do_nothing(),
            [{**key._asdict(), "lim": kept[key], "used": 0} for key in made],
        )
    # Others charge until they are locked, and what a link renews that was recorded just now may be there.
    if made or (ledgers and connection.dialect.name == "postgresql"):
        ids = list({key.id for key in (*ledgers, *kept)})
        for scope, name, unit, limit, used in connection.execute(_LOCKED, {"ids": ids}):
            key = CounterKey(scope, name, unit)
            facts.used[key], facts.limits[key] = used, limit
    _read_paces(connection, queries, facts, settles=True)


def write_charges(connection: Connection, charges: Mapping[CounterKey, int]) -> None:
    """Add what a batch charged to its counters, which are locked."""
    if connection.dialect.name == "sqlite":
        rows = json.dumps([[*key, amount] for key, amount in charges.items()])
        connection.exec_driver_sql(_CHARGE_SQLITE, (rows,))
        return
    columns = zip(*((*key, amount) for key, amount in charges.items()), strict=True)
    names = ("scopes", "ids", "units", "amounts")
    connection.execute(_CHARGE_POSTGRES, dict(zip(names, map(list, columns), strict=True)))


def _read_paces(
    connection: Connection, queries: Sequence[Query], facts: BatchFacts, *, settles: bool
) -> None:
    """Read the next turns of the paces that the calls must keep."""
    tasks = facts.known.tasks
    if any(row.limits.is_paced for row in tasks.values()):
        keys = [
            pace.key
            for query in queries
            if query.units
            for pace in paces_of(
                facts.line(query),
                task_chain(tasks, query.chain.origin.task, facts.growth, query.at),
                facts.known.renewed,
            )
        ]
        facts.turns = read_turns(connection, keys, settles=settles)


def _counter_keys(
    queries: Sequence[Query], facts: BatchFacts
) -> tuple[set[CounterKey], dict[CounterKey, int]]:
    """Return the ledgers' counters, and those of recorded links with their limits.

    Openers' are among them. Of a chain whose root was never issued here nothing is kept, not even a
    counter.
    """
    kept: dict[CounterKey, int] = {}
    ledgers: set[CounterKey] = set()
    known = facts.known
    standing_on: dict[str, tuple[tuple[TaskFact, ...], tuple[Chain, ...]]] = {}
    for query in queries:
        task = query.chain.origin.task
        if task not in standing_on:
            tasks = task_chain(known.tasks, task, facts.growth, query.at)
            standing_on[task] = (tasks, facts.above(tasks) or ())
        tasks, above = standing_on[task]
        for unit in query.units:
            ledgers.update(CounterKey("task", one.id, unit) for one in tasks)
            for link in Line(query.chain, above).links:
                limit = link.grant.budget.get(unit)
                if limit is not None and link.id in known.recorded:
                    kept[CounterKey("link", known.renewed.get(link.id, link.id), unit)] = limit
    return ledgers, kept
