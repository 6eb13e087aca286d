"""Observes each request from the outermost layer: its id, metrics, log line, and span if configured."""

from __future__ import annotations

import os
import re
import time
from contextlib import nullcontext
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from delegation_api.check_front import PATH
from delegation_api.metrics import Metrics
from delegation_api.tracing import Tracing

_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_FAULT: Final = 500
_LOG: Final = structlog.get_logger("delegation.requests")


class Observing:
    """Watches requests; changes nothing in them but a header that names them.

    Args:
        app: The application behind.
        metrics: Where they are counted.
        tracing: Where spans go, if anywhere.
        log_all: Whether requests are logged that did not fail.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, tracing: Tracing | None, *, log_all: bool
    ) -> None:
        """Wrap an application."""
        self._app = app
        self.metrics = metrics
        self._tracing = tracing
        self._log_all = log_all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        given = next((v for k, v in scope["headers"] if k == b"x-request-id"), b"")
        name = given if _ID.fullmatch(given) else os.urandom(12).hex().encode()
        status = 0

        async def answered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", name)]
            await send(message)

        with nullcontext() if self._tracing is None else self._tracing.span(scope) as span:
            try:
                await self._app(scope, receive, answered)
            finally:
                taken = time.perf_counter() - begun
                route = _route(scope)
                self.metrics.note(route, status, taken)
                if span is not None:
                    span.set_attribute("http.route", route)
                    span.set_attribute("http.response.status_code", status)
                if self._log_all or status >= _FAULT or status == 0:
                    _LOG.log(
                        30 if status >= _FAULT or status == 0 else 20,
                        "request",
                        method=scope["method"],
                        route=route,
                        status=status,
                        milliseconds=round(taken * 1000, 2),
                        request=name.decode(),
                    )


def _route(scope: Scope) -> str:
    """Return the declared route, never the path that a caller made up."""
    if scope["path"] == PATH:
        return PATH
    return getattr(scope.get("route"), "path", None) or "unknown"
