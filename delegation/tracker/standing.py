"""Revocation and suspension of the tracker, and the in-process verifiers that follow them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from delegation.authority.ids import LinkId
from delegation.commands import agents, check, follow, renew, report, revoke
from delegation.commands import revocation_effect as ending
from delegation.commands.report import Report, ReportResult
from delegation.identity.principal import PublicKey, public_key
from delegation.judge.in_process import Holder, RootStanding
from delegation.judge.lease import BOUND, Barrier, ReplicaEntry
from delegation.judge.subject import EVERYTHING, Subject, SubjectKind
from delegation.lineage.feed import Feed, Freeze, LastUse, Preview, Renewal, Revocation
from delegation.lineage.in_process import InProcessEntry
from delegation.lineage.revocation_effect import RevocationEffect
from delegation.tokens.token import Token
from delegation.tracker.review import PAGE, Review


class Standing(Review):
    """Revocation and suspension; part of `Tracker`."""

    _desk: check.CheckContext
    bound: float = BOUND

    def revoke(  # what a revocation states
        self,
        kind: SubjectKind,
        id: str,  # noqa: A002  # the word of the wire
        *,
        by: str,
        reason: str = "",
        effective_at: int | None = None,
        wait: bool = False,
    ) -> Revocation:
        """End a subject and all below it; see `commands.revoke.revoke`.

        With `wait`, return when every registered verifier outside the store has applied it, or after
        1.2 times their bound; `barrier` of the answer says which of the two it was.
        """
        done = revoke.revoke(
            self._store,
            Subject(kind, id),
            by=by,
            reason=reason,
            at=self._clock(),
            effective_at=effective_at,
        )
        return self._everywhere(done, wait=wait)

    def suspend(
        self,
        kind: SubjectKind,
        id: str,  # noqa: A002
        *,
        by: str,
        reason: str = "",
        wait: bool = False,
    ) -> Revocation:
        """End a subject and all below it until it is resumed; see `commands.revoke.suspend`."""
        subject = Subject(kind, id)
        done = revoke.suspend(self._store, subject, by=by, reason=reason, at=self._clock())
        return self._everywhere(done, wait=wait)

    def resume(self, kind: SubjectKind, id: str, *, by: str, reason: str = "") -> Revocation:  # noqa: A002
        """End a suspension; see `commands.revoke.resume`."""
        subject = Subject(kind, id)
        return revoke.resume(self._store, subject, by=by, reason=reason, at=self._clock())

    def freeze(self, *, by: str, reason: str = "", wait: bool = True) -> Freeze:
        """Suspend everything: no call is allowed until `unfreeze`; the receipt says what was last."""
        done = self.suspend(*EVERYTHING, by=by, reason=reason, wait=wait)
        return self.frozen(done)

    def frozen(self, change: Revocation) -> Freeze:
        """Return what came of a freeze, with its receipt; see `commands.revocation_effect.frozen`."""
        return ending.frozen(self._store, self._desk.ring, change)

    def ending(self, epoch: int) -> RevocationEffect:
        """Return what came of the change with this number; see `commands.revocation_effect.ending`."""
        return ending.ending(self._store, self._desk.ring, epoch, at=self._clock())

    def suspensions(self) -> Sequence[Revocation]:
        """Return the suspensions that hold, newest first."""
        return ending.suspensions(self._store, at=self._clock())

    def unfreeze(self, *, by: str, reason: str = "") -> Revocation:
        """End a freeze.

        Raises:
            ConflictError: Nothing is frozen.
        """
        return self.resume(*EVERYTHING, by=by, reason=reason)

    def revoke_below(self, token: Token | str, proof: str, link: LinkId) -> Revocation:
        """Cut a link below the holder's own; see `commands.revoke.revoke_below`."""
        text = token if isinstance(token, str) else token.text
        return revoke.revoke_below(self._desk, text, proof, link, at=self._clock())

    def preview(self, kind: SubjectKind, id: str) -> Preview:  # noqa: A002
        """Return what would end with a subject now, and what would go on; nothing is changed."""
        return revoke.preview(self._store, Subject(kind, id), at=self._clock())

    def last_use(self, kind: SubjectKind, id: str) -> LastUse:  # noqa: A002
        """Return the newest call that a link, an agent or a key made.

        Raises:
            MalformedError: The subject is of another kind.
        """
        return revoke.last_use(self._store, Subject(kind, id))

    def rotate_key(
        self,
        name: str,
        *,
        old: PublicKey,
        new: PublicKey,
        by: str,
        effective_at: int | None = None,
    ) -> Revocation:
        """Register an agent's new key and revoke its old one; see `commands.agents.rotate_key`."""
        return agents.rotate_key(
            self._store,
            self._desk.ring,
            name,
            old=public_key("old", old).key,
            new=public_key("new", new).key,
            by=by,
            at=self._clock(),
            effective_at=effective_at,
        )

    def renew(
        self,
        root: LinkId | str,
        *,
        lasts: int | None = None,
        format: str = "biscuit",  # noqa: A002
    ) -> Token:
        """Issue a root in place of an earlier one; see `commands.renew.renew`. `lasts` in seconds."""
        return renew.renew(
            self._store,
            self._desk.ring,
            LinkId(root),
            lasts=lasts,
            token_format=format,
            at=self._clock(),
        )

    def renewal(self, link: LinkId | str) -> Renewal:
        """Return which link a link was made in place of, and which were made in its own."""
        with self._store.read() as reader:
            return reader.renewal(LinkId(link))

    def ended_before(self, link: LinkId | str) -> Sequence[Revocation]:
        """Return what was ended of all that a link touches when it was recorded, oldest first.

        Earlier links of its holder in its task, the holder's key, agent and owner, the task and its
        owner, tools and systems: what is granted anew is new authority, and names what it follows.
        """
        with self._store.read() as reader:
            return reader.ended_before(LinkId(link))

    def ended_tools(self) -> Sequence[Revocation]:
        """Return of each tool and system that is ended, or will be, the change that ends it."""
        with self._store.read() as reader:
            return reader.ended_tools()

    def _everywhere(self, done: Revocation, *, wait: bool) -> Revocation:
        if not wait:
            return done
        held = follow.wait_everywhere(
            self._store, done.epoch, bound=self.bound, monotonic=time.monotonic, pause=time.sleep
        )
        return replace(done, barrier=held)

    # For those who follow from outside the store

    def revocations(self, *, after: int = 0, limit: int = PAGE) -> Sequence[Revocation]:
        """Return changes of standing with an epoch above `after`, oldest first."""
        return self.feed(after=after, limit=limit).changes

    def feed(self, *, after: int = 0, limit: int = PAGE) -> Feed:
        """Return changes after an epoch, and up to which epoch nothing is missing."""
        with self._store.read() as reader:
            return reader.feed(after=after, limit=limit)

    def confirmed(self, epoch: int) -> Barrier:
        """Return which registered verifiers outside the store have applied a change."""
        return follow.confirmed(self._store, epoch)

    def replicas(self) -> Sequence[ReplicaEntry]:
        """Return all registered verifiers outside the store."""
        with self._store.read() as reader:
            return reader.replicas()

    def register_replica(self, *, by: str) -> ReplicaEntry:
        """Register a verifier outside the store; see `commands.follow.register`."""
        return follow.register(
            self._store,
            by=by,
            at=self._clock(),
            new_id=self._desk.new_id,
        )

    def poll_replica(
        self,
        name: str,
        *,
        by: str,
        after: int,
        limit: int = follow.MAX_PAGE,
        history: bool = False,
    ) -> Feed:
        """Note what a verifier has applied, return what changed since; see `commands.follow.poll`."""
        return follow.poll(
            self._store,
            name,
            by=by,
            applied=after,
            at=self._clock(),
            limit=limit,
            history=history,
        )

    def leave_replica(self, name: str, *, by: str) -> None:
        """Forget a verifier that allows nothing any more."""
        follow.leave(self._store, name, by=by)

    def standing(self, root: LinkId | str, holders: Sequence[Holder] = ()) -> RootStanding:
        """Return what step 10 asks about a root; see `commands.follow.standing`."""
        return follow.standing(self._store, LinkId(root), tuple(holders))

    def report(
        self, reports: Sequence[Report], *, by: str, audiences: Iterable[str] | None = None
    ) -> list[ReportResult]:
        """Record decisions that were made outside the store; see `commands.report.report`."""
        return report.report(
            self._desk,
            reports,
            by=by,
            audiences=audiences,
            at=self._clock(),
            bound=self.bound,
        )

    def local_decisions(
        self, *, conflicts: bool = False, after: int = 0, limit: int = PAGE
    ) -> Sequence[tuple[int, InProcessEntry]]:
        """Return decisions made outside the store, or those the service would have denied."""
        with self._store.read() as reader:
            return reader.local_decisions(conflicts=conflicts, after=after, limit=limit)

    def on_change(self, heard: Callable[[], None]) -> Callable[[], None]:
        """Have a function called, from any thread, when standing may have changed: a hint.

        Returns what ends it.
        """
        return self._store.subscribe(lambda event: heard() if event is None else None)
