"""Changes of what stands, in the order in which they were committed: the feed that others follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from delegation.judge.facts import Subject
from delegation.judge.lease import Barrier

Act: TypeAlias = Literal["revoke", "suspend", "resume", "close", "register"]


@dataclass(frozen=True, slots=True)
class Revocation:
    """One recorded change of what stands.

    Args:
        epoch: Its number; later changes have higher ones.
        subject: What it says something of, with everything below it.
        by: Who made it: an API key's name, or the fingerprint of a holder.
        reason: Why, in their words.
        at: Unix seconds.
        act: `revoke`, which is final, `suspend` or `resume`; `close` of a task and `register` of an
            agent tell those who remember answers about them.
        effective_at: Unix seconds from which it holds.
        barrier: For whoever waited: whether it holds in every verifier outside the store.
    """

    epoch: int
    subject: Subject
    by: str
    reason: str
    at: int
    act: Act
    effective_at: int
    barrier: Barrier | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """Changes after an epoch, oldest first.

    Args:
        changes: Those that are there, at most as many as were asked for.
        epoch: Up to here nothing is missing; lower than what was asked after when the database was
            restored, so that all is read anew.
        newest: The newest epoch.
        catalogue: The newest catalogue revision.
    """

    changes: tuple[Revocation, ...]
    epoch: int
    newest: int
    catalogue: int
