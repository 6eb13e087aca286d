"""Declares a store's answers about revocation and suspension: part of the unit of work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from delegation.authority.chain import Chain
from delegation.authority.ids import LinkId
from delegation.commands.ring import RingWork
from delegation.judge.facts import Facts
from delegation.judge.in_process import Holder, RootStanding
from delegation.judge.lease import ReplicaEntry
from delegation.judge.subject import Subject
from delegation.lineage.entry import DecisionEntry
from delegation.lineage.feed import Feed, LastUse, Preview, Renewal, Revocation
from delegation.lineage.in_process import InProcessEntry


class StandingReader(Protocol):
    """Questions about standing, answered from one snapshot."""

    def revocations_of(self, subjects: Sequence[str]) -> Sequence[Revocation]:
        """Return what was revoked, suspended or resumed of these ids, oldest first."""

    def feed(self, *, after: int, limit: int, history: bool = False) -> Feed:
        """Return changes of standing with an epoch above `after`, oldest first.

        Args:
            after: The last epoch that was read.
            limit: At most so many changes.
            history: Leave out closings and registrations, for a reader that remembers nothing yet.
        """

    def changes(self, subject: Subject) -> Sequence[Revocation]:
        """Return what was ever recorded of one subject, oldest first."""

    def standing(self, root: LinkId, holders: Sequence[Holder]) -> RootStanding | None:
        """Return what step 10 asks about a root and holders below it; None if it is unknown."""

    def facts_at(self, chain: Chain, called: Sequence[Subject], *, at: int) -> Facts:
        """Return what step 10 asks about a call, as it was known at an earlier instant."""

    def was_used(self, holder: bytes, jti: bytes, leaf: LinkId, proof: str) -> bool:
        """Return whether a proof was used in any recorded decision, however long ago."""

    def local_decisions(
        self, *, conflicts: bool, after: int, limit: int
    ) -> Sequence[tuple[int, InProcessEntry]]:
        """Return decisions made outside the store, with their sequence, in commit order.

        Args:
            conflicts: Only those that the service would have denied.
            after: The last sequence that was read.
            limit: At most so many.
        """

    def preview(self, subject: Subject, *, at: int) -> Preview:
        """Return what would end with a subject now, and what would go on."""

    def last_allowance(self, *, before: int) -> DecisionEntry | None:
        """Return the last call that was allowed at an epoch below this one."""

    def last_use(self, subject: Subject) -> LastUse:
        """Return the newest call that a link, agent or key made.

        Raises:
            MalformedError: The subject is of another kind.
        """

    def renewal(self, link: LinkId) -> Renewal:
        """Return which link a link was made in place of, and which were made in its own."""

    def ended_before(self, link: LinkId) -> Sequence[Revocation]:
        """Return what was ended of all that a link touches when it was recorded, oldest first."""

    def ended_tools(self) -> Sequence[Revocation]:
        """Return of each tool and system that is ended, or will be, the change that ends it."""

    def line(self, link: LinkId) -> Sequence[LinkId]:
        """Return the other links of a link's line of renewals, before and after it."""

    def replicas(self) -> Sequence[ReplicaEntry]:
        """Return all registered verifiers outside the store, by name."""


class StandingWork(RingWork, Protocol):
    """Changes of standing, in one transaction."""

    def revoke(
        self,
        subject: Subject,
        *,
        by: str,
        reason: str,
        at: int,
        effective_at: int | None = None,
    ) -> Revocation:
        """Record a revocation, or return the one that holds as early already.

        With a link ends its line: what it renews and what renews it.

        Raises:
            NotFoundError: Nothing is recorded under that id; links and keys need not be.
        """

    def suspend(self, subject: Subject, *, by: str, reason: str, at: int) -> Revocation:
        """Record a suspension, or return the one that holds; of a link with its line.

        Raises:
            NotFoundError: Nothing is recorded under that id; links and keys need not be.
            ConflictError: The subject is revoked, which is final.
        """

    def resume(self, subject: Subject, *, by: str, reason: str, at: int) -> Revocation:
        """Record that a suspension ends, and those of the line that came with it.

        Raises:
            ConflictError: The subject is revoked, which is final, or is not suspended.
        """

    def rotate_key(self, agent: str, *, old: bytes, new: bytes, at: int) -> None:
        """Register a further key of an agent in place of one that it has.

        Raises:
            NotFoundError: There is no such agent with the old key.
            ConflictError: The new key is another agent's.
        """

    def record_renewal(self, link: LinkId, *, renews: LinkId, at: int) -> None:
        """Record that a recorded link was made in place of another."""

    def add_local(self, entry: InProcessEntry, *, holder: bytes, jti: bytes) -> None:
        """Record where a decision of this transaction was really made."""

    def add_replica(self, replica: ReplicaEntry) -> None:
        """Register a verifier outside the store.

        Raises:
            ConflictError: Its API key has too many.
        """

    def touch_replica(self, name: str, *, by: str, applied: int, at: int) -> bool:
        """Note that a verifier polls and what it has applied; False if it is not registered."""

    def remove_replica(self, name: str, *, by: str) -> bool:
        """Forget a verifier; False if it was not registered."""
