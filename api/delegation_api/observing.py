"""Observes each request from the outermost layer: its id, metrics, log line, and span if configured."""

from __future__ import annotations

import logging
import time
from contextlib import nullcontext
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from delegation_api.asked_request import ASKED, AskedRequest
from delegation_api.check_front import PATH
from delegation_api.logs import REFUSED
from delegation_api.metrics import Metrics
from delegation_api.tracing import Tracing, described

_REFUSAL, _FAULT = 400, 500
_LOG: Final = structlog.get_logger("delegation.requests")


class Observing:
    """Watches requests; changes nothing in them but a header that names them.

    Args:
        app: The application behind.
        metrics: Where they are counted.
        tracing: Where spans go, if anywhere.
        log_all: Whether requests are logged that were neither refused nor failed.
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
        asked = AskedRequest.of(scope["headers"])
        name = asked.id.encode()
        status = 0

        async def answered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", name)]
            await send(message)

        with nullcontext() if self._tracing is None else self._tracing.span(scope, asked) as span:
            token = ASKED.set(asked)
            try:
                await self._app(scope, receive, answered)
            finally:
                taken = time.perf_counter() - begun
                route = _route(scope)
                self.metrics.note(route, status, taken)
                if span is not None:
                    described(span, scope, route, status, asked)
                if self._log_all or status >= _REFUSAL or status == 0:
                    _log(scope, route, status, taken, asked, log_all=self._log_all)
                ASKED.reset(token)


def _log(  # what a line says
    scope: Scope, route: str, status: int, taken: float, asked: AskedRequest, *, log_all: bool
) -> None:
    """Write a request's line. What is refused has one of its own kind, so many of which are bounded."""
    is_fault = status >= _FAULT or status == 0
    said = {"decision": asked.decision, "code": asked.code}
    _LOG.log(
        logging.WARNING if is_fault else logging.INFO,
        "request" if log_all or is_fault else REFUSED,
        method=scope["method"],
        route=route,
        status=status,
        milliseconds=round(taken * 1000, 2),
        **{name: value for name, value in said.items() if value},
    )


def _route(scope: Scope) -> str:
    """Return the declared route, never the path that a caller made up."""
    if scope["path"] == PATH:
        return PATH
    return getattr(scope.get("route"), "path", None) or "unknown"
