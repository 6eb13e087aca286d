"""Reads in one statement what calls to be settled need: numbers, tasks, links, agents, counters.

Each family is one branch of a UNION ALL, all with the same columns. Read after the gate was taken, in
the transaction that writes. On SQLite nobody else writes meanwhile, so a counter that was read may be
charged; what is not among the answer, and every counter elsewhere, is made, locked and read before
(`facts.lock_counters`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Select, select, union_all

from delegation import canonical
from delegation.authority.ids import TaskId
from delegation.judge.creation_limits import BREAK_SECONDS, WINDOW
from delegation.judge.facts import AgentFact, CounterKey, TaskFact
from delegation.judge.limits import Limits
from delegation.lineage.entry import TaskState
from delegation.records.engine.families import TEXTS, among, branch
from delegation.records.tables.flow import FLOW_HISTORIES
from delegation.records.tables.records import (
    AGENT_KEYS,
    AGENTS,
    COUNTERS,
    EVIDENCE,
    LINKS,
    NUMBERS,
    RENEWALS,
    TASKS,
)

_MAX_TASKS: Final = 16  # more than child tasks nest
_CHUNK: Final = 2000  # links in one statement, each of which is four or five of its parameters


def _counters(scope: str, ids: Any) -> Select[Any]:
    found = branch(
        "counter", COUNTERS.c.scope, COUNTERS.c.id, COUNTERS.c.unit,
        integers=(COUNTERS.c.lim, COUNTERS.c.used),
    )  # fmt: skip
    return found.where(COUNTERS.c.scope == scope, COUNTERS.c.id.in_(ids))


_TASK_TEXTS: Final = ("id", "root", "parent", "under", "owner", "state", "limits")
_TASK_INTEGERS: Final = (
    "opened_at", "deadline", "closed_at", "idle", "last_call_at", "denial_minute", "denials",
    "broken_until",
)  # fmt: skip
_KNOWN: Final = union_all(
    branch("number", NUMBERS.c.name, integers=(NUMBERS.c.n,)),
    branch(
        "task", *(TASKS.c[name] for name in _TASK_TEXTS), FLOW_HISTORIES.c.root,
        integers=tuple(TASKS.c[name] for name in _TASK_INTEGERS),
    )
    .outerjoin_from(TASKS, FLOW_HISTORIES, FLOW_HISTORIES.c.root == TASKS.c.root)
    .where(TASKS.c.id.in_(among("tasks"))),
    branch("link", LINKS.c.id, LINKS.c.task, RENEWALS.c.line, EVIDENCE.c.format)
    .outerjoin_from(LINKS, RENEWALS, RENEWALS.c.link == LINKS.c.id)
    .outerjoin(EVIDENCE, EVIDENCE.c.link == LINKS.c.id)
    .where(LINKS.c.id.in_(among("links"))),
    branch(
        "key", AGENTS.c.name, AGENTS.c.owner,
        integers=(AGENTS.c.recertify_by,), key=AGENT_KEYS.c.key,
    )
    .join_from(AGENT_KEYS, AGENTS, AGENTS.c.name == AGENT_KEYS.c.agent)
    .where(AGENT_KEYS.c.key.in_(among("keys"))),
    branch(
        "claim", AGENTS.c.name, AGENTS.c.owner, AGENTS.c.claim, integers=(AGENTS.c.recertify_by,)
    ).where(AGENTS.c.claim.in_(among("claims"))),
    _counters("task", among("tasks")),
    _counters("link", among("links")),
    # A link and what renews it have one counter, the first one's.
    _counters("link", select(RENEWALS.c.line).where(RENEWALS.c.link.in_(among("links")))),
)  # fmt: skip


class Added(Protocol):
    """What a batch adds to tasks before it is written."""

    def called(self, task: str) -> int:
        """Return when its newest call was, Unix seconds; 0 for none."""

    def denied(self, task: str) -> int:
        """Return how many calls were denied that count for the breaker."""


@dataclass(frozen=True, slots=True)
class TaskRowFact:
    """A task's row, as far as settling asks.

    `keeps_history` is whether sums of its root task's calls are kept, because a flow rule once asked.
    """

    state: TaskState
    deadline: int
    closed_at: int | None
    parent: str | None
    root: str
    owner: str
    under: str | None
    idle: int | None
    called_at: int
    denial_minute: int
    denials: int
    broken_until: int
    limits: Limits
    keeps_history: bool

    @property
    def is_open(self) -> bool:
        """Whether it was never closed."""
        return self.state == "open"


@dataclass(slots=True)
class Known:
    """What was read so far.

    Args:
        defaults: The service's own limits of every task.
        numbers: All numbers that only grow.
        tasks: Rows of tasks by id, with those above them.
        recorded: Task of each recorded link.
        seen: Recorded links with each format in which they were seen.
        renewed: The first link of its line, for each recorded link that renews another.
        by_key: Registered agents by holder key.
        by_name: Registered agents by claimed name.
        counters: Limit and units used of each counter that is there.
    """

    defaults: Limits
    numbers: dict[str, int] = field(default_factory=dict)
    tasks: dict[str, TaskRowFact] = field(default_factory=dict)
    recorded: dict[str, str] = field(default_factory=dict)
    seen: set[tuple[str, str]] = field(default_factory=set)
    renewed: dict[str, str] = field(default_factory=dict)
    by_key: dict[bytes, AgentFact] = field(default_factory=dict)
    by_name: dict[str, AgentFact] = field(default_factory=dict)
    counters: dict[CounterKey, tuple[int, int]] = field(default_factory=dict)

    def read(
        self,
        connection: Connection,
        tasks: Iterable[str],
        links: Iterable[str] = (),
        holders: Iterable[tuple[bytes, str]] = (),
    ) -> None:
        """Read tasks with all above them, links, and agents by their keys and claimed names."""
        held, wanted = set(holders), set(tasks)
        self._read(
            connection,
            tasks=[*wanted],
            links=[*set(links)],
            keys=[*{key for key, _ in held}],
            claims=[*{claim for _, claim in held}],
        )
        for _ in range(_MAX_TASKS - 1):
            above = {t.parent for t in self.tasks.values() if t.parent} - self.tasks.keys() - wanted
            if not above:
                break
            wanted |= above
            self._read(connection, tasks=[*above])

    def _read(self, connection: Connection, **asked: list[Any]) -> None:
        empty: dict[str, list[Any]] = {"tasks": [], "links": [], "keys": [], "claims": []}
        for start in range(0, max(1, *map(len, asked.values())), _CHUNK):
            part = {name: ids[start : start + _CHUNK] for name, ids in asked.items()}
            for family, *row in connection.execute(_KNOWN, empty | part):
                self._note(family, row[:TEXTS], row[TEXTS:-1], row[-1])

    def _note(self, family: str, texts: Any, integers: Any, key: bytes | None) -> None:
        match family:
            case "number":
                self.numbers[texts[0]] = integers[0]
            case "task":
                self.tasks[texts[0]] = _task(texts, integers, self.defaults)
            case "link":
                name, task, line, seen = texts[:4]
                self.recorded[name] = task
                self.seen.add((name, seen))
                if line is not None:
                    self.renewed[name] = line
            case "key":
                self.by_key[bytes(key or b"")] = AgentFact(texts[0], texts[1], integers[0])
            case "claim":
                self.by_name[texts[2]] = AgentFact(texts[0], texts[1], integers[0])
            case _:
                self.counters[CounterKey(*texts[:3])] = (integers[0], integers[1])


def _task(texts: Sequence[Any], integers: Sequence[Any], defaults: Limits) -> TaskRowFact:
    *named, kept = texts
    columns = dict(zip(_TASK_TEXTS, named, strict=True))
    columns.update(zip(_TASK_INTEGERS, integers, strict=True))
    return task_fact(columns, defaults, keeps_history=kept is not None)


@lru_cache(maxsize=1024)
def limits_of(text: str | None, defaults: Limits) -> Limits:
    """Return a task's limits: its own where they are tighter than the service's."""
    return defaults if text is None else Limits.from_json(canonical.parse(text)).within(defaults)


def task_fact(
    row: Mapping[str, Any], defaults: Limits, *, keeps_history: bool = False
) -> TaskRowFact:
    """Return a task's row, as far as settling asks."""
    return TaskRowFact(
        state=row["state"],
        deadline=row["deadline"],
        closed_at=row["closed_at"],
        parent=row["parent"],
        root=row["root"],
        owner=row["owner"],
        under=row["under"],
        idle=row["idle"],
        called_at=max(row["opened_at"], row["last_call_at"] or 0),
        denial_minute=row["denial_minute"],
        denials=row["denials"],
        broken_until=row["broken_until"],
        limits=limits_of(row["limits"], defaults),
        keeps_history=keeps_history,
    )


def read_tasks(
    connection: Connection, tasks: Iterable[str], defaults: Limits
) -> dict[str, TaskRowFact]:
    """Return these tasks and all above them, by id."""
    known = Known(defaults)
    known.read(connection, tasks)
    return known.tasks


def task_chain(
    tasks: Mapping[str, TaskRowFact], task: str, growth: Added | None, at: int
) -> tuple[TaskFact, ...]:
    """Return a task and those above it, nearest first; empty where one is unknown or too far up.

    Args:
        tasks: Rows by id.
        task: The task.
        growth: What the batch adds to them so far; None for nothing.
        at: The service's clock, Unix seconds.
    """
    found: list[TaskFact] = []
    wanted: str | None = task
    while wanted is not None and len(found) < _MAX_TASKS:
        row = tasks.get(wanted)
        if row is None:
            return ()
        called, denied = (
            (0, 0) if growth is None else (growth.called(wanted), growth.denied(wanted))
        )
        found.append(
            TaskFact(
                TaskId(wanted),
                row.is_open,
                row.deadline,
                row.owner,
                None if row.idle is None else max(row.called_at, called) + row.idle,
                row.broken_until if denied == 0 else _broken_until(row, denied, at),
                row.limits,
            )
        )
        wanted = row.parent
    # A task above the bound was not looked at, so nothing is known of it: unknown, refused.
    return tuple(found) if wanted is None else ()


def _broken_until(row: TaskRowFact, denied: int, at: int) -> int:
    """Return until when the breaker is open, the denials of this batch counted in."""
    minute, most = at // WINDOW, row.limits.denials_per_minute
    before = row.denials if row.denial_minute == minute else 0
    if most is None or before + denied < most:
        return row.broken_until
    return minute * WINDOW + WINDOW + BREAK_SECONDS
