"""Caches revocations and suspensions of one process, valid up to a transaction's epoch.

Changes only grow and are numbered under the gate, so a copy at the number that a transaction reads is
exact, not merely recent.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from sqlalchemy import Connection, bindparam, select

from delegation.judge.subject import Subject
from delegation.records.revocation.changes import SUBJECT_ACTS
from delegation.records.tables.records import REVOCATIONS

_NEWER: Final = (
    select(*(REVOCATIONS.c[name] for name in ("kind", "id", "act", "at", "effective_at")))
    .where(
        REVOCATIONS.c.act.in_(SUBJECT_ACTS),
        REVOCATIONS.c.epoch > bindparam("after"),
        REVOCATIONS.c.epoch <= bindparam("upto"),
    )
    .order_by(REVOCATIONS.c.epoch)
)


@dataclass(frozen=True, slots=True)
class Ended:
    """What is revoked and what is suspended at an epoch, and what ends later, by that instant."""

    revoked: AbstractSet[Subject] = frozenset()
    suspended: AbstractSet[Subject] = frozenset()
    ends: Mapping[Subject, int] = field(default_factory=dict)


class RevokedCache:
    """All revocations and suspensions up to an epoch."""

    def __init__(self) -> None:
        """Begin with nothing read."""
        self._lock = Lock()
        self._epoch = 0
        self._held = Ended()

    def upto(self, connection: Connection, epoch: int, *, settles: bool) -> Ended:
        """Return what holds at the epoch that this transaction reads.

        Args:
            connection: The transaction.
            epoch: The newest change that it sees.
            settles: Whether it holds the gate. A snapshot that is older than the shelf gets what is
                revoked since, too; under the gate, an older number is a restored database, which has
                forgotten what this process has not.
        """
        with self._lock:
            if epoch < self._epoch and not settles:
                return self._held
            if epoch < self._epoch:  # read anew; what was revoked once stays so in this process
                self._epoch = 0
            if epoch > self._epoch:
                asked = {"after": self._epoch, "upto": epoch}
                # Copies: what another thread is reading does not change under it.
                held, revoked = self._held, set[Subject]()
                suspended, ends = set(held.suspended), dict(held.ends)
                for row in connection.execute(_NEWER, asked):
                    subject = Subject(row.kind, row.id)
                    if row.act == "suspend":
                        suspended.add(subject)
                    elif row.act == "resume":
                        suspended.discard(subject)
                    elif row.effective_at <= row.at:
                        revoked.add(subject)
                    else:
                        ends[subject] = min(row.effective_at, ends.get(subject, row.effective_at))
                every = held.revoked | revoked if revoked else held.revoked
                self._held = Ended(every, suspended, ends)
                self._epoch = epoch
            return self._held
