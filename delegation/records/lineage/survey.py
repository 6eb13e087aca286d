"""Reads surveys: many links with their tasks, agents and use, each family in one statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, func, or_, select

from delegation import sent_json
from delegation.authority.alias import RESERVED_PREFIX
from delegation.authority.catalogue import Catalogue
from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.hidden import hidden_in
from delegation.judge.creation_limits import CODES
from delegation.lineage.analysis.findings import GROWTH_SECONDS
from delegation.lineage.entry import TaskEntry
from delegation.lineage.survey import (
    MOST_COUNTED,
    Extent,
    Ground,
    Hiding,
    Known,
    Registered,
    Stopped,
    Survey,
    Use,
)
from delegation.records.lineage import links
from delegation.records.lineage.caches import Caches
from delegation.records.lineage.renewals import line, lines_of, renewals
from delegation.records.lineage.task_entries import task_entries
from delegation.records.tables.flow import RESOURCE_LABELS
from delegation.records.tables.records import (
    AGENT_KEYS,
    AGENTS,
    COUNTERS,
    DECISIONS,
    LINKS,
    TASKS,
    TOOLS,
)

_CHUNK: Final = 400  # values in one IN list


def survey(
    connection: Connection, caches: Caches, ground: Ground, *, at: int, most: int, past: bool
) -> Survey:
    """Return the links of a ground, their ancestors, and what is known beside them.

    Args:
        connection: A snapshot.
        caches: Per-process caches.
        ground: Which links.
        at: Unix seconds.
        most: How many links are looked at; the newest of more.
        past: Whether what was recorded after that second is left out. Budgets are always as they
            are now: they keep no history.
    """
    wanted = _wanted(connection, ground, at=at, most=most + 1, past=past)
    extent = Extent(min(most, len(wanted)), len(wanted))
    if len(wanted) > most:
        extent = Extent(most, _total(connection, ground, at=at, past=past))
    rows = links.with_ancestors(connection, wanted[:most])
    entries = links.entries(connection, rows, at=at, past=past)
    ids = list(entries)
    last = at if past else 2**62
    tasks = sorted({entry.task for entry in entries.values()})
    if ground.is_open:
        tasks = sorted({*tasks, *_open_tasks(connection, at=at, most=most, past=past)})
    if ground.task is not None:
        tasks = sorted({*tasks, TaskId(ground.task)})
    known = Known(
        tasks=_tasks(connection, caches, tasks, at=at, past=past),
        keys={LinkId(row.id): row.holder_key for row in rows if row.id in entries},
        pins={
            LinkId(row.id): origin.catalogue
            for row in rows
            if row.parent is None
            and (origin := links.parsed(row.payload, root=True).origin) is not None
        },
        uses=_uses(connection, ids, last),
        spent=_spent(connection, ids),
        agents=registered(connection, last),
        renews=renewals(connection, ids),
        stopped=_stopped(connection, tasks, at, last),
        hiding=tuple(
            call
            for part in _chunks(tasks)
            for call in hiding(connection, part, since=at - GROWTH_SECONDS, until=last)
        ),
    )
    catalogue = _catalogue(connection, caches, at if past else None)
    return Survey(entries.values(), catalogue, at=at, known=known, extent=extent)


def _total(connection: Connection, ground: Ground, *, at: int, past: bool) -> int:
    return len(_wanted(connection, ground, at=at, most=MOST_COUNTED + 1, past=past))


def _catalogue(connection: Connection, caches: Caches, at: int | None) -> Catalogue:
    if at is None:
        return caches.catalogue.newest(connection)
    # A revision is of a tool or of resources' labels: the newest of either that was there by then.
    newest = (
        select(func.max(table.c.revision)).where(table.c.at <= at)
        for table in (TOOLS, RESOURCE_LABELS)
    )
    revision = max(connection.execute(query).scalar_one() or 0 for query in newest)
    return caches.catalogue.at(connection, revision)


def _open_tasks(connection: Connection, *, at: int, most: int, past: bool) -> list[TaskId]:
    query = select(TASKS.c.id).order_by(TASKS.c.opened_at.desc(), TASKS.c.id).limit(most)
    if past:
        query = query.where(
            TASKS.c.opened_at <= at, or_(TASKS.c.closed_at.is_(None), TASKS.c.closed_at > at)
        )
    else:
        query = query.where(TASKS.c.state == "open")
    return [TaskId(task) for task in connection.execute(query).scalars()]


def _wanted(connection: Connection, ground: Ground, *, at: int, most: int, past: bool) -> list[str]:
    until = at if past else None
    found: dict[str, None] = {}
    if ground.link is not None:
        found = dict.fromkeys(
            [ground.link, *line(connection, ground.link)] if ground.whole else [ground.link]
        )
    for key in ground.keys:
        found |= dict.fromkeys(_newest(connection, LINKS.c.holder_key == key, most, until))
    if ground.task is not None:
        found |= dict.fromkeys(_newest(connection, LINKS.c.task == ground.task, most, until))
    found |= dict.fromkeys(links.below(connection, list(found), most - len(found), until=until))
    tasks: list[str] = []
    if ground.owner is not None:
        owned = select(TASKS.c.id).where(TASKS.c.owner == ground.owner, TASKS.c.state == "open")
        tasks += connection.execute(owned.limit(most)).scalars()
    if ground.whole and found:
        names = list(found)
        for part in _chunks(names):
            touched = select(LINKS.c.task).where(LINKS.c.id.in_(part)).distinct()
            tasks += connection.execute(touched).scalars()
    if ground.is_open:
        tasks += _open_tasks(connection, at=at, most=most, past=past)
    if ground.also_open_at is not None:
        tasks += _open_tasks(connection, at=ground.also_open_at, most=most, past=True)
    for part in _chunks(sorted(set(tasks))):
        if len(found) < most:
            found |= dict.fromkeys(_newest(connection, LINKS.c.task.in_(part), most, until))
    return list(found)[:most]


def _newest(connection: Connection, wanted: Any, most: int, until: int | None) -> list[str]:
    query = select(LINKS.c.id).where(wanted).order_by(LINKS.c.sequence.desc()).limit(most)
    if until is not None:
        query = query.where(LINKS.c.at <= until)
    return list(connection.execute(query).scalars())


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def _tasks(
    connection: Connection, caches: Caches, wanted: Sequence[TaskId], *, at: int, past: bool
) -> dict[TaskId, TaskEntry]:
    found: dict[TaskId, TaskEntry] = {}
    for part in _chunks(wanted):
        entries = task_entries(connection, part, at=at, defaults=caches.limits, past=past)
        found |= {entry.id: entry for entry in entries}
    return found


def _spent(connection: Connection, ids: Sequence[LinkId]) -> dict[LinkId, dict[str, int]]:
    used: dict[str, dict[str, int]] = {}
    lines = lines_of(connection, ids)  # what renews a link spends what that had
    for part in _chunks(sorted({lines.get(link, link) for link in ids})):
        query = select(COUNTERS.c.id, COUNTERS.c.unit, COUNTERS.c.used).where(
            COUNTERS.c.scope == "link", COUNTERS.c.id.in_(part)
        )
        for row in connection.execute(query.order_by(COUNTERS.c.id, COUNTERS.c.unit)):
            used.setdefault(row.id, {})[row.unit] = row.used
    return {link: used[line] for link in ids if (line := lines.get(link, link)) in used}


def _uses(
    connection: Connection, ids: Sequence[LinkId], last: int
) -> dict[LinkId, tuple[Use, ...]]:
    gathered: dict[tuple[LinkId, str], list[int]] = {}
    for part in _chunks(ids):
        query = (
            select(
                DECISIONS.c.link,
                DECISIONS.c.tool,
                DECISIONS.c.allowed,
                func.count().label("n"),
                func.max(DECISIONS.c.at).label("last"),
            )
            .where(
                DECISIONS.c.link.in_(part),
                DECISIONS.c.at <= last,
                ~DECISIONS.c.tool.startswith(RESERVED_PREFIX),
            )
            .group_by(DECISIONS.c.link, DECISIONS.c.tool, DECISIONS.c.allowed)
        )
        for row in connection.execute(query):
            counts = gathered.setdefault((LinkId(row.link), row.tool), [0, 0, 0])
            counts[0 if row.allowed else 1] += row.n
            counts[2] = max(counts[2], row.last)
    found: dict[LinkId, tuple[Use, ...]] = {}
    for (link, tool), (allowed, denied, at) in sorted(gathered.items()):
        found[link] = (*found.get(link, ()), Use(tool, allowed, denied, at))
    return found


def _stopped(
    connection: Connection, tasks: Sequence[TaskId], at: int, last: int
) -> tuple[Stopped, ...]:
    found: list[Stopped] = []
    for part in _chunks(tasks):
        query = (
            select(
                DECISIONS.c.task,
                DECISIONS.c.code,
                func.count().label("n"),
                func.max(DECISIONS.c.at).label("last"),
            )
            .where(
                DECISIONS.c.task.in_(part),
                DECISIONS.c.code.in_(CODES),
                DECISIONS.c.at > at - GROWTH_SECONDS,
                DECISIONS.c.at <= last,
            )
            .group_by(DECISIONS.c.task, DECISIONS.c.code)
            .order_by(DECISIONS.c.task, DECISIONS.c.code)
        )
        rows = connection.execute(query)
        found += [Stopped(TaskId(row.task), row.code, row.n, row.last) for row in rows]
    return tuple(found)


def registered(connection: Connection, last: int) -> tuple[Registered, ...]:
    """Return the registry as it was at an instant, by name."""
    keys: dict[str, list[bytes]] = {}
    query = select(AGENT_KEYS).where(AGENT_KEYS.c.at <= last)
    for row in connection.execute(query.order_by(AGENT_KEYS.c.at, AGENT_KEYS.c.key)):
        keys.setdefault(row.agent, []).append(row.key)
    agents = select(AGENTS).where(AGENTS.c.at <= last).order_by(AGENTS.c.name)
    return tuple(
        Registered(row.name, row.owner, tuple(keys.get(row.name, ())), row.at)
        for row in connection.execute(agents)
    )


MOST_CALLS: Final = 1000  # calls that are looked at; the newest of more


def hiding(
    connection: Connection, tasks: Sequence[str], *, since: int, until: int
) -> tuple[Hiding, ...]:
    """Return the calls of these tasks in which something is hidden, the newest first.

    What was erased hides nothing any more. Texts in which nothing can be hidden, since all of them
    are printable ASCII, are passed over by the database.

    Args:
        connection: A snapshot.
        tasks: As many as one statement takes.
        since: Unix seconds; calls decided after it.
        until: Unix seconds; calls decided by then.
    """
    sent = DECISIONS.c.access
    is_sqlite = connection.dialect.name == "sqlite"
    beyond = sent.op("GLOB")("*[^ -~]*") if is_sqlite else sent.regexp_match("[^ -~]")
    query = (
        select(
            DECISIONS.c.id,
            DECISIONS.c.link,
            DECISIONS.c.tool,
            DECISIONS.c.allowed,
            DECISIONS.c.code,
            sent,
        )
        .where(
            DECISIONS.c.task.in_(tasks),
            DECISIONS.c.at > since,
            DECISIONS.c.at <= until,
            DECISIONS.c.link.is_not(None),
            or_(
                beyond,
                sent.contains("\\u00", autoescape=True),
                sent.contains("\\ud", autoescape=True),  # surrogates that stand alone
            ),
        )
        .order_by(DECISIONS.c.sequence.desc())
        .limit(MOST_CALLS)
    )
    found: list[Hiding] = []
    for row in connection.execute(query):
        hidden = tuple(hidden_in(sent_json.portable(sent_json.parse(row.access), halves=True)))
        if hidden:
            matters = bool(row.allowed) or row.code == "approval_needed"
            call = DecisionId(row.id), LinkId(row.link), row.tool
            found.append(Hiding(*call, matters, hidden))
    return tuple(found)
