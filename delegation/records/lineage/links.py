"""Records links, and reads them with their standing computed from their ancestors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from sqlalchemy import Connection, Integer, Row, bindparam, cast, func, select, text, union_all

from delegation.authority.agent_name import claim_of
from delegation.authority.alias import RESERVED_PREFIX
from delegation.authority.chain import MAX_LINKS, Link, parse_payload
from delegation.authority.explain import differences
from delegation.authority.ids import LinkId, TaskId
from delegation.cancellation import look
from delegation.identity.principal import fingerprint
from delegation.lineage.entry import Counts, LinkEntry
from delegation.records.engine.database import upsert
from delegation.records.engine.families import TEXTS, among, branch
from delegation.records.engine.numbers import read_numbers, take_number
from delegation.records.lineage.renewals import marks_of, note_renewals
from delegation.records.lineage.standing import (
    NOBODY,
    Registered,
    Standings,
    State,
    ended_of,
    opener_states,
    subjects_of,
)
from delegation.records.log.leaves import link_leaf, log_links
from delegation.records.tables.records import (
    AGENT_KEYS,
    AGENTS,
    DECISIONS,
    EVIDENCE,
    LINKS,
    RENEWALS,
    TASKS,
)
from delegation.tokens.evidence import LinkEvidence
from delegation.transparency.leaf import LinkLeaf

LinkData: TypeAlias = Row[Any]
Item = TypeVar("Item")
_KNOWN: Final = (
    select(LINKS.c.id, LINKS.c.task, EVIDENCE.c.format)
    .outerjoin(EVIDENCE, EVIDENCE.c.link == LINKS.c.id)
    .where(LINKS.c.id.in_(bindparam("ids", expanding=True)))
)
_CHUNK: Final = 500  # ids in one IN list: SQLite's oldest limit is 999 parameters
_EVER: Final = 2**62  # another replica's clock may be ahead of ours

_NESTED: Final = 16  # tasks below one another, more than child tasks nest
# Bounded by depth, so that a corrupted parent cycle cannot loop.
_UP: Final = (
    text(
        f"""WITH RECURSIVE up(id, parent, n) AS (
        SELECT id, parent, 0 FROM link WHERE id IN :ids
        UNION
        SELECT l.id, l.parent, up.n + 1 FROM link l JOIN up ON l.id = up.parent
        WHERE up.n < {MAX_LINKS}
    ) SELECT {", ".join(f"link.{column.name}" for column in LINKS.columns)}
    FROM link WHERE link.id IN (SELECT id FROM up)"""  # noqa: S608  # constants, no input
    )
    .bindparams(bindparam("ids", expanding=True))
    .columns(*LINKS.columns)
)
# Each once, by its nearest seed: of two seeds one may hang below the other.
_DOWN: Final = text(
    f"""WITH RECURSIVE down(root, id, sequence, n) AS (
        SELECT root, id, sequence, 0 FROM link WHERE id IN :ids
        UNION ALL
        SELECT l.root, l.id, l.sequence, down.n + 1 FROM link l
        JOIN down ON l.root = down.root AND l.parent = down.id
        WHERE down.n < {MAX_LINKS} AND l.at <= :last
    ) SELECT id FROM down WHERE n > 0 GROUP BY id, sequence
    ORDER BY MIN(n), sequence LIMIT :most"""  # noqa: S608
).bindparams(bindparam("ids", expanding=True))


class _TaskRow(NamedTuple):
    """What a task adds to the standing of its links; the columns of its branch in their order."""

    id: str
    owner: str
    state: str
    under: str | None
    deadline: int
    closed_at: int | None
    idle: int | None
    opened_at: int
    last_call_at: int | None
    inferred: int


_BESIDE: Final = union_all(
    branch(
        "task", *(TASKS.c[name] for name in _TaskRow._fields[:4]),
        integers=(
            *(TASKS.c[name] for name in _TaskRow._fields[4:-1]), cast(TASKS.c.inferred, Integer),
        ),
    ).where(TASKS.c.id.in_(among("tasks"))),
    branch(
        "agent", AGENTS.c.name, AGENTS.c.owner,
        integers=(AGENTS.c.recertify_by,), key=AGENT_KEYS.c.key,
    )
    .join_from(AGENT_KEYS, AGENTS, AGENTS.c.name == AGENT_KEYS.c.agent)
    .where(AGENT_KEYS.c.key.in_(among("keys")), AGENT_KEYS.c.at <= bindparam("last")),
    branch("line", RENEWALS.c.link, RENEWALS.c.line).where(RENEWALS.c.link.in_(among("links"))),
    branch("format", EVIDENCE.c.link, EVIDENCE.c.format).where(
        EVIDENCE.c.link.in_(among("links"))
    ),
    branch(
        "count", DECISIONS.c.link,
        integers=(cast(DECISIONS.c.allowed, Integer), func.count()),
    )
    .where(
        DECISIONS.c.link.in_(among("links")),
        DECISIONS.c.at <= bindparam("last"),
        ~DECISIONS.c.tool.startswith(RESERVED_PREFIX),
    )
    .group_by(DECISIONS.c.link, DECISIONS.c.allowed),
)  # fmt: skip


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
    root: str


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
        epoch = read_numbers(connection)["epoch"]
        made = [new.link for new in fresh.values()]
        marks = marks_of(connection, made)
        connection.execute(
            upsert(connection, LINKS).on_conflict_do_nothing(),
            [
                _link_row(new, n, epoch, marks[new.link.id])
                for n, new in enumerate(fresh.values(), start=first)
            ],
        )
        log_links(connection, [_leaf(new, n) for n, new in enumerate(fresh.values(), start=first)])
        known |= {link: new.task for link, new in fresh.items()}
        last = max(new.at for new in fresh.values())
        note_renewals(connection, made, marks, first=first, at=last)
    proofs = {(new.link.id, new.evidence.format): new.evidence for new in found}
    added = [
        _evidence_row(*item) for item in sorted(proofs.items(), key=_key) if item[0] not in seen
    ]
    if added:
        connection.execute(upsert(connection, EVIDENCE).on_conflict_do_nothing(), added)
    return known


def _key(item: tuple[tuple[str, str], object]) -> tuple[str, str]:
    return item[0]


def _link_row(new: RecordedLink, sequence: int, epoch: int, mark: bytes) -> dict[str, Any]:
    return {
        "root": new.root,
        "id": new.link.id,
        "sequence": sequence,
        "task": new.task,
        "parent": new.link.parent,
        "depth": new.depth,
        "holder_key": new.link.holder_key,
        "holder_name": new.link.claim,
        "expires_at": new.link.grant.expires_at,
        "payload": new.link.payload,
        "at": new.at,
        "epoch": epoch,
        "mark": mark,
    }


def _leaf(new: RecordedLink, sequence: int) -> LinkLeaf:
    return link_leaf(
        new.link, new.evidence, task=new.task, sequence=sequence, depth=new.depth, at=new.at
    )


def _evidence_row(key: tuple[str, str], evidence: LinkEvidence) -> dict[str, Any]:
    return {
        "link": key[0],
        "format": key[1],
        "block": evidence.block,
        "signature": evidence.signature,
        "previous_signature": evidence.previous_signature,
    }


def with_ancestors(connection: Connection, ids: Sequence[str]) -> list[LinkData]:
    """Return the rows of these links and all above them, parents before children.

    Openers come before child tasks.
    """
    found: dict[str, LinkData] = {}
    for part in _parts(dict.fromkeys(ids)):
        found.update((row.id, row) for row in connection.execute(_UP, {"ids": part}))
    return sorted(found.values(), key=lambda row: row.sequence)  # none before what it hangs on


def below(
    connection: Connection, seeds: Sequence[str], most: int, *, until: int | None = None
) -> list[str]:
    """Return the ids of the links below these, parents before children and the nearest first.

    A child task hangs below the link under which it was opened, with all its links.

    Args:
        connection: A snapshot.
        seeds: The links to begin at; they are not among the answer.
        most: How many are looked for; where there are more, those farthest down are left out.
        until: Only links that were recorded by then, Unix seconds.
    """
    if most <= 0:
        return []
    last = _EVER if until is None else until
    known = dict.fromkeys(seeds)
    found: list[str] = []
    for part in _parts(known):
        asked = {"ids": part, "last": last, "most": most + len(known)}
        found += connection.execute(_DOWN, asked).scalars()
    found = [link for link in dict.fromkeys(found) if link not in known][:most]
    known |= dict.fromkeys(found)
    fresh = list(known)
    for _ in range(_NESTED):
        if not fresh or len(found) >= most:
            break
        hung = opened_under(connection, fresh, most + len(known), until=last)
        fresh = [link for link in hung if link not in known]
        known |= dict.fromkeys(fresh)
        found += fresh
    return found[:most]


def opened_under(
    connection: Connection, openers: Sequence[str], most: int, *, until: int = _EVER
) -> list[str]:
    """Return the ids of the links of the tasks that were opened under these, in recorded order."""
    tasks: list[str] = []
    for part in _parts(openers):
        tasks += connection.execute(select(TASKS.c.id).where(TASKS.c.under.in_(part))).scalars()
    found: list[tuple[int, str]] = []
    for part in _parts(tasks):
        query = select(LINKS.c.sequence, LINKS.c.id).order_by(LINKS.c.sequence).limit(most)
        query = query.where(LINKS.c.task.in_(part), LINKS.c.at <= until)
        found += [(row.sequence, row.id) for row in connection.execute(query)]
    return [link for _, link in sorted(found)[:most]]


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
    states: dict[str, State] = {}
    result: dict[LinkId, LinkEntry] = {}
    for row in found:
        above = states.get(row.parent or context.tasks[row.task].under or "")
        state = states[row.id] = context.state(row, above)
        parent = result.get(row.parent) if row.parent else None
        result[row.id] = context.entry(row, state, parent)
    return result


def _until(found: Sequence[LinkData], at: int) -> list[LinkData]:
    """Return the rows recorded by then; none whose parent was not, whatever a replica's clock said."""
    kept: dict[str, LinkData] = {}
    for row in found:
        if row.at <= at and (row.parent is None or row.parent in kept):
            kept[row.id] = row
    return list(kept.values())


class _Context(Standings):
    """All that entries show of a set of links, each family read by one statement."""

    def __init__(
        self, connection: Connection, found: Sequence[LinkData], at: int, *, until: int | None
    ) -> None:
        agents: dict[bytes, Registered] = {}
        tasks: dict[str, _TaskRow] = {}
        lines: dict[str, str] = {}
        self.counts: dict[tuple[str, bool], int] = {}
        self.formats: dict[str, list[str]] = {}
        for part in _parts(found):
            asked = {
                "links": [row.id for row in part],
                "keys": list({row.holder_key for row in part}),
                "tasks": list({row.task for row in part}),
                "last": _EVER if until is None else until,
            }
            for family, *row in connection.execute(_BESIDE, asked):
                integers = row[TEXTS:-1]
                match family:
                    case "task":
                        tasks[row[0]] = _TaskRow(*row[:4], *integers[:6])
                    case "agent":
                        agents[row[-1]] = Registered(row[0], row[1], integers[0])
                    case "line":
                        lines[row[0]] = row[1]
                    case "format":
                        self.formats.setdefault(row[0], []).append(row[1])
                    case _:
                        self.counts[row[0], bool(integers[0])] = integers[1]
        ended = ended_of(connection, subjects_of(found, agents, tasks, lines), at)
        held = {row.id for row in found}
        elsewhere = [task for task in tasks.values() if task.under not in held]
        openers = opener_states(connection, elsewhere, at=at)
        super().__init__(agents, tasks, ended, at, openers, lines)

    def entry(self, row: LinkData, state: State, parent: LinkEntry | None) -> LinkEntry:
        """Return the row's entry."""
        look()
        link = parsed(row.payload, root=row.parent is None)
        task = self.tasks[row.task]
        agent = self.agents.get(row.holder_key, NOBODY).name
        is_registered = agent != "" and claim_of(agent) == row.holder_name
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
            formats=tuple(sorted(self.formats.get(row.id, ()))),
        )


def _parts(items: Iterable[Item]) -> Iterator[list[Item]]:
    wanted = list(items)
    for start in range(0, len(wanted), _CHUNK):
        yield wanted[start : start + _CHUNK]
