"""What ends a link: asked for the subjects on its way up, and for no others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, column, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from delegation.authority.chain import MAX_LINKS
from delegation.authority.ids import LinkId
from delegation.canonical import b64u
from delegation.lineage.entry import LinkPath, Standing
from delegation.records.tables import AGENT_KEYS, LINKS, REVOCATIONS, TASKS

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
_key_text = lru_cache(maxsize=16_384)(b64u)  # asked again for each link below


@dataclass(frozen=True, slots=True)
class State:
    """What a link inherits and passes on."""

    standing: Standing
    ended_by: str
    owner: str


class Standings:
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

    def state(self, row: Row[Any], above: State | None) -> State:
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
                return State("revoked", identity, owner)
        if above is not None and above.standing != "active":
            return replace(above, owner=owner)
        if task.state != "open" and (task.closed_at is None or task.closed_at <= self.at):
            return State("task_closed", row.task, owner)
        if self.at >= task.deadline or self.at >= row.expires_at:
            return State("expired", row.id if self.at >= row.expires_at else row.task, owner)
        return State("active", "", owner)


def path(connection: Connection, link: str, *, at: int) -> LinkPath | None:
    """Return a link's way up and its standing, or None if it is not recorded.

    Two statements whatever the depth: the way up with what stands beside each link, and which of
    it is revoked. Not read: grants, evidence, decisions (`entries`).
    """
    found = connection.execute(_PATH, {"id": link}).all()
    if not found:
        return None
    agents = {row.holder_key: (row.agent, row.agent_owner) for row in found if row.agent}
    revoked = revoked_of(connection, subjects_of(found, agents), at)
    standings = Standings(agents, {row.task: row for row in found}, revoked, at)
    state: State | None = None
    for row in found:
        state = standings.state(row, state)
    if state is None:  # a loop over at least one row set it
        raise AssertionError
    ids = tuple(LinkId(row.id) for row in found)
    return LinkPath(ids, state.standing, state.ended_by)


def subjects_of(
    found: Sequence[Row[Any]], agents: Mapping[bytes, tuple[str, str]]
) -> set[tuple[str, str]]:
    """Return all that could end these links by being revoked."""
    subjects = {("agent", agent) for agent, _ in agents.values()}
    for row in found:
        subjects.update((("link", row.id), ("task", row.task), ("key", _key_text(row.holder_key))))
    return subjects


def revoked_of(
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
