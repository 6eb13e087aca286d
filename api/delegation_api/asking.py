"""Bounds the work of questions: each ends with its client, with its time, and with the process.

It stands around every request, so no route has to remember it. What writes is not touched: a change
that was begun is finished, whether its caller waits or not.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import Final, ParamSpec, TypeVar

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from delegation import cancellation
from delegation.cancellation import Cancellation
from delegation_api.stopping import is_ending

_P = ParamSpec("_P")
_T = TypeVar("_T")
WATCH_SECONDS: Final = 0.2  # a request that takes longer is watched, and looked after so often
LAST_SECONDS: Final = 2.0  # when the process ends, what was asked is answered if it takes no longer
_ASKED: Final = "delegation.asked"  # where a request's scope has it
_READS: Final = frozenset({"GET", "HEAD"})
# Never behind questions: without them no call is decided. Nobody cancels them.
_VITAL: Final = ThreadPoolExecutor(4, thread_name_prefix="delegation-vital")
# What ends something waits behind nothing else, whatever all other threads do.
_URGENT: Final = ThreadPoolExecutor(4, thread_name_prefix="delegation-urgent")


async def vital(work: Callable[_P, _T], *args: _P.args, **options: _P.kwargs) -> _T:
    """Do in a thread what decisions wait for."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_VITAL, partial(work, *args, **options))


async def urgent(work: Callable[_P, _T], *args: _P.args, **options: _P.kwargs) -> _T:
    """Do in a thread what ends something."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_URGENT, partial(work, *args, **options))


class Asking:
    """Lets each request be cancelled when its client leaves.

    Args:
        app: The application behind; it has read a body before.
        seconds: For how long a thread may work at one.
        most: How many of this process may work longer than a second at once.
    """

    def __init__(self, app: ASGIApp, seconds: float, most: int) -> None:
        """Wrap an application."""
        self._app = app
        self._seconds = seconds
        self._most = most
        self._long = 0
        self._lock = Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = scope[_ASKED] = _Asked(
            self, self._seconds, receive, is_read=scope["method"] in _READS
        )
        if scope["method"] in _READS:
            asked.watch_later()
        with cancellation.of(asked.cancellation):
            try:
                await self._app(scope, asked.receive, send)
            finally:
                asked.close()

    def admit(self) -> bool:
        """Count one more long question; return whether it may go on."""
        with self._lock:
            if self._long >= self._most:
                return False
            self._long += 1
            return True

    def release(self) -> None:
        """Forget one."""
        with self._lock:
            self._long -= 1


class _Asked:
    """One request and whoever waits for its answer."""

    def __init__(self, desk: Asking, seconds: float, receive: Receive, *, is_read: bool) -> None:
        self._desk = desk
        self._receive = receive
        self._is_read = is_read
        self._admitted = 0
        self.cancellation = Cancellation(seconds, self._admit)
        self._gone = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def watch_later(self) -> None:
        """Look after the client, should the answer take long."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(WATCH_SECONDS, self._begin_to_watch)

    def _begin_to_watch(self) -> None:
        # In a context of its own: what watches must not be stopped by what it watches.
        self._watcher = asyncio.get_running_loop().create_task(
            self._watch(), context=contextvars.Context()
        )

    async def receive(self) -> Message:
        """Return the body, then the end of the client; a GET's body is not looked at."""
        if self._is_read:
            self._is_read = False
            return {"type": "http.request", "body": b"", "more_body": False}
        if self._watcher is None:
            return await self._receive()
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _watch(self) -> None:
        heard = asyncio.ensure_future(self._hear())
        try:
            while not heard.done() and not is_ending():
                await asyncio.wait({heard}, timeout=WATCH_SECONDS)
            if not heard.done():  # told to stop: most answers are only a moment away
                await asyncio.wait({heard}, timeout=LAST_SECONDS)
            await asyncio.to_thread(self.cancellation.end, "client" if heard.done() else "ending")
            await heard
        finally:
            heard.cancel()

    async def _hear(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone.set()

    def _admit(self) -> bool:
        if not self._desk.admit():
            return False
        self._admitted += 1
        return True

    def close(self) -> None:
        """Stop looking."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        for _ in range(self._admitted):
            self._desk.release()


async def ends_with_client(request: Request) -> None:
    """Say of a request with a body that it only asks: a dependency, or the first line of a branch."""
    asked: _Asked | None = request.scope.get(_ASKED)
    if asked is not None:
        asked.watch_later()
