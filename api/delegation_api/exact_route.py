"""Routes whose bodies carry an access: their JSON is read exactly, with every digit that was sent."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute

from delegation import sent_json

PATHS: Final = frozenset({"/v1/check", "/v1/decisions/report"})


class _ExactRequest(Request):
    async def json(self) -> Any:
        """Return the body's value; the reader of the standard library would round numbers."""
        return sent_json.parse(await self.body())


class ExactRoute(APIRoute):
    """A route that reads JSON exactly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, given a request that reads so."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await inner(_ExactRequest(request.scope, request.receive))

        return handle
