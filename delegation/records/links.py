"""Links as they are recorded, and their standing computed from their ancestors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Row, bindparam, func, select, text

from delegation.authority.catalogue import RESERVED_PREFIX
from delegation.authority.chain import MAX_LINKS, Link, parse_payload
from delegation.authority.explain import differences
from delegation.authority.ids import LinkId, TaskId
from delegation.canonical import b64u
from delegation.identity.principal import fingerprint
from delegation.lineage.entry import Counts, LinkEntry, Standing
from delegation.lineage.outline import STRENGTH, LinkOutline
from delegation.records.database import upsert
from delegation.records.numbers import take_number
from delegation.records.tables import (
    AGENT_KEYS,
    AGENTS,
    DECISIONS,
    EVIDENCE,
    LINKS,
    REVOCATIONS,
    TASKS,
)
from delegation.tokens.evidence import LinkEvidence

LinkData: TypeAlias = Row[Any]
_KNOWN: Final = (
    select(LINKS.c.id, LINKS.c.task, EVIDENCE.c.format)
    .outerjoin(EVIDENCE, EVIDENCE.c.link == LINKS.c.id)
    .where(LINKS.c.id.in_(bindparam("ids", expanding=True)))
)
_CHUNK: Final = 500  # ids in one IN list: SQLite's oldest limit is 999 parameters

# Bounded by depth, so that a corrupted parent cycle cannot loop.
_UP: Final = text(
    f"""WITH RECURSIVE up(id, parent, n) AS (
        SELECT id, parent, 0 FROM link WHERE id IN :ids
        UNION
        SELECT l.id, l.parent, up.n + 1 FROM link l JOIN up ON l.id = up.parent
        WHERE up.n < {MAX_LINKS}
    ) SELECT DISTINCT id FROM up"""  # noqa: S608  # a constant bound, no input
).bindparams(bindparam("ids", expanding=True))
_DOWN: Final = text(
    f"""WITH RECURSIVE down(root, id, n) AS (
        SELECT root, id, 0 FROM link WHERE id = :id
        UNION ALL
        SELECT l.root, l.id, down.n + 1 FROM link l
        JOIN down ON l.root = down.root AND l.parent = down.id
        WHERE down.n < {MAX_LINKS}
    ) SELECT id FROM down WHERE n > 0 ORDER BY n LIMIT :most"""  # noqa: S608
)


@dataclass(frozen=True, slots=True)
class _State:
    """What a link inherits and passes on."""

    standing: Standing
    ended_by: str
    owner: str


@lru_cache(maxsize=16_384)
def parsed(payload: bytes, *, root: bool) -> Link:
    """Return the link of a recorded payload; it was verified before it was recorded."""
    return parse_payload(payload, root=root)


@dataclass(frozen=True, slots=True)
class RecordedLink:
    """A link as it is recorded: its place, the link, and what re-verifies it later."""

    task: TaskId
    depth: int
    at: int
    link: Link
    evidence: LinkEvidence


def record_links(connection: Connection, found: Sequence[RecordedLink]) -> dict[str, str]:
    """Record links and evidence that are not recorded yet; return each link's recorded task.

    Not checked here: that they are verified, and that their root was issued here.

    Args:
        connection: A transaction that writes, with the gate taken.
        found: Parents before children.
    """
    if not found:
        return {}
    ids = list({new.link.id for new in found})
    known: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    for row in connection.execute(_KNOWN, {"ids": ids}):
        known[row.id] = row.task
        seen.add((row.id, row.format))
    fresh = {new.link.id: new for new in found if new.link.id not in known}
    if fresh:
        # Their row of numbers stays locked, so that links appear in the order of their numbers.
        first = take_number(connection, "link", len(fresh))
        connection.execute(
            upsert(connection, LINKS).on_conflict_do_nothing(),
            [_link_row(new, n) for n, new in enumerate(fresh.values(), start=first)],
        )
        known |= {link: new.task for link, new in fresh.items()}
    proofs = {(new.link.id, new.evidence.format): new.evidence for new in found}
    added = [
        _evidence_row(*item) for item in sorted(proofs.items(), key=_key) if item[0] not in seen
    ]
    if added:
        connection.execute(upsert(connection, EVIDENCE).on_conflict_do_nothing(), added)
    return known


def _key(item: tuple[tuple[str, str], object]) -> tuple[str, str]:
    return item[0]


def _link_row(new: RecordedLink, sequence: int) -> dict[str, Any]:
    return {
        "root": new.task,
        "id": new.link.id,
        "sequence": sequence,
        "task": new.task,
        "parent": new.link.parent,
        "depth": new.depth,
        "holder_key": new.link.holder_key,
        "holder_name": new.link.holder_name,
        "expires_at": new.link.grant.expires_at,
        "payload": new.link.payload,
        "at": new.at,
    }


def _evidence_row(key: tuple[str, str], evidence: LinkEvidence) -> dict[str, Any]:
    return {
        "link": key[0],
        "format": key[1],
        "block": evidence.block,
        "signature": evidence.signature,
        "previous_signature": evidence.previous_signature,
    }


def rows(connection: Connection, ids: Iterable[str]) -> list[LinkData]:
    """Return the rows of these links, parents before children."""
    wanted = list(dict.fromkeys(ids))
    found: list[LinkData] = []
    for start in range(0, len(wanted), _CHUNK):
        part = wanted[start : start + _CHUNK]
        found += connection.execute(select(LINKS).where(LINKS.c.id.in_(part))).all()
    return sorted(found, key=lambda row: (row.depth, row.sequence))


def with_ancestors(connection: Connection, ids: Sequence[str]) -> list[LinkData]:
    """Return the rows of these links and all links above them, parents before children."""
    up: list[str] = []
    for start in range(0, len(ids), _CHUNK):
        up += connection.execute(_UP, {"ids": list(ids[start : start + _CHUNK])}).scalars()
    return rows(connection, up)


def below(connection: Connection, link: str, most: int) -> list[str]:
    """Return the ids of the links below one, nearest first."""
    return list(connection.execute(_DOWN, {"id": link, "most": most}).scalars())


def entries(
    connection: Connection, found: Sequence[LinkData], *, at: int, past: bool = False
) -> dict[LinkId, LinkEntry]:
    """Return entries of rows that come with all their ancestors, parents before children.

    Args:
        connection: A snapshot.
        found: The rows.
        at: The instant for which standing is computed, Unix seconds.
        past: Whether what was recorded after that second is left out.
    """
    if past:
        found = _until(found, at)
    if not found:
        return {}
    context = _Context(connection, found, at, until=at if past else None)
    states: dict[str, _State] = {}
    result: dict[LinkId, LinkEntry] = {}
    for row in found:
        above = states.get(row.parent) if row.parent else None
        state = states[row.id] = context.state(row, above)
        parent = result.get(row.parent) if row.parent else None
        result[row.id] = context.entry(row, state, parent)
    return result


def outlines(
    connection: Connection, found: Sequence[LinkData], *, at: int, past: bool = False
) -> list[LinkOutline]:
    """Return outlines of rows that come with all their ancestors, parents before children.

    A tenth of the work of `entries`: no grant is parsed, no difference made. Args as there.
    """
    if past:
        found = _until(found, at)
    if not found:
        return []
    context = _Context(connection, found, at, until=at if past else None, formats=False)
    states: dict[str, _State] = {}
    result: list[LinkOutline] = []
    for row in found:
        above = states.get(row.parent) if row.parent else None
        state = states[row.id] = context.state(row, above)
        result.append(context.outline(row, state))
    return result


_EFFECTS: Final[dict[str, str]] = {}  # strongest effects by link id: an id is its payload's digest
_MOST_EFFECTS: Final = 65_536


def _strongest(link: str, payload: bytes) -> str:
    """Return the strongest effect of a recorded payload; it was verified before it was recorded."""
    known = _EFFECTS.get(link)
    if known is None:
        if len(_EFFECTS) >= _MOST_EFFECTS:
            _EFFECTS.clear()
        effects = json.loads(payload)["grant"]["effects"]
        known = _EFFECTS[link] = max(effects, key=STRENGTH.index, default=STRENGTH[0])
    return known


def _until(found: Sequence[LinkData], at: int) -> list[LinkData]:
    """Return the rows recorded by then; none whose parent was not, whatever a replica's clock said."""
    kept: dict[str, LinkData] = {}
    for row in found:
        if row.at <= at and (row.parent is None or row.parent in kept):
            kept[row.id] = row
    return list(kept.values())


class _Context:
    """What is known about a set of links, each family read by one statement."""

    def __init__(
        self,
        connection: Connection,
        found: Sequence[LinkData],
        at: int,
        *,
        until: int | None,
        formats: bool = True,
    ) -> None:
        self.at = at
        last = 2**62 if until is None else until  # another replica's clock may be ahead of ours
        self.agents: dict[bytes, tuple[str, str]] = {
            row.key: (row.agent, row.owner)
            for row in connection.execute(
                select(AGENT_KEYS.c.key, AGENT_KEYS.c.agent, AGENTS.c.owner)
                .join(AGENTS, AGENTS.c.name == AGENT_KEYS.c.agent)
                .where(AGENT_KEYS.c.at <= last)
            )
        }
        self.revoked = frozenset(
            (row.kind, row.id)
            for row in connection.execute(
                select(REVOCATIONS.c.kind, REVOCATIONS.c.id).where(REVOCATIONS.c.at <= at)
            )
        )
        tasks = {row.task for row in found}
        self.tasks: Mapping[str, Any] = {
            row.id: row for row in connection.execute(select(TASKS).where(TASKS.c.id.in_(tasks)))
        }
        self.counts: dict[tuple[str, bool], int] = {
            (row.link, bool(row.allowed)): row.n
            for row in connection.execute(
                select(DECISIONS.c.link, DECISIONS.c.allowed, func.count().label("n"))
                .where(
                    DECISIONS.c.task.in_(tasks),
                    DECISIONS.c.at <= last,
                    ~DECISIONS.c.tool.startswith(RESERVED_PREFIX),
                )
                .group_by(DECISIONS.c.link, DECISIONS.c.allowed)
            )
        }
        self.formats: dict[str, list[str]] = {}
        ids = [row.id for row in found] if formats else []
        for start in range(0, len(ids), _CHUNK):
            part = ids[start : start + _CHUNK]
            evidence = select(EVIDENCE.c.link, EVIDENCE.c.format).where(EVIDENCE.c.link.in_(part))
            for row in connection.execute(evidence.order_by(EVIDENCE.c.format)):
                self.formats.setdefault(row.link, []).append(row.format)

    def state(self, row: LinkData, above: _State | None) -> _State:
        """Return the row's standing: the first of its ancestors' ends, else its own."""
        task = self.tasks[row.task]
        agent, owner = self.agents.get(row.holder_key, ("", ""))
        if agent != row.holder_name:
            owner = ""
        owner = owner or (above.owner if above is not None else task.owner)
        if above is not None and above.standing == "revoked":
            return replace(above, owner=owner)
        for kind, identity in (
            ("task", row.task),
            ("link", row.id),
            ("key", b64u(row.holder_key)),
            ("agent", agent),
        ):
            if identity and (kind, identity) in self.revoked:
                return _State("revoked", identity, owner)
        if above is not None and above.standing != "active":
            return replace(above, owner=owner)
        if task.state != "open" and (task.closed_at is None or task.closed_at <= self.at):
            return _State("task_closed", row.task, owner)
        if self.at >= task.deadline or self.at >= row.expires_at:
            return _State("expired", row.id if self.at >= row.expires_at else row.task, owner)
        return _State("active", "", owner)

    def outline(self, row: LinkData, state: _State) -> LinkOutline:
        """Return the row's outline."""
        agent = self.agents.get(row.holder_key, ("", ""))[0]
        is_registered = agent != "" and agent == row.holder_name
        return LinkOutline(
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
            allowed=self.counts.get((row.id, True), 0),
            denied=self.counts.get((row.id, False), 0),
        )

    def entry(self, row: LinkData, state: _State, parent: LinkEntry | None) -> LinkEntry:
        """Return the row's entry."""
        link = parsed(row.payload, root=row.parent is None)
        task = self.tasks[row.task]
        agent = self.agents.get(row.holder_key, ("", ""))[0]
        is_registered = agent != "" and agent == row.holder_name
        return LinkEntry(
            id=LinkId(row.id),
            task=TaskId(row.task),
            parent=row.parent,
            under=link.origin.under if link.origin is not None else None,
            depth=row.depth,
            holder_name=agent if is_registered else "",
            claimed_name=row.holder_name,
            holder_fingerprint=fingerprint(row.holder_key),
            owner=state.owner,
            registered=is_registered,
            inferred=bool(task.inferred),
            grant=link.grant,
            changes=differences(None if parent is None else parent.grant, link.grant),
            recorded_at=row.at,
            standing=state.standing,
            ended_by=state.ended_by,
            decisions=Counts(
                self.counts.get((row.id, True), 0), self.counts.get((row.id, False), 0)
            ),
            formats=tuple(self.formats.get(row.id, ())),
        )
