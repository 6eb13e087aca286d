"""Caches what never changes of a task's links, so that each process reads it once.

A link is recorded once and never rewritten, and numbers are taken under a lock until COMMIT: of one
task no link appears later with a lower number. So what was read up to a number stays right, and a
snapshot takes of it what it sees itself.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, select

from delegation.authority.ids import LinkId, TaskId
from delegation.cancellation import look
from delegation.lineage.outline import STRENGTH, LinkOutline
from delegation.records.tables.records import LINKS

MOST: Final = 65_536  # links that a process keeps, of all tasks together
_FIELDS: Final = (
    "sequence", "id", "parent", "task", "depth", "holder_key", "holder_name", "expires_at", "at",
)  # fmt: skip
_NEWER: Final = (
    select(*(LINKS.c[name] for name in _FIELDS), LINKS.c.payload)
    .where(
        LINKS.c.task == bindparam("of_task"),
        LINKS.c.sequence > bindparam("after"),
        LINKS.c.sequence <= bindparam("upto"),
    )
    .order_by(LINKS.c.sequence)
)
_LAST: Final = (
    select(LINKS.c.sequence, LINKS.c.id)
    .where(LINKS.c.task == bindparam("of_task"))
    .order_by(LINKS.c.sequence.desc())
    .limit(1)
)

_ID: Final = select(LINKS.c.id).where(
    LINKS.c.task == bindparam("of_task"), LINKS.c.sequence == bindparam("n")
)


class CachedLink(NamedTuple):
    """One recorded link without its grant; `effect` is the strongest that its grant holds."""

    sequence: int
    id: LinkId
    parent: LinkId | None
    task: TaskId
    depth: int
    holder_key: bytes
    holder_name: str
    expires_at: int
    at: int
    effect: str


class LinkCache:
    """Stems by task, the tasks that were asked for last."""

    def __init__(self) -> None:
        """Begin with nothing read."""
        self._lock = Lock()
        self._held: OrderedDict[str, Sequence[CachedLink]] = OrderedDict()
        self._drawn: dict[str, Sequence[LinkOutline]] = {}
        self._count = 0

    def read(self, connection: Connection, task: str) -> Sequence[CachedLink]:
        """Return the stems of all links of a task that this transaction sees, in recorded order."""
        last = connection.execute(_LAST, {"of_task": task}).one_or_none()
        if last is None:
            return ()
        with self._lock:
            held = self._held.get(task, ())
        known = _upto(held, last.sequence)
        # Of a restored database another link may have that number: nothing that was read counts.
        if known and known[-1].id != self._at(connection, task, known[-1].sequence, last):
            known = ()
        if known and known[-1].sequence == last.sequence:
            self._touch(task)
            return known
        after = known[-1].sequence if known else -1
        asked = {"of_task": task, "after": after, "upto": last.sequence}
        found = (*known, *map(_stem, connection.execute(_NEWER, asked)))
        self._keep(task, found)
        return found

    @staticmethod
    def _at(connection: Connection, task: str, sequence: int, last: Any) -> str | None:
        """Return the id of the task's link of that number."""
        if sequence == last.sequence:
            return str(last.id)
        found: str | None = connection.execute(_ID, {"of_task": task, "n": sequence}).scalar()
        return found

    def _touch(self, task: str) -> None:
        with self._lock:
            if task in self._held:
                self._held.move_to_end(task)

    def _keep(self, task: str, found: Sequence[CachedLink]) -> None:
        with self._lock:
            self._count += len(found) - len(self._held.pop(task, ()))
            self._held[task] = found
            while self._count > MOST and self._held:
                name, gone = self._held.popitem(last=False)
                self._drawn.pop(name, None)
                self._count -= len(gone)

    def drawn(self, task: str) -> Sequence[LinkOutline]:
        """Return the outlines that were last made of a task's links, in their order."""
        with self._lock:
            return self._drawn.get(task, ())

    def keep_drawn(self, task: str, outlines: Sequence[LinkOutline]) -> None:
        """Keep outlines, so that the next look makes only those anew that changed."""
        with self._lock:
            if task in self._held:
                self._drawn[task] = outlines


def _upto(held: Sequence[CachedLink], sequence: int) -> Sequence[CachedLink]:
    """Return what an older snapshot sees of it."""
    end = len(held)
    while end and held[end - 1].sequence > sequence:
        end -= 1
    return held if end == len(held) else held[:end]


def _stem(row: Any) -> CachedLink:
    look()
    # It was verified before it was recorded.
    effects = json.loads(row[-1])["grant"]["effects"]
    return CachedLink._make((*row[:-1], max(effects, key=STRENGTH.index, default=STRENGTH[0])))
