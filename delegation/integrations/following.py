"""Follows the service's revocations, and tells until when they may be relied on."""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from hashlib import blake2b
from typing import Final

from delegation.authority.catalogue import Catalogue
from delegation.authority.chain import Chain
from delegation.authority.ids import LinkId
from delegation.client import AsyncClient
from delegation.errors import NotFoundError, ServiceError
from delegation.identity.keyring import PublicRing
from delegation.integrations.boottime import boottime
from delegation.judge.facts import Facts
from delegation.judge.in_process import Holder, RootStanding, facts_outside
from delegation.judge.lease import MAX_BOUND, POLL_SHARE, TIMEOUT_SHARE, Lease
from delegation.judge.subject import Subject
from delegation.lineage.feed import Feed, Revocation
from delegation.operations.standing import Registration

MOST_ROOTS: Final = 4096  # chains whose standing is remembered
PAGE: Final = 1000
_DIGEST: Final = 16


class Digests(AbstractSet[Subject]):
    """A set of subjects, kept as 16-byte digests: all that was ever revoked, in little memory.

    Two subjects of one digest would deny too much, never too little.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self._held: set[bytes] = set()

    def add(self, subject: Subject) -> None:
        """Add a subject."""
        self._held.add(_digest(subject))

    def __contains__(self, subject: object) -> bool:
        """Return whether it was added."""
        return isinstance(subject, tuple) and _digest(Subject(*subject)) in self._held

    def __iter__(self) -> Iterator[Subject]:
        """Refuse: what was added is not kept.

        Raises:
            TypeError: Always.
        """
        raise TypeError("Only membership is known.")

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._held)


def _digest(subject: Subject) -> bytes:
    return blake2b(f"{subject.kind}\x00{subject.id}".encode(), digest_size=_DIGEST).digest()


def _late() -> ServiceError:
    return ServiceError(0, "unreachable", "The service does not answer in time.")


class Follower:
    """One process's view of standing, under the lease rule of `judge.lease`.

    All of it lives on one event loop: what is read between two awaits belongs together.

    Args:
        client: A client of the service.
        clock: Seconds that run on while the machine sleeps.
    """

    def __init__(self, client: AsyncClient, *, clock: Callable[[], float] = boottime) -> None:
        """Begin without a lease."""
        clock()  # refuses here, rather than at the first call, where there is no such clock
        self.polls = 0
        self.lease: Lease | None = None
        self.epoch = 0
        self.ring: PublicRing | None = None
        self.catalogue: Catalogue | None = None
        self._client = client
        self._clock = clock
        self._registration: Registration | None = None
        self._process = os.getpid()
        self._turn = asyncio.Lock()
        self._failed_at: float | None = None
        self._forget()

    def _forget(self) -> None:
        self.lease, self.epoch, self._is_caught_up = None, 0, False
        self._revoked, self._suspended = Digests(), set[Subject]()
        self._ends: dict[Subject, int] = {}
        self._roots: OrderedDict[LinkId, RootStanding] = OrderedDict()

    @property
    def replica(self) -> str:
        """The name under which it is registered; empty when it is not."""
        return "" if self._registration is None else self._registration.replica

    @property
    def bound(self) -> float:
        """Seconds for which a poll may be relied on; 0 before registration."""
        return 0.0 if self._registration is None else self._registration.bound

    def is_fresh(self) -> bool:
        """Return whether what is known may be relied on now."""
        return self.lease is not None and self.lease.is_fresh(self._clock())

    async def poll(self, *, waits: bool = False) -> None:
        """Poll once; only a poll that was answered whole moves the lease.

        Args:
            waits: Let the service wait for news, a fifth of the bound.

        Raises:
            ServiceError: The service did not answer in time; the lease stays where it was.
        """
        async with self._turn:
            if os.getpid() != self._process:
                # Another process under the same name would hide behind this one's confirmations.
                self._process, self._registration = os.getpid(), None
                self._forget()
            try:
                registration = self._registration
                if registration is None:
                    async with asyncio.timeout(MAX_BOUND):
                        registration = await self._client.register_replica()
                    self._registration = registration
                waited = waits and self._is_caught_up
                async with asyncio.timeout(registration.bound * TIMEOUT_SHARE):
                    await self._poll(registration, registration.bound * POLL_SHARE * waited)
            except TimeoutError:
                self._failed_at = self._clock()
                raise _late() from None
            except NotFoundError:
                self._registration = None  # forgotten there: no lease from this poll
                raise
            except ServiceError:
                self._failed_at = self._clock()
                raise

    async def ensure(self, at_least_epoch: int = 0) -> None:
        """Poll now unless what is known is fresh and new enough, once for all who ask meanwhile.

        Raises:
            ServiceError: The service did not answer, or did not a moment ago.
        """
        if self.is_fresh() and self.epoch >= at_least_epoch:
            return
        failed, moment = self._failed_at, max(self.bound, 0.5) * POLL_SHARE
        if failed is not None and 0 <= self._clock() - failed < moment:
            raise _late()
        await self.poll()

    async def _poll(self, registration: Registration, seconds: float) -> None:
        while True:
            start = self._clock()  # before the poll: the answer is as new as this, and no newer
            answer = await self._client.poll_replica(
                registration.replica,
                after=self.epoch,
                limit=PAGE,
                wait=seconds,
                history=not self._is_caught_up,
            )
            self.polls += 1
            feed = answer.feed
            if feed.epoch < self.epoch:
                # The database was restored: all is read anew, but what was ended is not forgotten.
                self.lease, self.epoch, self._is_caught_up = None, 0, False
                self._roots.clear()
                continue
            self._apply(feed)
            if feed.epoch < feed.newest:
                continue
            if self.catalogue is None or self.catalogue.revision != feed.catalogue:
                self.catalogue = await self._client.catalogue()
            self.ring = answer.ring
            self._is_caught_up = True
            # Last of all: from here on what was applied is relied on.
            self.lease = Lease(start, registration.bound)
            return

    def _apply(self, feed: Feed) -> None:
        for change in feed.changes:
            self._apply_one(change)
        self.epoch = feed.epoch

    def _apply_one(self, change: Revocation) -> None:
        subject = change.subject
        if change.act == "revoke" and change.effective_at <= change.at:
            self._revoked.add(subject)
        elif change.act == "revoke":
            self._ends[subject] = min(
                change.effective_at, self._ends.get(subject, change.effective_at)
            )
        elif change.act == "suspend":
            self._suspended.add(subject)
        elif change.act == "resume":
            self._suspended.discard(subject)
        elif change.act == "close":
            gone = [
                leaf
                for leaf, root in self._roots.items()
                if any(task.id == subject.id for task in root.tasks)
            ]
            for leaf in gone:
                del self._roots[leaf]
        else:
            # A registration, or an act that this program does not know: no answer counts any more.
            self._roots.clear()

    async def standing(self, chain: Chain) -> RootStanding | None:
        """Return the service's answer about a chain; None if it is older than what is known here.

        Raises:
            ServiceError: The service did not answer, or knows no such root.
        """
        if (known := self._roots.get(chain.leaf.id)) is not None:
            self._roots.move_to_end(chain.leaf.id)
            return known
        holders = [Holder(link.holder_key, link.claim) for link in chain.links]
        try:
            async with asyncio.timeout(self.bound * TIMEOUT_SHARE):
                found = await self._client.standing(chain.root.id, holders)
        except TimeoutError:
            raise _late() from None
        # What was applied while this answer was on its way may be what it does not know.
        if found.epoch < self.epoch or found.root != chain.root.id:
            return None
        self._roots[chain.leaf.id] = found
        while len(self._roots) > MOST_ROOTS:
            self._roots.popitem(last=False)
        return found

    def facts(self, standing: RootStanding) -> Facts:
        """Return what is known now, for the rule of step 10."""
        return facts_outside(
            standing,
            revoked=self._revoked,
            suspended=self._suspended,
            ends=self._ends,
            epoch=self.epoch,
        )

    async def leave(self) -> None:
        """Give up the lease, then the registration.

        Raises:
            ServiceError: The service did not answer; it forgets by itself later.
        """
        self.lease = None
        registration, self._registration = self._registration, None
        if registration is not None:
            await self._client.leave_replica(registration.replica)
