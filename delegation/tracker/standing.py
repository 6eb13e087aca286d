"""Revokes, suspends and freezes, and serves the verifiers outside the store that follow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from delegation.authority.ids import LinkId
from delegation.commands import agents, check, follow, renew, report, revoke
from delegation.commands import revocation_effect as ending
from delegation.commands.report import Report, ReportResult
from delegation.errors import StoreUnavailableError
from delegation.identity.keyring import KeyRing
from delegation.identity.principal import PublicKey, public_key
from delegation.judge.lease import BOUND, Barrier, ReplicaEntry
from delegation.judge.subject import EVERYTHING, Subject, SubjectKind
from delegation.lineage.feed import Feed, Freeze, Revocation
from delegation.lineage.revocation_effect import RevocationEffect
from delegation.operations import standing as declared
from delegation.tokens.token import Token
from delegation.tracker.review import PAGE, Review


class Standing(Review, declared.Standing):
    """Revocation and suspension; part of `Tracker`."""

    _desk: check.CheckContext
    bound: float = BOUND

    # What the operations below leave to whoever performs them is who does it, `by`.

    def revoke(  # type: ignore[override]
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

    def suspend(  # type: ignore[override]
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

    def resume(self, kind: SubjectKind, id: str, *, by: str, reason: str = "") -> Revocation:  # type: ignore[override]  # noqa: A002
        """End a suspension; see `commands.revoke.resume`."""
        subject = Subject(kind, id)
        return revoke.resume(self._store, subject, by=by, reason=reason, at=self._clock())

    def freeze(self, *, by: str, reason: str = "", wait: bool = True) -> Freeze:  # type: ignore[override]
        """Suspend everything: no call is allowed until `unfreeze`; the receipt says what was last."""
        done = self.suspend(*EVERYTHING, by=by, reason=reason, wait=wait)
        return self.frozen(done)

    def frozen(self, change: Revocation) -> Freeze:
        """Return what came of a freeze, with its receipt; see `commands.revocation_effect.frozen`."""
        return ending.frozen(self._store, self._signing(), change)

    def _signing(self) -> KeyRing | None:
        """Return the keys for a receipt; None where this replica lacks one."""
        try:
            return self._desk.keys.signing()
        except StoreUnavailableError:
            return None

    def ending(self, epoch: int) -> RevocationEffect:
        """Return what came of the change with this number; see `commands.revocation_effect.ending`."""
        return ending.ending(self._store, self._signing(), epoch, at=self._clock())

    def unfreeze(self, *, by: str, reason: str = "") -> Revocation:  # type: ignore[override]
        """End a freeze.

        Raises:
            ConflictError: Nothing is frozen.
        """
        return self.resume(*EVERYTHING, by=by, reason=reason)

    def revoke_below(self, token: Token | str, proof: str, link: LinkId) -> Revocation:
        """Cut a link below the holder's own; see `commands.revoke.revoke_below`."""
        text = token if isinstance(token, str) else token.text
        return revoke.revoke_below(self._desk, text, proof, link, at=self._clock())

    def rotate_key(  # type: ignore[override]
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

    def _everywhere(self, done: Revocation, *, wait: bool) -> Revocation:
        if not wait:
            return done
        held = follow.wait_everywhere(
            self._store, done.epoch, bound=self.bound, monotonic=time.monotonic, pause=time.sleep
        )
        return replace(done, barrier=held)

    # For those who follow from outside the store

    def feed(self, *, after: int = 0, limit: int = PAGE) -> Feed:
        """Return changes after an epoch, and up to which epoch nothing is missing."""
        with self._store.read() as reader:
            return reader.feed(after=after, limit=limit)

    def confirmed(self, epoch: int) -> Barrier:
        """Return which registered verifiers outside the store have applied a change."""
        return follow.confirmed(self._store, epoch)

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

    def leave_replica(self, name: str, *, by: str) -> None:  # type: ignore[override]
        """Forget a verifier that allows nothing any more."""
        follow.leave(self._store, name, by=by)

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

    def on_change(self, heard: Callable[[], None]) -> Callable[[], None]:
        """Have a function called, from any thread, when standing may have changed: a hint.

        Returns what ends it.
        """
        return self._store.subscribe(lambda event: heard() if event is None else None)
