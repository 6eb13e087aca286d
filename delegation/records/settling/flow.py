"""Locks, reads and writes the histories of root tasks for a whole batch.

Decisions are the history: each allowed call's row says what it was. Nothing else is kept for a task
under which no chain with a flow rule ever called. The first such chain folds the rows of its root
task into sums, to which every later call of that task then adds.

Whoever settles a call shares the lock of its root task; a call under a rule takes it alone before it
reads. So whatever was settled before it is committed and seen, in this process and in others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast
from zlib import crc32

from sqlalchemy import Connection, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY, BOOLEAN, INTEGER

from delegation import canonical
from delegation.authority.alias import RESERVED_PREFIX
from delegation.authority.ids import DecisionId, TaskId
from delegation.judge.facts import Actor, History, Seen, Trace
from delegation.judge.flow import is_ruled
from delegation.judge.line import Line
from delegation.records.engine.database import upsert
from delegation.records.tables.flow import FLOW_HISTORIES, FLOW_SEEN

_SIGN: Final = 2**31  # PostgreSQL's locks are named by two signed numbers; the first says "flow"
_LOCK: Final = text(
    "SELECT CASE WHEN alone THEN pg_advisory_xact_lock(1718382455, key)"
    " ELSE pg_advisory_xact_lock_shared(1718382455, key) END"
    " FROM unnest(:keys, :alones) AS wanted(key, alone)"
).bindparams(bindparam("keys", type_=ARRAY(INTEGER)), bindparam("alones", type_=ARRAY(BOOLEAN)))
_KEPT: Final = select(FLOW_HISTORIES.c.root).where(
    FLOW_HISTORIES.c.root.in_(bindparam("roots", expanding=True))
)
_SEEN: Final = (
    select(FLOW_SEEN)
    .where(FLOW_SEEN.c.root.in_(bindparam("roots", expanding=True)))
    .order_by(FLOW_SEEN.c.root, FLOW_SEEN.c.mark, FLOW_SEEN.c.agent, FLOW_SEEN.c.owner)
)
_FOLD: Final = text(
    f"""SELECT sums.trace, sums.n, d.id FROM (
        SELECT d.trace, count(*) AS n, min(d.sequence) AS first
        FROM decision d JOIN task t ON t.id = d.task
        WHERE t.root = :root AND d.allowed AND d.tool NOT LIKE '{RESERVED_PREFIX}%'
        GROUP BY d.trace
    ) AS sums JOIN decision d ON d.sequence = sums.first ORDER BY d.sequence"""  # noqa: S608  # a constant
)


class Histories:
    """What one batch knows of its root tasks' histories, and adds to them.

    Args:
        roots: The root of each task.
    """

    def __init__(self, roots: Mapping[str, str]) -> None:
        """Begin with nothing read."""
        self._roots = roots
        self._known: dict[str, dict[str, dict[Actor, Seen]]] = {}
        self._kept: set[str] = set()
        self._begun: list[str] = []
        self._added: dict[tuple[str, str, Actor], Seen] = {}

    def of(self, task: TaskId) -> History | None:
        """Return the history of a task's root as it stands after the calls before, None if unknown."""
        return self._known.get(self._roots.get(task, ""))

    def remember(self, task: TaskId, trace: Trace, decision: DecisionId) -> None:
        """Let the next calls of the batch see this one, and add it where sums are kept."""
        root = self._roots[task]
        known = self._known.get(root)
        for mark in trace.marks:
            if known is not None:
                _add(known.setdefault(mark, {}), trace.actor, 1, decision)
            if root in self._kept:
                _add(self._added, (root, mark, trace.actor), 1, decision)

    def read(self, connection: Connection, roots: set[str], ruled: set[str]) -> None:
        """Read which roots' sums are kept, and the histories of those that a rule asks about.

        Args:
            connection: A snapshot, or a transaction that holds the locks.
            roots: All roots of the batch.
            ruled: Those of them under which a chain with rules calls now.
        """
        self._kept.update(connection.execute(_KEPT, {"roots": list(roots)}).scalars())
        wanted = ruled & self._kept
        self._known.update((root, {}) for root in wanted)
        for row in connection.execute(_SEEN, {"roots": list(wanted)}) if wanted else ():
            actor = Actor(row.agent, row.owner)
            known = self._known[row.root].setdefault(row.mark, {})
            known[actor] = Seen(row.times, DecisionId(row.decision))
        for root in sorted(ruled - self._kept):
            self._fold(connection, root)

    def _fold(self, connection: Connection, root: str) -> None:
        folded: dict[str, dict[Actor, Seen]] = {}
        for trace, count, decision in connection.execute(_FOLD, {"root": root}):
            if trace is None:  # recorded by a release that kept none: what it was is not known
                return
            body = cast("dict[str, Any]", canonical.parse(trace))
            actor = Actor(body["agent"], body["owner"])
            for mark in body["marks"]:
                _add(folded.setdefault(mark, {}), actor, count, DecisionId(decision))
        self._known[root] = folded
        self._kept.add(root)
        self._begun.append(root)
        for mark, actors in folded.items():
            self._added.update({(root, mark, actor): seen for actor, seen in actors.items()})

    def write(self, connection: Connection) -> None:
        """Write what was added, in one order for all processes."""
        if self._begun:
            keep_history(connection, self._begun)
        if not self._added:
            return
        added = upsert(connection, FLOW_SEEN)
        added = added.on_conflict_do_update(
            index_elements=["root", "mark", "agent", "owner"],
            set_={"times": FLOW_SEEN.c.times + added.excluded.times},
        )
        rows = [
            {
                "root": root,
                "mark": mark,
                "agent": actor.agent,
                "owner": actor.owner,
                "times": seen.times,
                "decision": seen.first,
            }
            for (root, mark, actor), seen in sorted(self._added.items())
        ]
        connection.execute(added, rows)


def open_histories(
    connection: Connection, lines: Sequence[Line], roots: Mapping[str, str], *, settles: bool
) -> Histories:
    """Return the histories that a batch needs.

    Args:
        connection: A transaction that writes, with the gate taken; or a snapshot.
        lines: Those of the calls; requests to the service itself leave no history.
        roots: The root of each task that is known.
        settles: Whether the calls are settled, and not only planned.
    """
    found = Histories(roots)
    asked = [(roots.get(line.task), line) for line in lines]
    every = {root for root, _ in asked if root is not None}
    if not every:
        return found
    ruled = {root for root, line in asked if root is not None and is_ruled(line)}
    if settles and connection.dialect.name == "postgresql":
        _lock(connection, every, ruled)
    found.read(connection, every, ruled)
    return found


def keep_history(connection: Connection, roots: Iterable[str]) -> None:
    """Keep sums of these root tasks from now on."""
    connection.execute(
        upsert(connection, FLOW_HISTORIES).on_conflict_do_nothing(), [{"root": r} for r in roots]
    )


def _lock(connection: Connection, roots: set[str], ruled: set[str]) -> None:
    """Take the roots' locks, in one order for all processes; of those with a rule, alone."""
    keys: dict[int, bool] = {}
    for root in roots:
        key = crc32(root.encode()) - _SIGN
        keys[key] = keys.get(key, False) or root in ruled
    ordered = sorted(keys)
    connection.execute(_LOCK, {"keys": ordered, "alones": [keys[key] for key in ordered]})


def _add(sums: dict[Any, Seen], key: object, count: int, first: DecisionId) -> None:
    held = sums.get(key)
    sums[key] = Seen(count, first) if held is None else Seen(held.times + count, held.first)
