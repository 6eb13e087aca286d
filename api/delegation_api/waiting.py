"""Waiting for what stands to change, without holding a thread or a database connection.

A hint wakes who waits; when none comes, the time is up and they look by themselves.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, Self, TypeVar

from starlette.concurrency import run_in_threadpool

from delegation.commands.follow import LOOKS
from delegation.judge.lease import WAIT_SHARE
from delegation.lineage.feed import Feed, Revocation
from delegation.tracker import Tracker
from delegation_api.ending import is_ending

T = TypeVar("T")
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
    async with _Bell(tracker) as bell:
        found = await run_in_threadpool(look)
        while not _is_news(found, after) and not is_ending() and time.monotonic() < ends:
            await bell.rung(ends)
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
        found = await run_in_threadpool(tracker.confirmed, done.epoch)
        left = ends - time.monotonic()
        if found.is_confirmed or left <= 0:
            return replace(done, barrier=found)
        await asyncio.sleep(min(left, tracker.bound / LOOKS))


class _Bell:
    """Hears one tracker's hints on one event loop."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._event = asyncio.Event()
        self._end: Callable[[], None] | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._end = self._tracker.on_change(lambda: _tell(loop, self._event))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._end is not None:
            self._end()

    async def rung(self, ends: float) -> None:
        """Wait for a hint, at most until an instant of the monotonic clock or the process's end."""
        while (left := ends - time.monotonic()) > 0 and not is_ending():
            await _within(self._event.wait(), min(left, ENDING_SECONDS))
            if self._event.is_set():
                break
        self._event.clear()


def _tell(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    loop.call_soon_threadsafe(event.set)


async def _within(waiting: Awaitable[T], seconds: float) -> None:
    try:
        await asyncio.wait_for(waiting, seconds)
    except TimeoutError:
        return
