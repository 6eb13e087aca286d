"""Sends events of a task or of the store to open pages, as server-sent events.

One watcher for all of a process's pages asks the store for its numbers, at each event of this process
and a few times a second beside, so several workers need nothing between them, and an idle page holds
neither a thread nor a connection to the database.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import json
import time
from collections.abc import AsyncGenerator
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from delegation.errors import DelegationError
from delegation.identity.roles import PERSONS, READERS
from delegation.lineage.news import Cursor, News
from delegation.tracker import Tracker
from delegation_api.auth import TrackerDep
from delegation_api.held_open import held_open
from delegation_api.pages.session import PersonDep, Viewer, ViewerDep, secret_of
from delegation_api.pages.shell import HEADERS, PageRoute, refusal
from delegation_api.stopping import is_ending
from delegation_api.waiting import Hints

router = APIRouter(include_in_schema=False, route_class=PageRoute)
MAX_STREAMS: Final = 64  # of one process; a page without one is only not renewed by itself
MAX_OF_ONE: Final = 8  # of one session, so that one reviewer's tabs leave room for others
POLL_SECONDS: Final = 0.3
HEARTBEAT_SECONDS: Final = 5.0  # also how long an ended session goes unseen
MOST: Final = 500  # links and decisions named in one event; more are counted by the page itself


class Hub:
    """Tells the open pages of one process that something was recorded.

    Args:
        tracker: What is recorded.
        poll: Seconds between two looks at the store's numbers.
        heartbeat: Seconds between two signs of life on a silent stream.
        most: Streams at once.
    """

    def __init__(
        self,
        tracker: Tracker,
        *,
        poll: float = POLL_SECONDS,
        heartbeat: float = HEARTBEAT_SECONDS,
        most: int = MAX_STREAMS,
    ) -> None:
        """Begin without pages."""
        self._tracker = tracker
        self._poll = poll
        self._heartbeat = heartbeat
        self._most = most
        self._streams: dict[str, int] = {}
        self._moved = asyncio.Event()
        self._poller: asyncio.Task[None] | None = None

    @property
    def open(self) -> int:
        """How many streams are open."""
        return sum(self._streams.values())

    def is_full(self, secret: str) -> bool:
        """Return whether another stream of this session is too many."""
        return self.open >= self._most or self._streams.get(secret, 0) >= MAX_OF_ONE

    async def follow(
        self, task: str | None, secret: str, after: Cursor
    ) -> AsyncGenerator[bytes, None]:
        """Yield the events of a task, or of the store, until the session or the process ends.

        The session is asked for before anything is told: a stream may outlive a logout by a
        heartbeat, but tells nothing in it.
        """
        self._streams[secret] = self._streams.get(secret, 0) + 1
        if self._poller is None:
            # In a context of its own: it outlives the request that it begins with.
            loop = asyncio.get_running_loop()
            self._poller = loop.create_task(self._watch(), context=contextvars.Context())
        try:
            yield b"retry: 2000\n\n"
            while not is_ending():
                moved = self._moved  # before the question: what is recorded after it wakes us
                news = await run_in_threadpool(self._news, task, secret, after)
                if news is None:
                    yield _event("bye", "", {"reason": "session"})
                    return
                if news:
                    yield _event("change", str(news.cursor), _body(news))
                else:
                    yield b": nothing new\n\n"
                after = news.cursor
                await self._wait(moved)
        except DelegationError:  # the store went away: the browser asks again
            return
        finally:
            self._streams[secret] -= 1
            if not self._streams[secret]:
                del self._streams[secret]
            if not self._streams and self._poller is not None:
                self._poller.cancel()
                self._poller = None

    async def _wait(self, moved: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(moved.wait(), self._heartbeat)

    def _news(self, task: str | None, secret: str, after: Cursor) -> News | None:
        """Return what is new; None when nobody may be told any more.

        Approvers see requests for approval and nothing else, and are told of nothing else.
        """
        key = self._tracker.session_key(secret)
        if key is None or key.role not in (READERS if task is not None else PERSONS):
            return None
        if task is not None:
            return self._tracker.news(task, after=after, limit=MOST)
        news = self._tracker.news_of_all(after=after)
        if key.role in READERS:
            return news
        return News(news.cursor, approvals=news.approvals, expired=news.expired)

    async def _watch(self) -> None:
        """Wake all streams whenever one of the store's numbers moved, and when the process ends."""
        seen: object = None
        async with Hints(self._tracker.on_change, self._tracker.on_approval) as hints:
            while not is_ending():
                again = time.monotonic() + min(self._poll, POLL_SECONDS)
                with contextlib.suppress(DelegationError):
                    numbers = dict(await run_in_threadpool(self._tracker.numbers))
                    if numbers != seen:
                        seen = numbers
                        self._wake()
                await hints.heard(time.monotonic() + self._poll)
                # However fast events come, which holders cause, all pages ask no more often than this.
                await asyncio.sleep(again - time.monotonic())
        self._wake()

    def _wake(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()


def _body(news: News) -> dict[str, object]:
    return {
        "links": list(news.links),
        "decisions": [
            {"id": made.id, "link": made.link, "allowed": made.allowed} for made in news.decisions
        ],
        "more": {"links": news.more_links, "decisions": news.more_decisions},
        "ended": news.revoked,
        "approvals": news.approvals,
        "expired": news.expired,
    }


def _event(kind: str, name: str, body: dict[str, object]) -> bytes:
    # Ids and booleans only: no text of others goes down this line.
    head = f"id: {name}\n" if name else ""
    return f"{head}event: {kind}\ndata: {json.dumps(body)}\n\n".encode()


After = Annotated[str, Query(max_length=96)]
LastEvent = Annotated[str, Header(max_length=96)]


@router.get("/tasks/{task}/events")
async def events(
    task: str,
    request: Request,
    viewer: ViewerDep,
    tracker: TrackerDep,
    after: After = "",
    last_event_id: LastEvent = "",
) -> Response:
    """Follow a task."""
    await run_in_threadpool(tracker.task, task)  # 404 before a stream is begun
    return await _stream(request, viewer, tracker, task, last_event_id or after)


@router.get("/events")
async def all_events(
    request: Request,
    viewer: PersonDep,
    tracker: TrackerDep,
    after: After = "",
    last_event_id: LastEvent = "",
) -> Response:
    """Follow the store."""
    return await _stream(request, viewer, tracker, None, last_event_id or after)


async def _stream(
    request: Request, viewer: Viewer, tracker: Tracker, task: str | None, given: str
) -> Response:
    hub: Hub = request.app.state.live
    secret, held = secret_of(request), held_open(request)
    if hub.is_full(secret) or held.is_full(viewer.key.name):
        return refusal(request, 503, "Too many pages are open.", "Load this page again later.")
    start = (
        Cursor.read(given)
        if given
        else (await run_in_threadpool(tracker.news_of_all, after=None)).cursor
    )
    return StreamingResponse(
        held.stream(viewer.key.name, hub.follow(task, secret, start)),
        headers={**HEADERS, "X-Accel-Buffering": "no"},
        media_type="text/event-stream",
    )


def followed(tracker: Tracker, task: str | None = None) -> str:
    """Return where a page's events are, from now on: to be asked before what the page shows is read."""
    cursor = tracker.news_of_all(after=None).cursor
    return f"{'' if task is None else f'/tasks/{task}'}/events?after={cursor}"
