"""Links as they are recorded, and their standing computed from their ancestors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy import Connection, Row, bindparam, column, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from delegation.authority.catalogue import RESERVED_PREFIX
from delegation.authority.chain import MAX_LINKS, Link, parse_payload
from delegation.authority.explain import differences
from delegation.authority.ids import LinkId, TaskId
from delegation.canonical import b64u
from delegation.identity.principal import fingerprint
from delegation.lineage.entry import Counts, LinkEntry, LinkPath, Standing
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
Item = TypeVar("Item")
_KNOWN: Final = (
    select(LINKS.c.id, LINKS.c.task, EVIDENCE.c.format)
    .outerjoin(EVIDENCE, EVIDENCE.c.link == LINKS.c.id)
    .where(LINKS.c.id.in_(bindparam("ids", expanding=True)))
)
_COUNTS: Final = (
    select(DECISIONS.c.link, DECISIONS.c.allowed, func.count().label("n"))
    .where(
        DECISIONS.c.link.in_(bindparam("links", expanding=True)),
        ~DECISIONS.c.tool.startswith(RESERVED_PREFIX),
    )
    .group_by(DECISIONS.c.link, DECISIONS.c.allowed)
)
_FORMATS: Final = (
    select(EVIDENCE.c.link, EVIDENCE.c.format)
    .where(EVIDENCE.c.link.in_(bindparam("links", expanding=True)))
    .order_by(EVIDENCE.c.format)
)
_key_text = lru_cache(maxsize=16_384)(b64u)  # asked again for each link below
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


# One link's way up, without payloads; what stands beside each link comes with it.
_PATH: Final = text(
    f"""WITH RECURSIVE up(id, parent, task, depth, holder_key, holder_name, expires_at, n) AS (
        SELECT id, parent, task, depth, holder_key, holder_name, expires_at, 0
        FROM link WHERE id = :id
        UNION ALL
        SELECT l.id, l.parent, l.task, l.depth, l.holder_key, l.holder_name, l.expires_at, up.n + 1
        FROM link l JOIN up ON l.id = up.parent WHERE up.n < {MAX_LINKS}
    ) SELECT up.id, up.parent, up.task, up.holder_key, up.holder_name, up.expires_at,
        k.agent, a.owner AS agent_owner, t.owner, t.state, t.closed_at, t.deadline
    FROM up JOIN task t ON t.id = up.task
    LEFT JOIN agent_key k ON k.key = up.holder_key LEFT JOIN agent a ON a.name = k.agent
    ORDER BY up.n DESC"""  # noqa: S608  # a constant bound, no input
).columns(
    LINKS.c.id, LINKS.c.parent, LINKS.c.task, LINKS.c.holder_key, LINKS.c.holder_name,
    LINKS.c.expires_at, AGENT_KEYS.c.agent, column("agent_owner", Text), TASKS.c.owner,
    TASKS.c.state, TASKS.c.closed_at, TASKS.c.deadline,
)  # fmt: skip
# All subjects travel as one value: a list of hundreds of parameters costs more than the answer.
_REVOKED_SQLITE: Final = text(
    """SELECT r.kind, r.id FROM json_each(:subjects) AS j CROSS JOIN revocation AS r
    ON r.kind = json_extract(j.value, '$[0]') AND r.id = json_extract(j.value, '$[1]')
    WHERE r.at <= :at"""
).columns(REVOCATIONS.c.kind, REVOCATIONS.c.id)
_REVOKED_POSTGRES: Final = (
    text(
        """SELECT r.kind, r.id FROM unnest(:kinds, :ids) AS j(kind, id)
    JOIN revocation AS r ON r.kind = j.kind AND r.id = j.id WHERE r.at <= :at"""
    )
    .bindparams(bindparam("kinds", type_=ARRAY(Text)), bindparam("ids", type_=ARRAY(Text)))
    .columns(REVOCATIONS.c.kind, REVOCATIONS.c.id)
)
_AGENTS: Final = (
    select(AGENT_KEYS.c.key, AGENT_KEYS.c.agent, AGENTS.c.owner)
    .join(AGENTS, AGENTS.c.name == AGENT_KEYS.c.agent)
    .where(AGENT_KEYS.c.key.in_(bindparam("keys", expanding=True)))
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


def path(connection: Connection, link: str, *, at: int) -> LinkPath | None:
    """Return a link's way up and its standing, or None if it is not recorded.

    Two statements whatever the depth: the way up with what stands beside each link, and which of
    it is revoked. Not read: grants, evidence, decisions (`entries`).
    """
    found = connection.execute(_PATH, {"id": link}).all()
    if not found:
        return None
    agents = {row.holder_key: (row.agent, row.agent_owner) for row in found if row.agent}
    revoked = _revoked(connection, _subjects(found, agents), at)
    standings = _Standings(agents, {row.task: row for row in found}, revoked, at)
    state: _State | None = None
    for row in found:
        state = standings.state(row, state)
    if state is None:  # a loop over at least one row set it
        raise AssertionError
    ids = tuple(LinkId(row.id) for row in found)
    return LinkPath(ids, state.standing, state.ended_by)


def below(connection: Connection, link: str, most: int) -> list[str]:
    """Return the ids of the links below one, nearest first."""
    return list(connection.execute(_DOWN, {"id": link, "most": most}).scalars())


def entries(
    connection: Connection, found: Sequence[LinkData], *, at: int
) -> dict[LinkId, LinkEntry]:
    """Return entries of rows that come with all their ancestors, parents before children.

    Args:
        connection: A snapshot.
        found: The rows.
        at: The instant for which standing is computed, Unix seconds.
    """
    if not found:
        return {}
    context = _Context(connection, found, at)
    states: dict[str, _State] = {}
    result: dict[LinkId, LinkEntry] = {}
    for row in found:
        above = states.get(row.parent) if row.parent else None
        state = states[row.id] = context.state(row, above)
        parent = result.get(row.parent) if row.parent else None
        result[row.id] = context.entry(row, state, parent)
    return result


class _Standings:
    """What ends links, looked up for the links that are asked about and no others.

    Args:
        agents: Registered agent and owner of each holder key that has one.
        tasks: Their tasks' rows.
        revoked: Which of their subjects are revoked.
        at: The instant, Unix seconds.
    """

    def __init__(
        self,
        agents: Mapping[bytes, tuple[str, str]],
        tasks: Mapping[str, Any],
        revoked: AbstractSet[tuple[str, str]],
        at: int,
    ) -> None:
        self.agents = agents
        self.tasks = tasks
        self.revoked = revoked
        self.at = at

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
            ("key", _key_text(row.holder_key)),
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


class _Context(_Standings):
    """All that entries show of a set of links, each family read by one statement."""

    def __init__(self, connection: Connection, found: Sequence[LinkData], at: int) -> None:
        agents: dict[bytes, tuple[str, str]] = {}
        for keys in _parts({row.holder_key for row in found}):
            for row in connection.execute(_AGENTS, {"keys": keys}):
                agents[row.key] = (row.agent, row.owner)
        ids = {row.task for row in found}
        tasks = {
            row.id: row
            for row in connection.execute(select(TASKS).where(TASKS.c.id.in_(sorted(ids))))
        }
        super().__init__(agents, tasks, _revoked(connection, _subjects(found, agents), at), at)
        self.counts: dict[tuple[str, bool], int] = {}
        self.formats: dict[str, list[str]] = {}
        for links in _parts(row.id for row in found):
            for row in connection.execute(_COUNTS, {"links": links}):
                self.counts[row.link, bool(row.allowed)] = row.n
            for link, seen in connection.execute(_FORMATS, {"links": links}):
                self.formats.setdefault(link, []).append(seen)

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


def _parts(items: Iterable[Item]) -> Iterator[list[Item]]:
    wanted = list(items)
    for start in range(0, len(wanted), _CHUNK):
        yield wanted[start : start + _CHUNK]


def _subjects(
    found: Sequence[LinkData], agents: Mapping[bytes, tuple[str, str]]
) -> set[tuple[str, str]]:
    """Return all that could end these links by being revoked."""
    subjects = {("agent", agent) for agent, _ in agents.values()}
    for row in found:
        subjects.update((("link", row.id), ("task", row.task), ("key", _key_text(row.holder_key))))
    return subjects


def _revoked(
    connection: Connection, subjects: set[tuple[str, str]], at: int
) -> AbstractSet[tuple[str, str]]:
    """Return those of the subjects that were revoked by then."""
    wanted = sorted(subjects)
    if connection.dialect.name == "sqlite":
        found = connection.execute(_REVOKED_SQLITE, {"subjects": json.dumps(wanted), "at": at})
    else:
        kinds, ids = [kind for kind, _ in wanted], [name for _, name in wanted]
        found = connection.execute(_REVOKED_POSTGRES, {"kinds": kinds, "ids": ids, "at": at})
    return {(kind, name) for kind, name in found.all()}
