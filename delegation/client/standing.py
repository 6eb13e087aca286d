"""What both clients offer on what stands: revoking, suspending, the feed, leases of verifiers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from delegation.authority.ids import LinkId
from delegation.client import standing_calls
from delegation.client.calls import Call
from delegation.client.standing_calls import Poll, Registration
from delegation.identity.keyring import PublicRing
from delegation.identity.principal import PublicKey
from delegation.judge.facts import EVERYTHING, SubjectKind
from delegation.judge.outside import Holder, RootStanding
from delegation.lineage.ending import Ending
from delegation.lineage.feed import Feed, Revocation
from delegation.lineage.freeze import Freeze
from delegation.lineage.preview import Preview
from delegation.lineage.renewal import Renewal
from delegation.lineage.usage import LastUse
from delegation.tokens.token import Token
from delegation.tracker.report import ReportResult

T = TypeVar("T")


class Standing(ABC):
    """The deeds on what stands; part of `Client`."""

    @abstractmethod
    def _run(self, call: Call[T]) -> T:
        """Send one call and return its result."""

    @abstractmethod
    def public_ring(self) -> PublicRing:
        """Return the issuer's public keys."""

    def revoke(
        self,
        kind: SubjectKind,
        id: str,  # noqa: A002  # the word of the wire
        *,
        reason: str = "",
        effective_at: int | None = None,
        wait: bool = False,
    ) -> Revocation:
        """End a subject and all below it, for good.

        With `wait`, the answer comes when every registered verifier outside the store has applied
        it, or after 1.2 times their bound; its `barrier` says which.
        """
        return self._run(
            standing_calls.revoke(kind, id, reason=reason, effective_at=effective_at, wait=wait)
        )

    def revoke_below(self, token: Token | str, proof: str, link: LinkId) -> Revocation:
        """Cut a link below the holder's own."""
        return self._run(standing_calls.revoke_below(token, proof, link))

    def suspend(
        self,
        kind: SubjectKind,
        id: str,  # noqa: A002
        *,
        reason: str = "",
        wait: bool = False,
    ) -> Revocation:
        """End a subject and all below it until it is resumed."""
        return self._run(standing_calls.suspend(kind, id, reason=reason, wait=wait))

    def resume(self, kind: SubjectKind, id: str, *, reason: str = "") -> Revocation:  # noqa: A002
        """End a suspension."""
        return self._run(standing_calls.resume(kind, id, reason=reason))

    def freeze(self, *, reason: str = "", wait: bool = True) -> Freeze:
        """Suspend everything: no call is allowed until `unfreeze`; the receipt says what was last."""
        return self._run(standing_calls.freeze(reason=reason, wait=wait))

    def preview(self, kind: SubjectKind, id: str) -> Preview:  # noqa: A002
        """Return what would end with a subject now, and what would go on; nothing is changed."""
        return self._run(standing_calls.preview(kind, id))

    def last_use(self, kind: SubjectKind, id: str) -> LastUse:  # noqa: A002
        """Return the newest call that a link, an agent or a key made."""
        return self._run(standing_calls.last_use(kind, id))

    def rotate_key(
        self, name: str, *, old: PublicKey, new: PublicKey, effective_at: int | None = None
    ) -> Revocation:
        """Register an agent's new key and revoke its old one, at once or from an instant on."""
        call = standing_calls.rotate_key(name, old=old, new=new, effective_at=effective_at)
        return self._run(call)

    def renew(
        self,
        root: LinkId | str,
        *,
        lasts: int | None = None,
        format: str = "biscuit",  # noqa: A002
    ) -> Token:
        """Have a root issued in place of an earlier one; the answer is verified."""
        text = self._run(standing_calls.renew(root, lasts=lasts, token_format=format))
        return Token.read(text, self.public_ring())

    def renewal(self, link: LinkId | str) -> Renewal:
        """Return which link a link was made in place of, and which were made in its own."""
        return self._run(standing_calls.renewal(link))

    def ended_before(self, link: LinkId | str) -> Sequence[Revocation]:
        """Return what was ended of all that a link touches when it was recorded, oldest first."""
        return self._run(standing_calls.ended_before(link))

    def ended_tools(self) -> Sequence[Revocation]:
        """Return of each tool and system that is ended, or will be, the change that ends it."""
        return self._run(standing_calls.ended_tools())

    def ending(self, epoch: int) -> Ending:
        """Return what came of the change with this number: last allowance, who has confirmed."""
        return self._run(standing_calls.ending(epoch))

    def suspensions(self) -> Sequence[Revocation]:
        """Return the suspensions that hold, newest first."""
        return self._run(standing_calls.suspensions())

    def unfreeze(self, *, reason: str = "") -> Revocation:
        """End a freeze."""
        return self.resume(*EVERYTHING, reason=reason)

    def revocations(self, *, after: int = 0, limit: int = 100) -> Sequence[Revocation]:
        """Return changes of what stands with an epoch above `after`, oldest first."""
        return self.feed(after=after, limit=limit).changes

    def feed(self, *, after: int = 0, limit: int = 100, wait: float = 0) -> Feed:
        """Return changes of what stands after an epoch; wait so many seconds for one."""
        return self._run(standing_calls.feed(after=after, limit=limit, wait=wait))

    def standing(self, root: LinkId | str, holders: Sequence[Holder] = ()) -> RootStanding:
        """Return what step 10 asks about a root and the holders below it."""
        return self._run(standing_calls.standing(root, holders))

    def register_replica(self) -> Registration:
        """Register a verifier outside the store; it has no lease until its first poll."""
        return self._run(standing_calls.register_replica())

    def poll_replica(
        self,
        name: str,
        *,
        after: int,
        limit: int = 1000,
        wait: float = 0,
        history: bool = False,
    ) -> Poll:
        """Say what a verifier has applied and return what changed since."""
        call = standing_calls.poll_replica(
            name, after=after, limit=limit, wait=wait, history=history
        )
        return self._run(call)

    def report_decisions(self, reports: Sequence[Mapping[str, Any]]) -> Sequence[ReportResult]:
        """Report decisions that were made outside the store; repeating one changes nothing."""
        return self._run(standing_calls.report_decisions(reports))

    def leave_replica(self, name: str) -> None:
        """Forget a verifier that allows nothing any more."""
        return self._run(standing_calls.leave_replica(name))


class AsyncStanding(ABC):
    """The deeds on what stands; part of `AsyncClient`."""

    @abstractmethod
    async def _run(self, call: Call[T]) -> T:
        """Send one call and return its result."""

    @abstractmethod
    async def public_ring(self) -> PublicRing:
        """Return the issuer's public keys."""

    async def revoke(
        self,
        kind: SubjectKind,
        id: str,  # noqa: A002  # the word of the wire
        *,
        reason: str = "",
        effective_at: int | None = None,
        wait: bool = False,
    ) -> Revocation:
        """End a subject and all below it, for good.

        With `wait`, the answer comes when every registered verifier outside the store has applied
        it, or after 1.2 times their bound; its `barrier` says which.
        """
        return await self._run(
            standing_calls.revoke(kind, id, reason=reason, effective_at=effective_at, wait=wait)
        )

    async def revoke_below(self, token: Token | str, proof: str, link: LinkId) -> Revocation:
        """Cut a link below the holder's own."""
        return await self._run(standing_calls.revoke_below(token, proof, link))

    async def suspend(
        self,
        kind: SubjectKind,
        id: str,  # noqa: A002
        *,
        reason: str = "",
        wait: bool = False,
    ) -> Revocation:
        """End a subject and all below it until it is resumed."""
        return await self._run(standing_calls.suspend(kind, id, reason=reason, wait=wait))

    async def resume(self, kind: SubjectKind, id: str, *, reason: str = "") -> Revocation:  # noqa: A002
        """End a suspension."""
        return await self._run(standing_calls.resume(kind, id, reason=reason))

    async def freeze(self, *, reason: str = "", wait: bool = True) -> Freeze:
        """Suspend everything: no call is allowed until `unfreeze`; the receipt says what was last."""
        return await self._run(standing_calls.freeze(reason=reason, wait=wait))

    async def preview(self, kind: SubjectKind, id: str) -> Preview:  # noqa: A002
        """Return what would end with a subject now, and what would go on; nothing is changed."""
        return await self._run(standing_calls.preview(kind, id))

    async def last_use(self, kind: SubjectKind, id: str) -> LastUse:  # noqa: A002
        """Return the newest call that a link, an agent or a key made."""
        return await self._run(standing_calls.last_use(kind, id))

    async def rotate_key(
        self, name: str, *, old: PublicKey, new: PublicKey, effective_at: int | None = None
    ) -> Revocation:
        """Register an agent's new key and revoke its old one, at once or from an instant on."""
        call = standing_calls.rotate_key(name, old=old, new=new, effective_at=effective_at)
        return await self._run(call)

    async def renew(
        self,
        root: LinkId | str,
        *,
        lasts: int | None = None,
        format: str = "biscuit",  # noqa: A002
    ) -> Token:
        """Have a root issued in place of an earlier one; the answer is verified."""
        text = await self._run(standing_calls.renew(root, lasts=lasts, token_format=format))
        return Token.read(text, await self.public_ring())

    async def renewal(self, link: LinkId | str) -> Renewal:
        """Return which link a link was made in place of, and which were made in its own."""
        return await self._run(standing_calls.renewal(link))

    async def ended_before(self, link: LinkId | str) -> Sequence[Revocation]:
        """Return what was ended of all that a link touches when it was recorded, oldest first."""
        return await self._run(standing_calls.ended_before(link))

    async def ended_tools(self) -> Sequence[Revocation]:
        """Return of each tool and system that is ended, or will be, the change that ends it."""
        return await self._run(standing_calls.ended_tools())

    async def ending(self, epoch: int) -> Ending:
        """Return what came of the change with this number: last allowance, who has confirmed."""
        return await self._run(standing_calls.ending(epoch))

    async def suspensions(self) -> Sequence[Revocation]:
        """Return the suspensions that hold, newest first."""
        return await self._run(standing_calls.suspensions())

    async def unfreeze(self, *, reason: str = "") -> Revocation:
        """End a freeze."""
        return await self.resume(*EVERYTHING, reason=reason)

    async def revocations(self, *, after: int = 0, limit: int = 100) -> Sequence[Revocation]:
        """Return changes of what stands with an epoch above `after`, oldest first."""
        return (await self.feed(after=after, limit=limit)).changes

    async def feed(self, *, after: int = 0, limit: int = 100, wait: float = 0) -> Feed:
        """Return changes of what stands after an epoch; wait so many seconds for one."""
        return await self._run(standing_calls.feed(after=after, limit=limit, wait=wait))

    async def standing(self, root: LinkId | str, holders: Sequence[Holder] = ()) -> RootStanding:
        """Return what step 10 asks about a root and the holders below it."""
        return await self._run(standing_calls.standing(root, holders))

    async def register_replica(self) -> Registration:
        """Register a verifier outside the store; it has no lease until its first poll."""
        return await self._run(standing_calls.register_replica())

    async def poll_replica(
        self,
        name: str,
        *,
        after: int,
        limit: int = 1000,
        wait: float = 0,
        history: bool = False,
    ) -> Poll:
        """Say what a verifier has applied and return what changed since."""
        call = standing_calls.poll_replica(
            name, after=after, limit=limit, wait=wait, history=history
        )
        return await self._run(call)

    async def report_decisions(
        self, reports: Sequence[Mapping[str, Any]]
    ) -> Sequence[ReportResult]:
        """Report decisions that were made outside the store; repeating one changes nothing."""
        return await self._run(standing_calls.report_decisions(reports))

    async def leave_replica(self, name: str) -> None:
        """Forget a verifier that allows nothing any more."""
        return await self._run(standing_calls.leave_replica(name))
