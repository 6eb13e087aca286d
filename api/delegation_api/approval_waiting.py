"""Long polls: many may wait for people without a thread each, and never in the way of a decision."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from delegation.authority.ids import LinkId
from delegation.lineage.approval import ApprovalEntry, ApprovalState
from delegation.tracker import Tracker
from delegation.tracker.approvals import MAX_WAIT, POLL_SECONDS
from delegation_api.ending import is_ending

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
