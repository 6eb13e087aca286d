"""The body's bounds, before anything parses it: size, media type, and JSON that reads one way."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from delegation import canonical
from delegation_api.problems import problem

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class BodyLimits:
    """Reads the whole body under its cap, checks it, and hands it on.

    Duplicate members, NaN and lone surrogates are refused here: two readers of one body
    must see one value.

    Args:
        app: The application behind.
        most: Largest body, in bytes.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        """Wrap an application."""
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["method"] not in _WITH_BODY:
            await self._app(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._most:
                answer = problem(
                    413, "body_too_large", f"A body has at most {self._most} bytes.",
                    headers={"Connection": "close"},
                )  # fmt: skip
                await answer(scope, receive, send)
                return
        if body:
            headers = dict(scope["headers"])
            media = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
            if media != b"application/json":
                answer = problem(415, "body_not_json_type", "Send Content-Type: application/json.")
                await answer(scope, receive, send)
                return
            if not canonical.reads_one_way(bytes(body)):
                answer = problem(
                    400, "body_not_json", "The body is not JSON that every reader reads alike."
                )
                await answer(scope, receive, send)
                return
        sent = False

        async def replay() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self._app(scope, replay, send)
