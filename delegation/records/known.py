"""What is known of calls that are to be settled: numbers, tasks, links, agents, counters; one statement.

Each family is one branch of a UNION ALL, all with the same columns. Read after the gate was taken, in
the transaction that writes. A counter that is not among the answer is not there: on SQLite nobody else
writes meanwhile, on PostgreSQL it is made, and locked, before it is believed (`facts.lock_counters`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    LargeBinary,
    Select,
    Text,
    bindparam,
    cast,
    literal_column,
    null,
    select,
    union_all,
)

from delegation.judge.facts import AgentFact, CounterKey
from delegation.judge.limits import Limits
from delegation.records.flow_tables import FLOW_HISTORIES
from delegation.records.growth import limits_of
from delegation.records.tables import (
    AGENT_KEYS,
    AGENTS,
    COUNTERS,
    EVIDENCE,
    LINKS,
    NUMBERS,
    RENEWALS,
    TASKS,
)

MAX_TASKS: Final = 16  # more than child tasks nest
_CHUNK: Final = 2000  # links in one statement, each of which is four or five of its parameters
_TEXTS: Final = 8
_INTEGERS: Final = 7


def _branch(
    family: str,
    *texts: ColumnElement[Any],
    integers: tuple[ColumnElement[Any], ...] = (),
    key: ColumnElement[Any] | None = None,
) -> Select[Any]:
    """Return the query of one family: its name, then columns for each type, unused ones empty."""
    unused = _TEXTS - len(texts), _INTEGERS - len(integers)
    return select(
        literal_column(f"'{family}'", Text).label("family"),
        *texts,
        *(cast(null(), Text).label(f"t{n}") for n in range(unused[0])),
        *integers,
        *(cast(null(), BigInteger).label(f"n{n}") for n in range(unused[1])),
        cast(null(), LargeBinary).label("key") if key is None else key,
    )


def _counters(scope: str, ids: Any) -> Select[Any]:
    found = _branch(
        "counter", COUNTERS.c.scope, COUNTERS.c.id, COUNTERS.c.unit,
        integers=(COUNTERS.c.lim, COUNTERS.c.used),
    )  # fmt: skip
    return found.where(COUNTERS.c.scope == scope, COUNTERS.c.id.in_(ids))


def _among(name: str) -> Any:
    return bindparam(name, expanding=True)


_KNOWN: Final = union_all(
    _branch("number", NUMBERS.c.name, integers=(NUMBERS.c.n,)),
    _branch(
        "task", TASKS.c.id, TASKS.c.root, TASKS.c.parent, TASKS.c.under, TASKS.c.owner,
        TASKS.c.state, TASKS.c.limits, FLOW_HISTORIES.c.root,
        integers=(
            TASKS.c.opened_at, TASKS.c.deadline, TASKS.c.idle, TASKS.c.last_call_at,
            TASKS.c.denial_minute, TASKS.c.denials, TASKS.c.broken_until,
        ),
    )
    .outerjoin_from(TASKS, FLOW_HISTORIES, FLOW_HISTORIES.c.root == TASKS.c.root)
    .where(TASKS.c.id.in_(_among("tasks"))),
    _branch("link", LINKS.c.id, LINKS.c.task, RENEWALS.c.line, EVIDENCE.c.format)
    .outerjoin_from(LINKS, RENEWALS, RENEWALS.c.link == LINKS.c.id)
    .outerjoin(EVIDENCE, EVIDENCE.c.link == LINKS.c.id)
    .where(LINKS.c.id.in_(_among("links"))),
    _branch(
        "key", AGENTS.c.name, AGENTS.c.owner,
        integers=(AGENTS.c.recertify_by,), key=AGENT_KEYS.c.key,
    )
    .join_from(AGENT_KEYS, AGENTS, AGENTS.c.name == AGENT_KEYS.c.agent)
    .where(AGENT_KEYS.c.key.in_(_among("keys"))),
    _branch(
        "claim", AGENTS.c.name, AGENTS.c.owner, AGENTS.c.claim, integers=(AGENTS.c.recertify_by,)
    ).where(AGENTS.c.claim.in_(_among("claims"))),
    _counters("task", _among("tasks")),
    _counters("link", _among("links")),
    # A link and what renews it have one counter, the first one's.
    _counters("link", select(RENEWALS.c.line).where(RENEWALS.c.link.in_(_among("links")))),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TaskRowFact:
    """A task's row, as far as settling asks.

    `keeps_history` is whether sums of its root task's calls are kept, because a flow rule once asked.
    """

    is_open: bool
    deadline: int
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
        for _ in range(MAX_TASKS - 1):
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
                self._note(family, row[:_TEXTS], row[_TEXTS:-1], row[-1])

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


def _task(texts: Any, integers: Any, defaults: Limits) -> TaskRowFact:
    _, root, parent, under, owner, state, limits, kept = texts
    opened_at, deadline, idle, last_call_at, denial_minute, denials, broken_until = integers
    return TaskRowFact(
        is_open=state == "open",
        deadline=deadline,
        parent=parent,
        root=root,
        owner=owner,
        under=under,
        idle=idle,
        called_at=max(opened_at, last_call_at or 0),
        denial_minute=denial_minute,
        denials=denials,
        broken_until=broken_until,
        limits=limits_of(limits, defaults),
        keeps_history=kept is not None,
    )


def read_tasks(
    connection: Connection, tasks: Iterable[str], defaults: Limits
) -> dict[str, TaskRowFact]:
    """Return these tasks and all above them, by id."""
    known = Known(defaults)
    known.read(connection, tasks)
    return known.tasks
