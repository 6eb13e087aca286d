"""Tells verifiers outside the store about roots, and records what they report back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, exists, insert, select

from delegation.authority.chain import Chain
from delegation.authority.ids import DecisionId, LinkId
from delegation.canonical import b64u
from delegation.judge.facts import AgentFact, Facts, TaskFact
from delegation.judge.in_process import Holder, RootStanding
from delegation.judge.limits import Limits
from delegation.judge.subject import (
    EVERYTHING,
    Subject,
    agent_subjects,
    link_subjects,
    task_subjects,
)
from delegation.lineage.in_process import InProcessEntry
from delegation.records.lineage.known_rows import Known, read_tasks, task_chain
from delegation.records.lineage.standing import ended_of
from delegation.records.tables.records import (
    AGENT_KEYS,
    AGENTS,
    COUNTERS,
    DECISIONS,
    LINKS,
    LOCAL_DECISIONS,
    TASKS,
)

_ROOT: Final = select(LINKS.c.task).where(LINKS.c.id == bindparam("root"), LINKS.c.depth == 0)
_LEDGER: Final = select(
    exists().where(
        COUNTERS.c.scope == "task", COUNTERS.c.id.in_(bindparam("tasks", expanding=True))
    )
)


def root_standing(
    connection: Connection, root: LinkId, holders: Sequence[Holder], defaults: Limits
) -> RootStanding | None:
    """Return what step 10 asks about a root and holders below it; None if it is unknown.

    The number of the newest change is read with what it counts: where a later statement sees more than
    that change, the answer is only stricter than its number says.
    """
    task = connection.execute(_ROOT, {"root": root}).scalar_one_or_none()
    if task is None:
        return None
    known = Known(defaults)
    known.read(connection, [task], holders=((holder.key, holder.name) for holder in holders))
    tasks = task_chain(known.tasks, task, None, 0)  # no breaker is asked about
    ledger = connection.execute(_LEDGER, {"tasks": [found.id for found in tasks] or [task]})
    needs = ["ledger"] if ledger.scalar_one() else []
    needs += _unseen(tasks, defaults)
    if any(row.keeps_history for row in known.tasks.values()):
        needs.append("flow")
    epoch = known.numbers["epoch"]
    return RootStanding(root, tasks, known.by_key, known.by_name, tuple(needs), epoch)


def _unseen(tasks: Sequence[TaskFact], defaults: Limits) -> list[str]:
    """Return what else of these tasks nobody sees whole but the service.

    A child task stands on its opener's chain and spends from it; neither is told elsewhere. The
    breaker that the service sets for every task is not counted, unless it was open before: then no
    task's calls could be settled elsewhere.
    """
    found = ["child_task"] if len(tasks) > 1 else []
    if any(task.idle_at is not None for task in tasks):
        found.append("idle")
    if any(task.limits.is_paced for task in tasks):
        found.append("pace")
    most = defaults.denials_per_minute
    if any(task.broken_until or task.limits.denials_per_minute != most for task in tasks):
        found.append("circuit")
    return found


def facts_at(
    connection: Connection, chain: Chain, called: Iterable[Subject], *, at: int, defaults: Limits
) -> Facts:
    """Return what step 10 asks about a call, as it was known at an earlier instant.

    Args:
        connection: A transaction.
        chain: The verified chain.
        called: What the call acts on, as far as standing asks.
        at: Unix seconds.
        defaults: The service's own limits.
    """
    task = connection.execute(_ROOT, {"root": chain.root.id}).scalar_one_or_none()
    known = {} if task is None else read_tasks(connection, [task], defaults)
    tasks = () if task is None else task_chain(known, task, None, at)
    ends = select(TASKS.c.id, TASKS.c.closed_at).where(TASKS.c.id.in_([t.id for t in tasks]))
    closed = {row.id: row.closed_at for row in connection.execute(ends)}
    by_key, by_name = _agents_at(connection, chain, at)
    subjects = {EVERYTHING, *called}
    for link in chain.links:
        subjects.update(link_subjects(link.id, b64u(link.holder_key)))
    for agent in (*by_key.values(), *by_name.values()):
        subjects.update(agent_subjects(agent.name, agent.owner))
    for found in tasks:
        subjects.update(task_subjects(found.id, found.owner))
    ended = ended_of(connection, subjects, at)
    return Facts(
        tasks=tuple(
            TaskFact(t.id, closed[t.id] is None or closed[t.id] > at, t.deadline, t.owner)
            for t in tasks
        ),
        is_root_recorded=task == chain.origin.task,
        is_nonce_used=False,
        revoked={subject for subject, act in ended.items() if act == "revoke"},
        suspended={subject for subject, act in ended.items() if act == "suspend"},
        agents_by_key=by_key,
        agents_by_name=by_name,
    )


def _agents_at(
    connection: Connection, chain: Chain, at: int
) -> tuple[dict[bytes, AgentFact], dict[str, AgentFact]]:
    """Return the agents that were registered by then; when one was to be recertified is not known."""
    keys = {link.holder_key for link in chain.links}
    names = {link.claim for link in chain.links}
    held = (
        select(AGENT_KEYS.c.key, AGENT_KEYS.c.agent, AGENTS.c.owner)
        .join(AGENTS, AGENTS.c.name == AGENT_KEYS.c.agent)
        .where(AGENT_KEYS.c.key.in_(keys), AGENT_KEYS.c.at <= at)
    )
    named = select(AGENTS.c.name, AGENTS.c.owner, AGENTS.c.claim).where(
        AGENTS.c.claim.in_(names), AGENTS.c.at <= at
    )
    return (
        {bytes(r.key): AgentFact(r.agent, r.owner) for r in connection.execute(held)},
        {r.claim: AgentFact(r.name, r.owner) for r in connection.execute(named)},
    )


def was_used(connection: Connection, holder: bytes, jti: bytes, leaf: str, proof: str) -> bool:
    """Return whether a proof was used in any recorded decision.

    Not from the claims, which are forgotten after two minutes: a report may come days later.
    """
    local = exists().where(LOCAL_DECISIONS.c.holder == holder, LOCAL_DECISIONS.c.jti == jti)
    here = exists().where(and_(DECISIONS.c.link == leaf, DECISIONS.c.proof == proof))
    return bool(connection.execute(select(local | here)).scalar_one())


def add_local(connection: Connection, entry: InProcessEntry, *, holder: bytes, jti: bytes) -> None:
    """Record where a decision was really made."""
    row = {
        "decision": entry.decision,
        "by": entry.by,
        "holder": holder,
        "jti": jti,
        "epoch": entry.epoch,
        "reported_at": entry.reported_at,
        "conflict_step": entry.conflict_step,
        "conflict_code": entry.conflict_code,
        "conflict": entry.conflict,
    }
    connection.execute(insert(LOCAL_DECISIONS), row)


def local_decisions(
    connection: Connection, *, conflicts: bool, after: int, limit: int
) -> list[tuple[int, InProcessEntry]]:
    """Return decisions made outside the store, with their sequence, in commit order."""
    query = (
        select(LOCAL_DECISIONS, DECISIONS.c.sequence)
        .join(DECISIONS, DECISIONS.c.id == LOCAL_DECISIONS.c.decision)
        .where(DECISIONS.c.sequence > after)
        .order_by(DECISIONS.c.sequence)
        .limit(limit)
    )
    if conflicts:
        query = query.where(LOCAL_DECISIONS.c.conflict_step.is_not(None))
    return [(row.sequence, entry_of(row)) for row in connection.execute(query)]


def entry_of(row: Any) -> InProcessEntry:
    """Return a row as where a decision was really made."""
    return InProcessEntry(
        DecisionId(row.decision),
        row.by,
        row.epoch,
        row.reported_at,
        row.conflict_step,
        row.conflict_code,
        row.conflict,
    )
