"""Outlines of a whole task: one statement for each family, no grant parsed, no difference made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, func, or_, select

from delegation.authority.catalogue import RESERVED_PREFIX
from delegation.authority.ids import LinkId, TaskId
from delegation.lineage.outline import STRENGTH, LinkOutline
from delegation.records.approval_tables import APPROVALS
from delegation.records.standing import (
    NOBODY,
    Registered,
    Standings,
    State,
    ended_of,
    opener_states,
    subjects_of,
)
from delegation.records.tables import AGENT_KEYS, AGENTS, DECISIONS, LINKS

_TASKS: Final[Any] = bindparam("of_tasks", expanding=True)
_LINKS: Final = (
    select(LINKS)
    .where(LINKS.c.task.in_(_TASKS), LINKS.c.at <= bindparam("last"))
    .order_by(LINKS.c.sequence)
)
_AGENTS: Final = (
    select(AGENT_KEYS.c.key, AGENT_KEYS.c.agent, AGENTS.c.owner, AGENTS.c.recertify_by)
    .join(AGENTS, AGENTS.c.name == AGENT_KEYS.c.agent)
    .where(
        AGENT_KEYS.c.key.in_(select(LINKS.c.holder_key).where(LINKS.c.task.in_(_TASKS))),
        AGENT_KEYS.c.at <= bindparam("last"),
    )
)
_COUNTS: Final = (
    select(DECISIONS.c.link, DECISIONS.c.allowed, func.count().label("n"))
    .where(
        DECISIONS.c.task.in_(_TASKS),
        DECISIONS.c.at <= bindparam("last"),
        ~DECISIONS.c.tool.startswith(RESERVED_PREFIX),
    )
    .group_by(DECISIONS.c.link, DECISIONS.c.allowed)
)
_WAITING: Final = (
    select(APPROVALS.c.link, func.count().label("n"))
    .where(
        APPROVALS.c.task.in_(_TASKS),
        APPROVALS.c.at <= bindparam("last"),
        APPROVALS.c.expires_at > bindparam("now"),
        or_(APPROVALS.c.state == "pending", APPROVALS.c.ended_at > bindparam("last")),
    )
    .group_by(APPROVALS.c.link)
)
_CHUNK: Final = 400  # values in one IN list
_EVER: Final = 2**62  # another replica's clock may be ahead of ours
_EFFECTS: Final[dict[str, str]] = {}  # strongest effects by link id: an id is its payload's digest
_MOST_EFFECTS: Final = 65_536


def outlines(
    connection: Connection, tree: Sequence[Row[Any]], *, at: int, past: bool
) -> list[LinkOutline]:
    """Return outlines of the links of a task and of those below it, in recorded order.

    Args:
        connection: A snapshot.
        tree: Rows of the task and of all tasks below it, parents before children.
        at: The instant for which standing is computed, Unix seconds.
        past: Whether what was recorded after that second is left out.
    """
    tasks = {task.id: task for task in tree}
    rows: list[Row[Any]] = []
    agents: dict[bytes, Registered] = {}
    counts: dict[tuple[str, bool], int] = {}
    waiting: dict[str, int] = {}
    for part in _parts(list(tasks)):
        asked: dict[str, Any] = {"of_tasks": part, "last": at if past else _EVER}
        rows += connection.execute(_LINKS, asked)
        for held in connection.execute(_AGENTS, asked):
            agents[held.key] = Registered(held.agent, held.owner, held.recertify_by)
        counts |= {(r.link, bool(r.allowed)): r.n for r in connection.execute(_COUNTS, asked)}
        waiting |= {r.link: r.n for r in connection.execute(_WAITING, {**asked, "now": at})}
    found: dict[str, Row[Any]] = {}
    for row in sorted(rows, key=lambda row: row.sequence):
        # None whose parent was not recorded by then, whatever a replica's clock said.
        if row.parent is None or row.parent in found:
            found[row.id] = row
    if not found:
        return []
    subjects = subjects_of(list(found.values()), agents, tasks)
    openers = opener_states(connection, tree[:1], at=at)  # of the others: among the links
    standings = Standings(agents, tasks, ended_of(connection, subjects, at), at, openers)
    states: dict[str, State] = {}
    result: list[LinkOutline] = []
    for row in found.values():
        under = tasks[row.task].under if row.parent is None else None
        above = states.get(row.parent or under or "")
        state = states[row.id] = standings.state(row, above)
        agent = agents.get(row.holder_key, NOBODY).name
        is_registered = agent != "" and agent == row.holder_name
        result.append(
            LinkOutline(
                id=LinkId(row.id),
                task=TaskId(row.task),
                parent=row.parent,
                depth=row.depth,
                holder_name=agent if is_registered else "",
                claimed_name=row.holder_name,
                holder_key=row.holder_key,
                registered=is_registered,
                effect=_strongest(row.id, row.payload),
                expires_at=row.expires_at,
                recorded_at=row.at,
                standing=state.standing,
                ended_by=state.ended_by,
                allowed=counts.get((row.id, True), 0),
                denied=counts.get((row.id, False), 0),
                waiting=waiting.get(row.id, 0) if state.standing == "active" else 0,
                under=under,
            )
        )
    return result


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), _CHUNK):
        yield names[start : start + _CHUNK]


def _strongest(link: str, payload: bytes) -> str:
    """Return the strongest effect of a recorded payload; it was verified before it was recorded."""
    known = _EFFECTS.get(link)
    if known is None:
        if len(_EFFECTS) >= _MOST_EFFECTS:
            _EFFECTS.clear()
        effects = json.loads(payload)["grant"]["effects"]
        known = _EFFECTS[link] = max(effects, key=STRENGTH.index, default=STRENGTH[0])
    return known
