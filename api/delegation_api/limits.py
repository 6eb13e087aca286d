"""Bounds the body before any schema: size, time, media type, and JSON that reads one way."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from delegation import canonical, sent_json
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation_api.problems import problem

_JSON: Final = b"application/json"
_FORM: Final = b"application/x-www-form-urlencoded"
EXACT: Final = frozenset({"/v1/check", "/v1/decisions/report"})  # their bodies carry an access
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


def is_of_api(path: str) -> bool:
    """Return whether a path is the API's rather than a page's."""
    return path.startswith(("/v1/", "/verify/"))


class GoneError(Exception):
    """The client hung up while it was sending."""


class UnfitBodyError(Exception):
    """The body is refused before its schema; carries the answer."""

    def __init__(self, answer: JSONResponse) -> None:
        super().__init__("unfit body")
        self.answer = answer


async def read_body(scope: Scope, receive: Receive, *, most: int, seconds: float) -> bytes:
    """Return a whole request body: JSON for the API, a form for a page, and nothing for the other.

    A form is what another site's page can make a browser send; the API takes none.

    Args:
        scope: The request.
        receive: Its channel.
        most: Largest body, in bytes.
        seconds: How long it may take to arrive.

    Raises:
        GoneError: The client hung up.
        UnfitBodyError: Too large, too slow, or of another media type.
    """
    body = bytearray()
    more = True
    try:
        async with asyncio.timeout(seconds):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise GoneError
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > most:
                    answer = problem(
                        413, "body_too_large", f"A body has at most {most} bytes.",
                        headers={"Connection": "close"},
                    )  # fmt: skip
                    raise UnfitBodyError(answer)
    except TimeoutError as error:
        answer = problem(
            408, "body_too_slow", f"A body arrives within {seconds:g} seconds.",
            headers={"Connection": "close"},
        )  # fmt: skip
        raise UnfitBodyError(answer) from error
    if body:
        media = next((v for k, v in scope["headers"] if k == b"content-type"), b"")
        wanted = _JSON if is_of_api(scope["path"]) else _FORM
        if media.split(b";")[0].strip().lower() != wanted:
            raise UnfitBodyError(
                problem(415, "body_not_json_type", f"Send Content-Type: {wanted.decode()}.")
            )
    return bytes(body)


def parse_body(body: bytes, path: str) -> Json:
    """Return the JSON of a body, with every digit of a number where it carries an access.

    Args:
        body: The bytes.
        path: Where it was sent. An access may hold what only some readers read: the desk denies it.

    Raises:
        UnfitBodyError: Two readers of it might see two values.
    """
    try:
        value: Json = (sent_json.parse if path in EXACT else canonical.parse_one_way)(body)
    except MalformedError as error:
        raise UnfitBodyError(
            problem(400, "body_not_json", "The body is not JSON that every reader reads alike.")
        ) from error
    return value


class BodyLimits:
    """Reads the whole body under its bounds, checks it, and hands it on.

    Args:
        app: The application behind.
        most: Largest body, in bytes.
        seconds: How long a body may take to arrive.
    """

    def __init__(self, app: ASGIApp, most: int, seconds: float) -> None:
        """Wrap an application."""
        self._app = app
        self._most = most
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["method"] not in _WITH_BODY:
            await self._app(scope, receive, send)
            return
        try:
            body = await read_body(scope, receive, most=self._most, seconds=self._seconds)
            if body and is_of_api(scope["path"]) and scope["path"] not in EXACT:
                parse_body(body, scope["path"])  # the others are read by who knows their key
        except GoneError:
            return
        except UnfitBodyError as unfit:
            await unfit.answer(scope, receive, send)
            return
        sent = False

        async def replay() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)
