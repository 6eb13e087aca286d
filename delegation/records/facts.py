"""The answer to what settling a call must know: one statement for each family of facts."""

from __future__ import annotations

from sqlalchemy import Connection, func, select, tuple_

from delegation.authority.ids import TaskId
from delegation.canonical import b64u
from delegation.judge.facts import AgentFact, CounterKey, Facts, Query, Subject, TaskFact
from delegation.records.reader import (
    AGENT_KEYS,
    AGENTS,
    COUNTERS,
    LINKS,
    REVOCATIONS,
    TASKS,
)
from delegation.records.tables import NonceRow

NONCES = NonceRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it for table=True
_MAX_TASKS = 16  # child tasks nest no deeper than chains


def read_facts(connection: Connection, query: Query) -> Facts:
    """Return the facts for one chain, inside the transaction that will write the decision."""
    chain = query.chain
    tasks = _tasks(connection, chain.origin.task)
    keys = [link.holder_key for link in chain.links]
    names = [link.holder_name for link in chain.links]
    by_key = {
        row.key: AgentFact(row.agent, row.owner)
        for row in connection.execute(
            select(AGENT_KEYS.c.key, AGENT_KEYS.c.agent, AGENTS.c.owner)
            .join(AGENTS, AGENTS.c.name == AGENT_KEYS.c.agent)
            .where(AGENT_KEYS.c.key.in_(keys))
        )
    }
    by_name = {
        row.name: AgentFact(row.name, row.owner)
        for row in connection.execute(select(AGENTS).where(AGENTS.c.name.in_(names)))
    }
    subjects = [
        *(("task", task.id) for task in tasks),
        *(("link", link.id) for link in chain.links),
        *(("key", b64u(key)) for key in keys),
        *(("agent", agent.name) for agent in by_key.values()),
    ]
    revoked = connection.execute(
        select(REVOCATIONS.c.kind, REVOCATIONS.c.id).where(
            tuple_(REVOCATIONS.c.kind, REVOCATIONS.c.id).in_(subjects)
        )
    )
    used, ledger = _counters(connection, query)
    leaf = chain.leaf.holder_key
    return Facts(
        tasks=tuple(tasks),
        is_root_recorded=connection.execute(
            select(func.count())
            .select_from(LINKS)
            .where(LINKS.c.id == chain.root.id, LINKS.c.task == chain.origin.task)
        ).scalar_one()
        == 1,
        is_nonce_used=connection.execute(
            select(NONCES.c.at).where(NONCES.c.holder == leaf, NONCES.c.jti == query.nonce)
        ).first()
        is not None,
        epoch=int(connection.execute(select(func.max(REVOCATIONS.c.epoch))).scalar_one() or 0),
        revoked=frozenset(Subject(row.kind, row.id) for row in revoked),
        agents_by_key=by_key,
        agents_by_name=by_name,
        used=used,
        ledger=ledger,
    )


def _tasks(connection: Connection, task: TaskId) -> list[TaskFact]:
    found: list[TaskFact] = []
    wanted: str | None = task
    while wanted is not None and len(found) < _MAX_TASKS:
        row = connection.execute(
            select(TASKS.c.state, TASKS.c.deadline, TASKS.c.parent).where(TASKS.c.id == wanted)
        ).one_or_none()
        if row is None:
            return []
        found.append(TaskFact(TaskId(wanted), row.state == "open", row.deadline))
        wanted = row.parent
    # A task above the bound was not looked at, so nothing is known of it: unknown, refused.
    return found if wanted is None else []


def _counters(connection: Connection, query: Query) -> tuple[dict[CounterKey, int], dict[str, int]]:
    if not query.units:
        return {}, {}
    owners = [
        ("task", str(query.chain.origin.task)),
        *(("link", str(link.id)) for link in query.chain.links),
    ]
    found = connection.execute(
        select(COUNTERS).where(
            tuple_(COUNTERS.c.scope, COUNTERS.c.id).in_(owners),
            COUNTERS.c.unit.in_(query.units),
        )
    ).all()
    used = {CounterKey(row.scope, row.id, row.unit): row.used for row in found}
    return used, {row.unit: row.lim for row in found if row.scope == "task"}
