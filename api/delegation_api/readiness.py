"""Answers whether this process can decide, however often it is asked and whatever hangs.

Anybody may ask, without a key: so one look at a time is taken, in a thread of its own, and its answer
serves whoever asks within half a second. A look that hangs holds up nobody: who asks meanwhile is
told what was last known for a few seconds, and then that nothing is.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from delegation.commands.readiness import Readiness, Reason
from delegation.tracker import Tracker

FRESH_SECONDS: Final = 0.5  # for which an answer serves everybody
WAIT_SECONDS: Final = 0.8  # for which one who asks waits: probes give up after a second
STALE_SECONDS: Final = 5.0  # for which an answer holds while the next look takes its time
_SILENT: Final = Readiness(
    (
        Reason(
            "store_unavailable",
            "The store does not answer.",
            "Look at the database and at the load of this machine.",
        ),
    )
)


class ReadyDesk:
    """What is known of one tracker's readiness.

    Args:
        tracker: Who is asked.
    """

    def __init__(self, tracker: Tracker) -> None:
        """Ask nothing yet."""
        self._tracker = tracker
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="delegation-ready")
        self._looking: asyncio.Future[Readiness] | None = None
        self._known: tuple[float, Readiness] | None = None

    async def ask(self) -> Readiness:
        """Return what is known, after a look if that is older than half a second."""
        if self._looking is None and self._age() > FRESH_SECONDS:
            loop = asyncio.get_running_loop()
            self._looking = loop.run_in_executor(self._thread, self._tracker.readiness)
            self._looking.add_done_callback(self._looked)
        if self._looking is not None:
            # Also where the last look hangs for long: it may be over at this very moment.
            await asyncio.wait({self._looking}, timeout=WAIT_SECONDS)
        if self._known is None or self._age() > STALE_SECONDS:
            return _SILENT
        return self._known[1]

    def _looked(self, done: asyncio.Future[Readiness]) -> None:
        self._looking = None
        if not done.cancelled() and done.exception() is None:
            self._known = time.monotonic(), done.result()

    def _age(self) -> float:
        return time.monotonic() - self._known[0] if self._known else float("inf")
