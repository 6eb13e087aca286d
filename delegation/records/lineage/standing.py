"""Reads the revocations that end a link: those of the subjects among its ancestors, and no others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, bindparam, column, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from delegation.authority.agent_name import claim_of
from delegation.authority.chain import MAX_LINKS
from delegation.authority.ids import LinkId
from delegation.canonical import b64u
from delegation.judge.subject import (
    EVERYTHING,
    Subject,
    agent_subjects,
    link_subjects,
    task_subjects,
)
from delegation.lineage.entry import LinkPath, Standing
from delegation.records.engine.numbers import read_numbers
from delegation.records.engine.sqlite import cursor_of
from delegation.records.tables.records import (
    AGENT_KEYS,
    AGENTS,
    LINKS,
    RENEWALS,
    REVOCATIONS,
    TASKS,
)

# One link's way up, without payloads; what stands beside each link comes with it.
_PATH_SQL: Final = f"""WITH RECURSIVE up(id, parent, task, depth, holder_key, holder_name, expires_at, n) AS (
        SELECT id, parent, task, depth, holder_key, holder_name, expires_at, 0
        FROM link WHERE id = :id
        UNION ALL
        SELECT l.id, l.parent, l.task, l.depth, l.holder_key, l.holder_name, l.expires_at, up.n + 1
        FROM link l JOIN up ON l.id = up.parent WHERE up.n < {MAX_LINKS}
    ) SELECT up.id, up.parent, up.task, up.holder_key, up.holder_name, up.expires_at,
        k.agent, a.owner AS agent_owner, a.recertify_by, t.owner, t.state, t.closed_at, t.deadline,
        t.under, t.idle, t.opened_at, t.last_call_at, r.line
    FROM up JOIN task t ON t.id = up.task LEFT JOIN renewal r ON r.link = up.id
    LEFT JOIN agent_key k ON k.key = up.holder_key LEFT JOIN agent a ON a.name = k.agent
    ORDER BY up.n DESC"""  # noqa: S608  # a constant bound, no input
_PATH: Final = text(_PATH_SQL).columns(
    LINKS.c.id, LINKS.c.parent, LINKS.c.task, LINKS.c.holder_key, LINKS.c.holder_name,
    LINKS.c.expires_at, AGENT_KEYS.c.agent, column("agent_owner", Text), AGENTS.c.recertify_by, TASKS.c.owner,
    TASKS.c.state, TASKS.c.closed_at, TASKS.c.deadline, TASKS.c.under, TASKS.c.idle,
    TASKS.c.opened_at, TASKS.c.last_call_at, RENEWALS.c.line,
)  # fmt: skip
_ACTS: Final = "r.act IN ('revoke', 'suspend', 'resume') AND r.effective_at <= :at ORDER BY r.epoch"
# All subjects travel as one value: hundreds of parameters cost more than the answer.
_ENDED_SQLITE: Final = (
    "SELECT r.kind, r.id, r.act FROM json_each(:subjects) AS j CROSS JOIN revocation AS r"  # noqa: S608  # constants
    " ON r.kind = json_extract(j.value, '$[0]') AND r.id = json_extract(j.value, '$[1]')"
    f" WHERE {_ACTS}"
)
_ENDED_POSTGRES: Final = (
    text(
        f"""SELECT r.kind, r.id, r.act FROM unnest(:kinds, :ids) AS j(kind, id)
    JOIN revocation AS r ON r.kind = j.kind AND r.id = j.id WHERE {_ACTS}"""  # noqa: S608
    )
    .bindparams(bindparam("kinds", type_=ARRAY(Text)), bindparam("ids", type_=ARRAY(Text)))
    .columns(REVOCATIONS.c.kind, REVOCATIONS.c.id, REVOCATIONS.c.act)
)
_ALL: Final = text(f"SELECT r.kind, r.id, r.act FROM revocation AS r WHERE {_ACTS}").columns(  # noqa: S608  # constants
    REVOCATIONS.c.kind, REVOCATIONS.c.id, REVOCATIONS.c.act
)
_NESTED: Final = 16  # tasks on a way up, more than child tasks nest
_key_text = lru_cache(maxsize=16_384)(b64u)  # asked again for each link below


class Above(NamedTuple):
    """One link on the way up, with what stands beside it; the columns of `_PATH` in their order."""

    id: str
    parent: str | None
    task: str
    holder_key: bytes
    holder_name: str
    expires_at: int
    agent: str | None
    agent_owner: str | None
    recertify_by: int | None
    owner: str
    state: str
    closed_at: int | None
    deadline: int
    under: str | None
    idle: int | None
    opened_at: int
    last_call_at: int | None
    line: str | None


class Registered(NamedTuple):
    """The registered agent of a key: its name, its owner, and until when that was certified."""

    name: str
    owner: str
    recertify_by: int | None


NOBODY: Final = Registered("", "", None)


@dataclass(frozen=True, slots=True)
class State:
    """What a link inherits and passes on."""

    standing: Standing
    ended_by: str
    owner: str


class Standings:
    """What ends links, looked up for the links that are asked about and no others.

    Args:
        agents: The registered agent of each holder key that has one.
        tasks: Their tasks' rows.
        ended: Which of their subjects are revoked or suspended.
        at: The instant, Unix seconds.
        openers: How the links stand under which these tasks were opened, where they were.
        lines: The first link of its line for each link that renews another: ended, so are they.
    """

    def __init__(
        self,
        agents: Mapping[bytes, Registered],
        tasks: Mapping[str, Any],
        ended: Mapping[Subject, str],
        at: int,
        openers: Mapping[str, State],
        lines: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.agents = agents
        self.tasks = tasks
        self.at = at
        self.openers = openers
        self.lines = lines
        self._ended = ended

    def state(self, row: Any, above: State | None) -> State:
        """Return the row's standing: the first of its ancestors' ends, else its own."""
        task = self.tasks[row.task]
        if above is None and task.under is not None:  # the root of a child task
            # Under an opener that is not recorded nothing stands.
            unknown = State("task_closed", task.under, task.owner)
            above = self.openers.get(task.under, unknown)
        agent, answers, recertify_by = self.agents.get(row.holder_key, NOBODY)
        owner = answers if claim_of(agent) == row.holder_name else ""
        owner = owner or (above.owner if above is not None else task.owner)
        if above is not None and above.standing == "revoked":
            return replace(above, owner=owner)
        ended_by = self._ended_by("revoke", row, agent, answers)
        if ended_by:
            return State("revoked", ended_by, owner)
        if above is not None and above.standing not in {"active", "suspended"}:
            return replace(above, owner=owner)
        if task.state != "open" and (task.closed_at is None or task.closed_at <= self.at):
            return State("task_closed", row.task, owner)
        if self.at >= task.deadline or self.at >= row.expires_at:
            return State("expired", row.id if self.at >= row.expires_at else row.task, owner)
        if task.idle is not None:
            called = max(task.opened_at, task.last_call_at or 0)
            if self.at >= called + task.idle:
                return State("expired", row.task, owner)
        if above is not None and above.standing == "suspended":
            return replace(above, owner=owner)
        ended_by = self._ended_by("suspend", row, agent, answers)
        if ended_by:
            return State("suspended", ended_by, owner)
        if recertify_by is not None and self.at >= recertify_by:
            return State("suspended", agent, owner)
        if above is not None and above.owner == owner:
            return above  # active, and the same in all else: thousands share one
        return State("active", "", owner)

    def _ended_by(self, act: str, row: Any, agent: str, answers: str) -> str:
        """Return the first of the row's subjects that is revoked, or suspended; else nothing."""
        if not self._ended:
            return ""
        own, key = link_subjects(row.id, _key_text(row.holder_key))
        subjects = (
            EVERYTHING,
            *task_subjects(row.task, self.tasks[row.task].owner),
            own,
            Subject("link", self.lines.get(row.id, "")),
            key,
            *agent_subjects(agent, answers),
        )
        ended = (one.id for one in subjects if one.id and self._ended.get(one) == act)
        return next(ended, "")


def path(connection: Connection, link: str, *, at: int) -> LinkPath | None:
    """Return a link's way up and its standing, or None if it is not recorded.

    Two statements whatever the depth, and two more for each task above: the way up with what stands
    beside each link, and which of it is revoked. Not read: grants, evidence, decisions (`entries`).
    """
    return _Climb(connection, at).path(link, _NESTED)


def opener_states(connection: Connection, tasks: Iterable[Any], *, at: int) -> dict[str, State]:
    """Return how the links stand under which these tasks were opened, as far as they are recorded.

    Args:
        connection: A snapshot, or a transaction that writes.
        tasks: Rows of tasks.
        at: The instant, Unix seconds.
    """
    climb = _Climb(connection, at)
    for under in sorted({task.under for task in tasks if task.under is not None}):
        climb.path(under, _NESTED)
    return climb.states


class _Climb:
    """Ways up from links through the tasks above theirs; each is gone once."""

    def __init__(self, connection: Connection, at: int) -> None:
        self._connection = connection
        self._at = at
        self._paths: dict[str, LinkPath] = {}
        self.states: dict[str, State] = {}

    def path(self, link: str, nested: int) -> LinkPath | None:
        """Return a link's way up; none beyond so many tasks, so that a circle of them ends."""
        if link in self._paths:
            return self._paths[link]
        found = _way_up(self._connection, link)
        if not found or nested == 0:
            return None
        under = found[0].under
        opener = None if under is None else self.path(under, nested - 1)
        agents = {
            row.holder_key: Registered(row.agent, row.agent_owner or "", row.recertify_by)
            for row in found
            if row.agent
        }
        tasks = {row.task: row for row in found}
        lines = {row.id: row.line for row in found if row.line is not None}
        ended = ended_of(self._connection, subjects_of(found, agents, tasks, lines), self._at)
        standings = Standings(agents, tasks, ended, self._at, self.states, lines)
        state: State | None = None
        for row in found:
            state = standings.state(row, state)
        if state is None:  # a loop over at least one row set it
            raise AssertionError
        self.states[link] = state
        above = () if opener is None else (*opener.above, *opener.links)
        ids = tuple(LinkId(row.id) for row in found)
        made = self._paths[link] = LinkPath(ids, state.standing, state.ended_by, above)
        return made


def _way_up(connection: Connection, link: str) -> list[Any]:
    if connection.dialect.name == "sqlite":
        with cursor_of(connection) as cursor:
            return list(map(Above._make, cursor.execute(_PATH_SQL, {"id": link})))
    return list(connection.execute(_PATH, {"id": link}))


def subjects_of(
    found: Sequence[Row[Any]],
    agents: Mapping[bytes, Registered],
    tasks: Mapping[str, Any],
    lines: Mapping[str, str] = MappingProxyType({}),
) -> set[Subject]:
    """Return all that could end these links by being revoked or suspended."""
    subjects = {EVERYTHING}
    subjects.update(Subject("link", first) for first in lines.values())
    for agent in agents.values():
        subjects.update(agent_subjects(agent.name, agent.owner))
    for name, task in tasks.items():
        subjects.update(task_subjects(name, task.owner))
    for row in found:
        subjects.update(link_subjects(row.id, _key_text(row.holder_key)))
    return subjects


def ended_below(
    connection: Connection,
    found: Sequence[Any],
    agents: Mapping[bytes, Registered],
    task: Any,
    at: int,
) -> Mapping[Subject, str]:
    """Return at least those subjects of a task's links that were revoked or suspended then.

    Where less was ever changed than there are links, reading all changes is the shorter way.
    """
    if read_numbers(connection)["epoch"] > len(found):
        return ended_of(connection, subjects_of(found, agents, {task.id: task}), at)
    return _folded((row.kind, row.id, row.act) for row in connection.execute(_ALL, {"at": at}))


def ended_of(connection: Connection, subjects: set[Subject], at: int) -> dict[Subject, str]:
    """Return those of the subjects that were revoked or suspended then, with which of the two."""
    wanted = sorted(subjects)
    if connection.dialect.name == "sqlite":
        asked = {"subjects": json.dumps(wanted), "at": at}
        with cursor_of(connection) as cursor:
            return _folded(cursor.execute(_ENDED_SQLITE, asked))
    kinds, ids = [kind for kind, _ in wanted], [name for _, name in wanted]
    return _folded(connection.execute(_ENDED_POSTGRES, {"kinds": kinds, "ids": ids, "at": at}))


def _folded(found: Iterable[Any]) -> dict[Subject, str]:
    """Return what is left of changes in their order: revoking is final, a suspension may end."""
    ended: dict[Subject, str] = {}
    for kind, name, act in found:
        subject = Subject(kind, name)
        if ended.get(subject) == "revoke":
            continue
        if act == "resume":
            ended.pop(subject, None)
        else:
            ended[subject] = act
    return ended
