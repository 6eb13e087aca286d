"""Long polls: many may wait for people without a thread each, and never in the way of a decision."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from delegation.authority.ids import LinkId
from delegation.embedded import Tracker
from delegation.embedded.approvals import MAX_WAIT, POLL_SECONDS
from delegation.lineage.approval import ApprovalEntry

MAX_WAITING: Final = 256  # of one process; the next one is answered at once and asks again


class Waiting:
    """Those who wait for an answer in this process."""

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self.now = 0

    async def asker(self, tracker: Tracker, token: str, proof: str, request: str) -> LinkId:
        """Return the link of a holder that asks; see `Tracker.approval_asker`."""
        return await run_in_threadpool(tracker.approval_asker, token, proof, request)

    async def answered(
        self, request: Request, ask: Callable[[], ApprovalEntry], wait: float
    ) -> ApprovalEntry:
        """Return a request as soon as it was answered, or the wait is over.

        The store is asked twice a second, so that an answer in another process is seen too. A
        caller that hung up is no longer waited for.
        """
        entry = await run_in_threadpool(ask)
        if wait <= 0 or self.now >= MAX_WAITING:
            return entry
        self.now += 1
        try:
            for _ in range(int(min(wait, MAX_WAIT) / POLL_SECONDS)):
                if entry.state != "pending" or await request.is_disconnected():
                    break
                await asyncio.sleep(POLL_SECONDS)
                entry = await run_in_threadpool(ask)
        finally:
            self.now -= 1
        return entry
