"""Holds a request as it comes: its route, its headers and credentials, and its body as it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from delegation.errors import CallerDataError
from delegation.integrations.judged_request import Receive, Refused, RootedPath, Scope
from delegation.integrations.request_body import MAX_BODY, BodyReader
from delegation.integrations.route import SOCKET, Route
from delegation.integrations.routes import Routes
from delegation.integrations.target import RequestTarget, target_of

_MOST_UPLOADS: Final = 32  # bodies with files that are read at once
# Nobody has proven anything before the last byte: who sends slowly must not keep the places.
BODY_SECONDS: Final = 30.0  # a body's time, and one second more for each
_LEAST_SPEED: Final = 16 * 1024  # bytes that arrived


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose route is known.

    Args:
        route: The route.
        filled: What fills the placeholders.
        target: Its path and, unless everybody may call it, its query.
        path: Where it is.
        method: As it was sent; `WEBSOCKET` of a handshake.
    """

    route: Route
    filled: dict[str, str]
    target: RequestTarget
    path: RootedPath
    method: str

    @classmethod
    def of(cls, scope: Scope, path: RootedPath, routes: Routes) -> Asked:
        """Return the route that a request asks for.

        Raises:
            Refused: There is none, or the target has two readings.
        """
        method = method_of(scope)
        try:
            target = target_of(path.raw)
            if (found := routes.match(method, target)) is None:
                raise Refused(404, "route_undeclared", "No tool is declared for this route.")
            if not found[0].is_open:
                target = target_of(path.raw, scope["query_string"].decode("latin-1"))
        except CallerDataError as error:
            raise Refused(400, "request_malformed", str(error)) from error
        return cls(*found, target, path, method)

    @property
    def place(self) -> tuple[str, str]:
        """The method that was sent, and the template."""
        return self.method, self.route.path


class Uploads:
    """Bodies that are being read, of large ones only so many at once."""

    def __init__(self) -> None:
        """Begin without any."""
        self._count = 0

    async def read(self, reader: BodyReader, receive: Receive) -> None:
        """Give a body to its reader as it arrives.

        Raises:
            Refused: It is too large or too slow, the client hung up, or too many are being read.
            MalformedError: It is no body of its kind.
        """
        try:
            async with asyncio.timeout(BODY_SECONDS) as waiting:
                await self._read(reader, receive, waiting)
        except TimeoutError as error:
            raise Refused(408, "body_too_slow", "The body did not arrive in time.") from error

    async def _read(self, reader: BodyReader, receive: Receive, waiting: asyncio.Timeout) -> None:
        began = asyncio.get_running_loop().time()
        is_large = reader.limit > MAX_BODY
        if is_large and self._count >= _MOST_UPLOADS:
            raise Refused(503, "uploads_busy", "Too many uploads are being read; try again.")
        self._count += is_large
        try:
            size, more = 0, True
            while more:
                message: MutableMapping[str, Any] = await receive()
                if message["type"] != "http.request":
                    raise Refused(400, "request_malformed", "The client hung up.")
                data, more = message.get("body", b""), message.get("more_body", False)
                size += len(data)
                if size > reader.limit:
                    raise Refused(
                        413, "body_too_large", f"This body has at most {reader.limit} bytes."
                    )
                if data:
                    reader.feed(data)
                    waiting.reschedule(began + BODY_SECONDS + size / _LEAST_SPEED)
        finally:
            self._count -= is_large


def method_of(scope: Scope) -> str:
    """Return the method of a request, of a handshake `WEBSOCKET`."""
    return SOCKET if scope["type"] == "websocket" else str(scope["method"])


def headers_of(scope: Scope) -> tuple[tuple[str, str], ...]:
    """Return all headers as they were sent, read as Latin-1."""
    return tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in scope["headers"])


def credentials_of(headers: tuple[tuple[str, str], ...], carrier: str) -> tuple[str, str]:
    """Return token and proof; each exactly once, so that no two readers see two.

    The proof stands behind the token, or in a header of its own.

    Args:
        headers: All headers as they were sent.
        carrier: The header in which tokens come, in lower case.

    Raises:
        Refused: One is missing, comes twice, or is of another scheme.
    """
    shown, proofs = (
        [value for name, value in headers if name.lower() == wanted]
        for wanted in (carrier, "delegation-proof")
    )
    scheme, _, both = shown[0].partition(" ") if len(shown) == 1 else ("", "", "")
    token, *behind = both.split(" ")
    if scheme.lower() != "delegation" or not token or len(proofs) + len(behind) != 1:
        raise Refused(
            401,
            "credentials_missing",
            f"Send one token and one proof: {carrier.title()}: Delegation <token> <proof>.",
        )
    return token, (*proofs, *behind)[0]


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request, as it was before an application saw it.

    Args:
        method: HTTP method, or `WEBSOCKET`.
        headers: As sent, names in lower case.
        scope: A copy of the connection's.
    """

    method: str
    headers: tuple[tuple[str, str], ...]
    scope: Mapping[str, Any]

    @classmethod
    def of(cls, scope: MutableMapping[str, Any]) -> SeenRequest:
        """Return the request of a connection; applications write into the scope itself."""
        headers = tuple((name.lower(), value) for name, value in headers_of(scope))
        return cls(method_of(scope), headers, dict(scope))

    @property
    def has_body(self) -> bool:
        """Whether a body was announced."""
        return any(
            name == "transfer-encoding" or (name == "content-length" and value.strip() != "0")
            for name, value in self.headers
        )
