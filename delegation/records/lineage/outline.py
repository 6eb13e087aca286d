"""Reads outlines of a whole task, one statement for each family, without parsing any grant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, func, or_, select

from delegation.authority.agent_name import claim_of
from delegation.authority.alias import RESERVED_PREFIX
from delegation.authority.ids import LinkId
from delegation.lineage.outline import LinkOutline
from delegation.records.lineage.link_cache import CachedLink, LinkCache
from delegation.records.lineage.standing import (
    NOBODY,
    Registered,
    Standings,
    State,
    ended_below,
    opener_states,
)
from delegation.records.tables.approvals import APPROVALS
from delegation.records.tables.records import AGENT_KEYS, AGENTS, DECISIONS, LINKS

_AGENTS: Final = (
    select(AGENT_KEYS.c.key, AGENT_KEYS.c.agent, AGENTS.c.owner, AGENTS.c.recertify_by)
    .join(AGENTS, AGENTS.c.name == AGENT_KEYS.c.agent)
    .where(
        AGENT_KEYS.c.key.in_(
            select(LINKS.c.holder_key).where(LINKS.c.task == bindparam("of_task"))
        ),
        AGENT_KEYS.c.at <= bindparam("last"),
    )
)
_COUNTS: Final = (
    select(DECISIONS.c.link, DECISIONS.c.allowed, func.count().label("n"))
    .where(
        DECISIONS.c.task == bindparam("of_task"),
        DECISIONS.c.at <= bindparam("last"),
        ~DECISIONS.c.tool.startswith(RESERVED_PREFIX),
    )
    .group_by(DECISIONS.c.link, DECISIONS.c.allowed)
)
_WAITING: Final = (
    select(APPROVALS.c.link, func.count().label("n"))
    .where(
        APPROVALS.c.task == bindparam("of_task"),
        APPROVALS.c.at <= bindparam("last"),
        APPROVALS.c.expires_at > bindparam("now"),
        or_(APPROVALS.c.state == "pending", APPROVALS.c.ended_at > bindparam("last")),
    )
    .group_by(APPROVALS.c.link)
)
_NONE: Final = (0, 0)
_EVER: Final = 2**62  # another replica's clock may be ahead of ours


def outlines_below(
    connection: Connection, shelf: LinkCache, tree: Sequence[Row[Any]], *, at: int, past: bool
) -> list[LinkOutline]:
    """Return outlines of the links of a task and of those below it, in recorded order.

    Args:
        connection: A snapshot.
        shelf: What this process keeps of links.
        tree: Rows of the task and of all tasks below it, parents before children.
        at: The instant for which standing is computed, Unix seconds.
        past: Whether what was recorded after that second is left out.
    """
    if len(tree) == 1:
        return outlines(connection, shelf, tree[0], at=at, past=past)
    found: list[tuple[int, LinkOutline]] = []
    for task in tree:
        drawn = outlines(connection, shelf, task, at=at, past=past)
        places = {stem.id: stem.sequence for stem in shelf.read(connection, task.id)}
        found += [(places[link.id], link) for link in drawn]
    return [link for _, link in sorted(found, key=lambda item: item[0])]


def outlines(
    connection: Connection, shelf: LinkCache, task: Row[Any], *, at: int, past: bool
) -> list[LinkOutline]:
    """Return outlines of a task's links, in recorded order.

    Args:
        connection: A snapshot.
        shelf: What this process keeps of links.
        task: The task's row.
        at: The instant for which standing is computed, Unix seconds.
        past: Whether what was recorded after that second is left out.
    """
    asked: dict[str, Any] = {"of_task": task.id, "last": at if past else _EVER}
    stems = shelf.read(connection, task.id)
    if past:
        stems = _recorded_by(stems, at)
    if not stems:
        return []
    agents = {
        row.key: Registered(row.agent, row.owner, row.recertify_by)
        for row in connection.execute(_AGENTS, asked)
    }
    ended = ended_below(connection, stems, agents, task, at)
    openers = opener_states(connection, [task], at=at)
    standings = Standings(agents, {task.id: task}, ended, at, openers)
    counts: dict[str, tuple[int, int]] = {}  # denied, allowed
    for r in connection.execute(_COUNTS, asked):
        denied, allowed = counts.get(r.link, _NONE)
        counts[r.link] = (denied, r.n) if r.allowed else (r.n, allowed)
    waiting = {r.link: r.n for r in connection.execute(_WAITING, {**asked, "now": at})}
    states: dict[str, State] = {}
    drawn = shelf.drawn(task.id)
    result: list[LinkOutline] = []
    for place, row in enumerate(stems):
        state = standings.state(row, states.get(row.parent) if row.parent else None)
        states[row.id] = state
        agent = agents.get(row.holder_key, NOBODY).name
        name = agent if claim_of(agent) == row.holder_name else ""
        number = counts.get(row.id, _NONE)
        waits = waiting.get(row.id, 0) if waiting and state.standing == "active" else 0
        before = drawn[place] if place < len(drawn) else None
        if (
            before is not None
            and before.id == row.id
            and before.recorded_at == row.at
            and before.standing == state.standing
            and before.ended_by == state.ended_by
            and before.holder_name == name
            and (before.denied, before.allowed) == number
            and before.waiting == waits
        ):
            result.append(before)  # making thousands anew takes longer than seeing that they stand
        else:
            under = task.under if row.parent is None else None
            result.append(_outline(row, state, name, number, waits, under))
    if not past:
        shelf.keep_drawn(task.id, result)
    return result


def _outline(  # what an outline is made of
    row: CachedLink, state: State, name: str, number: tuple[int, int], waits: int, under: str | None
) -> LinkOutline:
    return LinkOutline(
        id=row.id,
        task=row.task,
        parent=row.parent,
        depth=row.depth,
        holder_name=name,
        claimed_name=row.holder_name,
        holder_key=row.holder_key,
        registered=name != "",
        effect=row.effect,
        expires_at=row.expires_at,
        recorded_at=row.at,
        standing=state.standing,
        ended_by=state.ended_by,
        allowed=number[1],
        denied=number[0],
        waiting=waits,
        under=None if under is None else LinkId(under),
    )


def _recorded_by(stems: Sequence[CachedLink], at: int) -> Sequence[CachedLink]:
    """Return those that were recorded by then; none without its parent, whatever a clock said."""
    seen: set[str] = set()
    result: list[CachedLink] = []
    for stem in stems:
        if stem.at <= at and (stem.parent is None or stem.parent in seen):
            seen.add(stem.id)
            result.append(stem)
    return result
