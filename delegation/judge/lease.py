"""Bounds how old the revocations may be that a verifier outside the store relies on: its lease.

A verifier reads its clock, then polls, applies what came, and may rely on it until that reading plus
the bound D. A change committed at c is seen by every poll begun after c, so nothing is allowed later
than c + D; no two clocks are compared. A poll that fails, hangs, or a process that stands still
leaves the lease where it was: silence can only deny.

The clock must not stop while the machine sleeps (CLOCK_BOOTTIME), or a resumed one would look fresh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

BOUND: Final = 1.0  # seconds, D
MAX_BOUND: Final = 5.0  # a client waits ten seconds for an answer that may take 1.2 of these
POLL_SHARE: Final = 0.2  # of D: how often a verifier polls, and how long a poll waits for news
TIMEOUT_SHARE: Final = 0.8  # of D: after which a poll has failed
WAIT_SHARE: Final = 1.2  # of D: after which no lease of before can hold, clock drift included
REAP_SECONDS: Final = 60  # a row that was not renewed for so long is of a process that is gone


@dataclass(frozen=True, slots=True)
class Lease:
    """Until when what was polled may be relied on.

    Args:
        start: The clock, read before the poll began, in seconds.
        bound: D, seconds.
    """

    start: float
    bound: float

    @property
    def fresh_until(self) -> float:
        """The first reading of the clock at which it no longer holds."""
        return self.start + self.bound

    def is_fresh(self, now: float) -> bool:
        """Return whether it holds; read the clock after the look-up, just before answering.

        A clock before the lease's start was set back or is another one: then nothing holds.
        """
        return self.start <= now < self.fresh_until


@dataclass(frozen=True, slots=True)
class ReplicaEntry:
    """A registered verifier outside the store.

    Args:
        name: Given by the service; no two processes share one.
        by: The API key under which it polls.
        epoch: The newest change that it said to have applied.
        at: When it last polled, Unix seconds of the service.
    """

    name: str
    by: str
    epoch: int
    at: int


@dataclass(frozen=True, slots=True)
class Barrier:
    """Whether a change holds everywhere.

    Args:
        confirmed: Replicas that have applied it.
        silent: Registered replicas that have not said so.
    """

    confirmed: tuple[str, ...]
    silent: tuple[str, ...]

    @property
    def is_confirmed(self) -> bool:
        """Whether every registered replica has applied it."""
        return not self.silent


def barrier(replicas: Sequence[ReplicaEntry], epoch: int) -> Barrier:
    """Return which registered replicas have applied a change.

    However old a row is, it counts: a poll that began before the change may be in flight from a
    replica whose row is old, and would give it a lease that nobody sees. Only time ends that one.
    """
    return Barrier(
        tuple(one.name for one in replicas if one.epoch >= epoch),
        tuple(one.name for one in replicas if one.epoch < epoch),
    )
