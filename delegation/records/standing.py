"""What ends a link: asked for the subjects on its way up, and for no others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, bindparam, column, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from delegation.authority.chain import MAX_LINKS
from delegation.authority.ids import LinkId
from delegation.canonical import b64u
from delegation.judge.facts import EVERYTHING
from delegation.lineage.entry import LinkPath, Standing
from delegation.records.tables import AGENT_KEYS, AGENTS, LINKS, REVOCATIONS, TASKS

# One link's way up, without payloads; what stands beside each link comes with it.
_PATH: Final = text(
    f"""WITH RECURSIVE up(id, parent, task, depth, holder_key, holder_name, expires_at, n) AS (
        SELECT id, parent, task, depth, holder_key, holder_name, expires_at, 0
        FROM link WHERE id = :id
        UNION ALL
        SELECT l.id, l.parent, l.task, l.depth, l.holder_key, l.holder_name, l.expires_at, up.n + 1
        FROM link l JOIN up ON l.id = up.parent WHERE up.n < {MAX_LINKS}
    ) SELECT up.id, up.parent, up.task, up.holder_key, up.holder_name, up.expires_at,
        k.agent, a.owner AS agent_owner, a.recertify_by, t.owner, t.state, t.closed_at, t.deadline
    FROM up JOIN task t ON t.id = up.task
    LEFT JOIN agent_key k ON k.key = up.holder_key LEFT JOIN agent a ON a.name = k.agent
    ORDER BY up.n DESC"""  # noqa: S608  # a constant bound, no input
).columns(
    LINKS.c.id, LINKS.c.parent, LINKS.c.task, LINKS.c.holder_key, LINKS.c.holder_name,
    LINKS.c.expires_at, AGENT_KEYS.c.agent, column("agent_owner", Text), AGENTS.c.recertify_by, TASKS.c.owner,
    TASKS.c.state, TASKS.c.closed_at, TASKS.c.deadline,
)  # fmt: skip
# All subjects travel as one value: a list of hundreds of parameters costs more than the answer.
_ACTS: Final = "r.act IN ('revoke', 'suspend', 'resume') AND r.effective_at <= :at ORDER BY r.epoch"
_ENDED_SQLITE: Final = text(
    f"""SELECT r.kind, r.id, r.act FROM json_each(:subjects) AS j CROSS JOIN revocation AS r
    ON r.kind = json_extract(j.value, '$[0]') AND r.id = json_extract(j.value, '$[1]')
    WHERE {_ACTS}"""  # noqa: S608  # constants, no input
).columns(REVOCATIONS.c.kind, REVOCATIONS.c.id, REVOCATIONS.c.act)
_ENDED_POSTGRES: Final = (
    text(
        f"""SELECT r.kind, r.id, r.act FROM unnest(:kinds, :ids) AS j(kind, id)
    JOIN revocation AS r ON r.kind = j.kind AND r.id = j.id WHERE {_ACTS}"""  # noqa: S608
    )
    .bindparams(bindparam("kinds", type_=ARRAY(Text)), bindparam("ids", type_=ARRAY(Text)))
    .columns(REVOCATIONS.c.kind, REVOCATIONS.c.id, REVOCATIONS.c.act)
)
_key_text = lru_cache(maxsize=16_384)(b64u)  # asked again for each link below


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
    """

    def __init__(
        self,
        agents: Mapping[bytes, Registered],
        tasks: Mapping[str, Any],
        ended: Mapping[tuple[str, str], str],
        at: int,
    ) -> None:
        self.agents = agents
        self.tasks = tasks
        self.ended = ended
        self.at = at

    def state(self, row: Row[Any], above: State | None) -> State:
        """Return the row's standing: the first of its ancestors' ends, else its own."""
        task = self.tasks[row.task]
        agent, answers, recertify_by = self.agents.get(row.holder_key, NOBODY)
        owner = answers if agent == row.holder_name else ""
        owner = owner or (above.owner if above is not None else task.owner)
        if above is not None and above.standing == "revoked":
            return replace(above, owner=owner)
        subjects = (
            ("everything", EVERYTHING.id),
            ("task", row.task),
            ("owner", task.owner),
            ("link", row.id),
            ("key", _key_text(row.holder_key)),
            ("agent", agent),
            ("owner", answers),
        )
        for kind, identity in subjects:
            if identity and self.ended.get((kind, identity)) == "revoke":
                return State("revoked", identity, owner)
        if above is not None and above.standing not in {"active", "suspended"}:
            return replace(above, owner=owner)
        if task.state != "open" and (task.closed_at is None or task.closed_at <= self.at):
            return State("task_closed", row.task, owner)
        if self.at >= task.deadline or self.at >= row.expires_at:
            return State("expired", row.id if self.at >= row.expires_at else row.task, owner)
        if above is not None and above.standing == "suspended":
            return replace(above, owner=owner)
        for kind, identity in subjects:
            if identity and self.ended.get((kind, identity)) == "suspend":
                return State("suspended", identity, owner)
        if recertify_by is not None and self.at >= recertify_by:
            return State("suspended", agent, owner)
        return State("active", "", owner)


def path(connection: Connection, link: str, *, at: int) -> LinkPath | None:
    """Return a link's way up and its standing, or None if it is not recorded.

    Two statements whatever the depth: the way up with what stands beside each link, and which of
    it is revoked. Not read: grants, evidence, decisions (`entries`).
    """
    found = connection.execute(_PATH, {"id": link}).all()
    if not found:
        return None
    agents = {
        row.holder_key: Registered(row.agent, row.agent_owner, row.recertify_by)
        for row in found
        if row.agent
    }
    tasks = {row.task: row for row in found}
    ended = ended_of(connection, subjects_of(found, agents, tasks), at)
    standings = Standings(agents, tasks, ended, at)
    state: State | None = None
    for row in found:
        state = standings.state(row, state)
    if state is None:  # a loop over at least one row set it
        raise AssertionError
    ids = tuple(LinkId(row.id) for row in found)
    return LinkPath(ids, state.standing, state.ended_by)


def subjects_of(
    found: Sequence[Row[Any]], agents: Mapping[bytes, Registered], tasks: Mapping[str, Any]
) -> set[tuple[str, str]]:
    """Return all that could end these links by being revoked or suspended."""
    subjects: set[tuple[str, str]] = {(EVERYTHING.kind, EVERYTHING.id)}
    for agent in agents.values():
        subjects.update((("agent", agent.name), ("owner", agent.owner)))
    subjects.update(("owner", task.owner) for task in tasks.values())
    for row in found:
        subjects.update((("link", row.id), ("task", row.task), ("key", _key_text(row.holder_key))))
    return subjects


def ended_of(
    connection: Connection, subjects: set[tuple[str, str]], at: int
) -> dict[tuple[str, str], str]:
    """Return those of the subjects that were revoked or suspended then, with which of the two."""
    wanted = sorted(subjects)
    if connection.dialect.name == "sqlite":
        found = connection.execute(_ENDED_SQLITE, {"subjects": json.dumps(wanted), "at": at})
    else:
        kinds, ids = [kind for kind, _ in wanted], [name for _, name in wanted]
        found = connection.execute(_ENDED_POSTGRES, {"kinds": kinds, "ids": ids, "at": at})
    ended: dict[tuple[str, str], str] = {}
    for kind, name, act in found:
        if ended.get((kind, name)) == "revoke":
            continue
        if act == "resume":
            ended.pop((kind, name), None)
        else:
            ended[kind, name] = act
    return ended
