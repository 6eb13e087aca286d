"""What is suspended, and what is revoked from a later instant on; few, beside the many revoked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from sqlalchemy import Connection, bindparam, select

from delegation.judge.facts import Subject
from delegation.records.changes import PASSING
from delegation.records.tables import REVOCATIONS

_NEWER: Final = (
    select(REVOCATIONS)
    .where(
        PASSING,
        REVOCATIONS.c.epoch > bindparam("after"),
        REVOCATIONS.c.epoch <= bindparam("upto"),
    )
    .order_by(REVOCATIONS.c.epoch)
)


@dataclass(frozen=True, slots=True)
class Paused:
    """What is suspended at an epoch, and what ends later, by the instant of its end."""

    suspended: frozenset[Subject] = frozenset()
    ends: Mapping[Subject, int] = field(default_factory=dict)


class PausedShelf:
    """All suspensions and later ends up to an epoch; kept by one process."""

    def __init__(self) -> None:
        """Begin with nothing read."""
        self._lock = Lock()
        self._epoch = 0
        self._held = Paused()

    def upto(self, connection: Connection, epoch: int, *, settles: bool) -> Paused:
        """Return what holds at the epoch that this transaction reads; see `RevokedShelf.upto`."""
        with self._lock:
            if epoch < self._epoch and not settles:
                return self._held
            if epoch < self._epoch:  # a restored database: read anew, on top of what was ended
                self._epoch = 0
            if epoch > self._epoch:
                rows = connection.execute(_NEWER, {"after": self._epoch, "upto": epoch}).all()
                if rows:
                    suspended, ends = set(self._held.suspended), dict(self._held.ends)
                    for row in rows:
                        subject = Subject(row.kind, row.id)
                        if row.act == "suspend":
                            suspended.add(subject)
                        elif row.act == "resume":
                            suspended.discard(subject)
                        else:
                            ends[subject] = min(
                                row.effective_at, ends.get(subject, row.effective_at)
                            )
                    self._held = Paused(frozenset(suspended), ends)
                self._epoch = epoch
            return self._held
