"""Holds long polls for news and answers, without a thread or a database connection each.

A hint wakes who waits; when none comes, the time is up and they look by themselves.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Final, Self

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from delegation.authority.ids import LinkId
from delegation.commands.follow import LOOKS
from delegation.judge.lease import WAIT_SHARE
from delegation.lineage.approval import ApprovalEntry, ApprovalState
from delegation.lineage.feed import Feed, Revocation
from delegation.tracker import Tracker
from delegation.tracker.approvals import MAX_WAIT, POLL_SECONDS
from delegation_api.asking import urgent
from delegation_api.stopping import is_ending

ENDING_SECONDS: Final = 0.5  # how soon who waits sees that the process ends


async def awaited_feed(
    look: Callable[[], Feed], tracker: Tracker, *, after: int, wait: float
) -> Feed:
    """Return changes as soon as there are some, or what there is when the time is up.

    Args:
        look: Asks the store; run in a thread, at most twice and once for each hint.
        tracker: Rings when something may have changed.
        after: The last epoch that the reader knows.
        wait: Seconds.
    """
    ends = time.monotonic() + wait
    async with Hints(tracker.on_change) as hints:
        found = await run_in_threadpool(look)
        while not _is_news(found, after) and not is_ending() and time.monotonic() < ends:
            await hints.heard(ends)
            if is_ending():
                break  # questions are refused from here on: what is known is the answer
            found = await run_in_threadpool(look)
    return found


def _is_news(found: Feed, after: int) -> bool:
    # Also news: changes that this reader asked to leave out, and an epoch that went back.
    return bool(found.changes) or found.epoch != after


async def everywhere(done: Revocation, tracker: Tracker) -> Revocation:
    """Wait until every registered verifier has applied a change, or 1.2 times their bound.

    The clock runs from here: the change was committed before.
    """
    ends = time.monotonic() + WAIT_SHARE * tracker.bound
    while True:
        found = await urgent(tracker.confirmed, done.epoch)
        left = ends - time.monotonic()
        if found.is_confirmed or left <= 0:
            return replace(done, barrier=found)
        await asyncio.sleep(min(left, tracker.bound / LOOKS))


class Hints:
    """Hears a tracker's events on one event loop.

    Args:
        subscribe: Each has a function called at events and returns what ends that.
    """

    def __init__(self, *subscribe: Callable[[Callable[..., None]], Callable[[], None]]) -> None:
        """Subscribe to nothing yet."""
        self._subscribe = subscribe
        self._event = asyncio.Event()
        self._ends = ExitStack()

    async def __aenter__(self) -> Self:
        """Return itself, subscribed until the block ends."""
        loop = asyncio.get_running_loop()

        def wake(*_: object) -> None:
            loop.call_soon_threadsafe(self._event.set)

        for subscribe in self._subscribe:
            self._ends.callback(subscribe(wake))
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the subscriptions."""
        self._ends.close()

    async def heard(self, ends: float) -> None:
        """Wait for a hint, at most until an instant of the monotonic clock or the process's end."""
        while (left := ends - time.monotonic()) > 0 and not is_ending():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._event.wait(), min(left, ENDING_SECONDS))
                break
        self._event.clear()


MAX_WAITING: Final = 256  # of one process; the next one is answered at once and asks again


class Waiting:
    """Those who wait for an answer in this process.

    However many they are, the store is asked twice a second in one short statement, so that an
    answer in another process is seen too.

    Args:
        tracker: Where requests are kept.
        clock: Monotonic seconds.
    """

    def __init__(self, tracker: Tracker, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nobody waiting."""
        self.now = 0
        self._tracker = tracker
        self._clock = clock
        self._ids: Counter[str] = Counter()
        self._asked = 0.0
        self._states: Mapping[str, ApprovalState] = {}
        self._following = 0

    def count(self, kind: str) -> int:
        """Return how many wait in this process: for `approvals`, or for `revocations`."""
        return self.now if kind == "approvals" else self._following

    async def feed(self, look: Callable[[], Feed], *, after: int, wait: float) -> Feed:
        """Return changes as soon as there are some; see `awaited_feed`."""
        self._following += 1
        try:
            return await awaited_feed(look, self._tracker, after=after, wait=wait)
        finally:
            self._following -= 1

    async def asker(self, token: str, proof: str, request: str) -> LinkId:
        """Return the link of a holder that asks; see `Tracker.approval_asker`."""
        return await run_in_threadpool(self._tracker.approval_asker, token, proof, request)

    async def answered(
        self, caller: Request, request: str, ask: Callable[[], ApprovalEntry], wait: float
    ) -> ApprovalEntry:
        """Return a request as soon as it was answered, or the wait is over.

        A caller that hung up is no longer waited for.

        Args:
            caller: The HTTP request that waits.
            request: `apr_...`.
            ask: Returns the request.
            wait: Seconds.
        """
        entry = await run_in_threadpool(ask)
        if entry.state != "pending" or wait <= 0 or self.now >= MAX_WAITING:
            return entry
        self.now += 1
        self._ids[request] += 1
        try:
            for _ in range(int(min(wait, MAX_WAIT) / POLL_SECONDS)):
                await asyncio.sleep(POLL_SECONDS)
                if (
                    is_ending()
                    or await self._is_answered(request)
                    or await caller.is_disconnected()
                ):
                    break
        finally:
            self.now -= 1
            self._ids[request] -= 1
            if not self._ids[request]:
                del self._ids[request]
        return entry if is_ending() else await run_in_threadpool(ask)

    async def _is_answered(self, request: str) -> bool:
        """Return whether a request was answered, by what somebody asked within the last moment."""
        moment = self._clock()
        if moment - self._asked >= POLL_SECONDS:
            self._asked = moment
            ids = list(self._ids)
            self._states = await run_in_threadpool(self._tracker.approval_states, ids)
        # Not asked about yet: the next round has it.
        return self._states.get(request, "pending") != "pending"
