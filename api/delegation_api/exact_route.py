"""Routes whose bodies carry an access: their JSON is read exactly, with every digit that was sent."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope

from delegation.canonical import Json
from delegation.operations.roles import SERVICES
from delegation_api.auth import KeyCache, authorized
from delegation_api.limits import EXACT, UnfitBodyError, parse_body


class _ReadRequest(Request):
    """A request whose body was read already."""

    def __init__(self, scope: Scope, receive: Receive, body: bytes, value: Json) -> None:
        super().__init__(scope, receive)
        self._read = body, value

    async def body(self) -> bytes:
        """Return the bytes."""
        return self._read[0]

    async def json(self) -> Any:
        """Return the value; the reader of the standard library would round its numbers."""
        return self._read[1]


class ExactRoute(APIRoute):
    """A route that reads an access exactly, once a service's key was shown: to refuse costs less."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, given a request that is read so."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if request.scope["path"] in EXACT:
                header = request.headers.get("authorization", "").encode("latin-1")
                keys: KeyCache = request.app.state.keys
                authorized(keys.held(header) or await keys.find(header), SERVICES)
                body = await request.body()
                try:
                    value = parse_body(body, request.scope["path"]) if body else None
                except UnfitBodyError as unfit:
                    return unfit.answer
                request = _ReadRequest(request.scope, request.receive, body, value)
            return await inner(request)

        return handle
