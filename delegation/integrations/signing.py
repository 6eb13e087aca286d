"""Signs requests of an agent to a guarded service, each with a fresh proof, for whatever client sends it.

No client library is needed here: `Signer` takes and returns plain values, and `Auth` knows the request
objects of the usual clients by their shape.
"""

from __future__ import annotations

import json
import re
from collections.abc import (
    AsyncIterator,
    Callable,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
)
from copy import copy
from dataclasses import replace
from functools import lru_cache, partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final, cast
from urllib.parse import SplitResult, urlsplit, urlunsplit

from delegation.authority.access import Access
from delegation.errors import MalformedError, OutsideError
from delegation.identity.keys import HolderKey
from delegation.integrations.route import SOCKET
from delegation.integrations.routes import WELL_KNOWN, Routes
from delegation.integrations.target import target_of
from delegation.shown import shown_text
from delegation.tokens.token import Token

EXTENSION: Final = "delegation"
_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_OF_SOCKETS: Final = {"ws": "http", "wss": "https"}
_STRIPPED: Final = frozenset({"Authorization"})  # what clients do not take along to another origin
# Browsers and urllib3 end a host at a backslash, others do not; some drop what is not printable.
_TWO_READINGS: Final = re.compile(r"[\x00-\x20\x7f\\]")
_SECONDS: Final = 10.0
_MAX_ANSWER: Final = 4 * 1024 * 1024  # bytes of published routes
_READ: Final = "Read a text with the issuer's public keys: Token.read(text, tracker.public_ring())."
_READ_ONCE: Final = "bytes, a text or a file: what can be read only once cannot be signed and sent"


class Signer:
    """Presents a token and proves requests by its holder's key.

    The access that is proved is built from the request by the service's routes, exactly as its guard
    builds it. Requests to open routes, and to another origin, get nothing.

    Args:
        token: What is presented.
        key: The holder key of its leaf.
        routes: The service's routes, as read with `discover` or declared by hand.
        purpose: Purpose of requests.
        max_cost: The most that a request may cost, by unit.
        cause: The decision because of which requests are made: a claim.
        announced: Whether the leaf's id is sent instead of the whole token, which must have been
            announced to the service that decides. Proofs cover the whole token all the same.
        base: Where the service listens, with the path below which it does. If it is left out, where
            `discover` read the routes, or else the audience, where that is a URL.

    Raises:
        MalformedError: The token or the key is none, or nothing says where the service listens.
    """

    def __init__(
        self,
        token: Token,
        key: HolderKey,
        routes: Routes,
        *,
        purpose: str = "",
        max_cost: Mapping[str, int] | None = None,
        cause: str | None = None,
        announced: bool = False,
        base: str = "",
    ) -> None:
        """Sign with this key."""
        if not isinstance(token, Token):
            raise MalformedError("token", wanted="a Token", remedy=_READ)
        if not isinstance(key, HolderKey):
            raise MalformedError(
                "key", wanted="the HolderKey of the token's holder: its public half signs nothing"
            )
        self._token = token
        self._key = key
        self._routes = routes
        self._said: dict[str, Any] = {
            "purpose": purpose, "max_cost": dict(max_cost or {}), "cause": cause,
        }  # fmt: skip
        self._announced = announced
        known = base or routes.base
        self._base = _base_of(known) if known else _base_of(routes.audience)._replace(path="")
        self._is_told = bool(known)

    def headers(
        self,
        method: str,
        url: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        **said: Any,
    ) -> dict[str, str]:
        """Return the headers to send a request with; none for an open route or another origin.

        Both credentials are in one header, `Authorization` where the service says no other, which every
        client takes off by itself where a redirect leads to another origin.

        Args:
            method: HTTP method; the handshake of a socket is the `GET` of a `ws:` or `wss:` URL.
            url: As it will be sent; `spelled` gives it the one spelling that all servers read alike.
            headers: What else is sent.
            body: The body, encoded as it will be sent.
            said: `purpose`, `max_cost` or `cause` of this request alone.

        Raises:
            NotFoundError: The service declares no such route.
            MalformedError: The request has an input that the route does not declare, clients read the
                URL in two ways, or the first one goes elsewhere and nobody said where the service is.
        """
        if _TWO_READINGS.search(url):
            raise MalformedError("The URL", wanted="without spaces, controls and backslashes")
        asked = urlsplit(url)
        if (path := self._below_base(asked)) is None:
            return {}
        asks = SOCKET if asked.scheme in _OF_SOCKETS else method.upper()
        route, arguments = self._routes.arguments(
            asks, target_of(path, asked.query), body, tuple(headers)
        )
        if route.is_open:
            return {}
        access = Access(route.tool, arguments, self._routes.audience, **{**self._said, **said})
        shown = self._token.id if self._announced else self._token.text
        proof = self._key.prove(self._token, access)
        return {self._routes.token_header.title(): f"Delegation {shown} {proof}"}

    def _below_base(self, asked: SplitResult) -> str | None:
        """Return the path below the service's own, None for a URL of another origin."""
        root = self._base.path.rstrip("/")
        path = asked.path or "/"
        if _origin(asked) == _origin(self._base):
            self._is_told = True
            return path[len(root) :] if path.startswith(f"{root}/") else None
        if not self._is_told:
            # Whoever is asked first is not believed to be the service: it would be handed the token.
            raise MalformedError(
                "base",
                wanted=f"where the service listens: nobody said that it is not {_place(self._base)}",
                remedy=f"Say base={_place(asked)!a} if the service is there.",
            )
        return None


class Auth(Signer):
    """Signs what the usual clients send, each request anew; give it to any of them.

    `httpx` and `httpx2`, sync and async, and `requests`, take it as `auth=`; an `aiohttp` session as one
    of its `middlewares=`. What a request of its own states comes by `stating`, and with httpx by
    `extensions={"delegation": {"purpose": "support/refund"}}` as well.
    """

    def stating(self, **said: Any) -> Auth:
        """Return the like of it whose requests state this `purpose`, `max_cost` or `cause`."""
        other = copy(self)
        other._said = {**self._said, **said}  # noqa: SLF001  # of its own class
        return other

    def __call__(self, request: Any, send: Any = None) -> Any:
        """Return a request of httpx or requests, signed; or answer one of aiohttp, by what sends it.

        Raises:
            NotFoundError: The service declares no such route.
            MalformedError: The request has an input that the route does not declare, or a body that
                can be read only once.
        """
        if send is not None:
            return self._through_aiohttp(request, send)
        return self._of_requests(request) if hasattr(request, "hooks") else self._of_httpx(request)

    def _of_httpx(self, request: Any) -> Any:
        if (url := spelled(str(request.url))) != str(request.url):
            request.url = type(request.url)(url)
        try:
            body = request.read()  # keeps what it reads, and sends that
        except AssertionError as error:  # an asynchronous stream, which the client would use up
            raise MalformedError("The body", wanted=_READ_ONCE) from error
        said = request.extensions.get(EXTENSION, {})
        headers = request.headers
        signed = self.headers(request.method, url, headers.multi_items(), body, **said)
        headers.update(signed)
        for name in signed.keys() - _STRIPPED:
            stream, kind = request.stream, cast("Hashable", type(request.stream))
            request.stream = _forgetting(kind)(stream, partial(_forget, headers, name))
        return request

    def _of_requests(self, request: Any) -> Any:
        body = request.body or b""
        if hasattr(body, "read") and "Content-Length" in request.headers:
            body = body.read()
        if isinstance(body, str):
            body = body.encode()
        if not isinstance(body, bytes):
            raise MalformedError("The body", wanted=_READ_ONCE)
        request.url, request.body = spelled(request.url), body or None
        headers = request.headers
        signed = self.headers(request.method, request.url, headers.items(), body)
        headers.update(signed)
        for name in signed.keys() - _STRIPPED:
            # A redirect is followed with the headers of the request that was answered with it.
            request.register_hook("response", partial(_forget, headers, name))
        return request

    async def _through_aiohttp(self, request: Any, send: Any) -> Any:
        body = request.body
        if not isinstance(body, bytes):
            body = await body.as_bytes()
            await request.update_body(body)  # what was read once may be another thing the next time
        request.url = type(request.url)(spelled(str(request.url)), encoded=True)
        headers = request.headers
        headers.update(self.headers(request.method, str(request.url), headers.items(), body))
        return await send(request)


def _forget(headers: MutableMapping[str, str], name: str, *_: Any, **__: Any) -> None:
    headers.pop(name, None)


@lru_cache(maxsize=8)
def _forgetting(kind: Any) -> Any:
    """Return a stream of httpx that forgets a header when the body is asked for: the head is away then.

    Redirects are followed with the headers that are left. Only of `Authorization` httpx itself knows
    that it is not for others. Without a body HTTP/2 never asks for it.
    """

    class Forgetting(kind):  # type: ignore[misc]  # of whichever library the request is
        def __init__(self, stream: Any, forget: Callable[[], Any]) -> None:
            self._sent, self._forget = stream, forget

        def __iter__(self) -> Iterator[bytes]:
            self._forget()
            return iter(self._sent)

        async def __aiter__(self) -> AsyncIterator[bytes]:
            self._forget()
            async for chunk in self._sent:
                yield chunk

    return Forgetting


def spelled(url: str) -> str:
    """Return a URL with spaces in its query as `%20`: a `+` is a space to some readers, a plus to others.

    Args:
        url: As a client encodes it, where each `+` in the query stands for a space.
    """
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=parts.query.replace("+", "%20"), fragment=""))


def discover(url: str, *, audience: str, http: Any = None) -> Routes:
    """Return the routes that a guarded service publishes.

    Args:
        url: Where the service listens.
        audience: Its name in grants, known beforehand; a service that calls itself otherwise is
            refused, since proofs for another one would be signed for it.
        http: What asks, with the `get` of httpx or requests; Python's own client without proxies and
            redirects if it is left out.

    Raises:
        MalformedError: Something else came back, or another audience.
        OutsideError: The service did not answer.
    """
    place = url.rstrip("/") + WELL_KNOWN
    if http is not None:
        answer = http.get(place)
        status, content = answer.status_code, answer.content
    else:
        status, content = _asked(place)
    try:
        value = json.loads(content) if status == HTTPStatus.OK else None
    except ValueError:
        value = None
    return replace(Routes.from_json(value, audience=audience), base=url)


def _asked(url: str) -> tuple[int, bytes]:
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_SECONDS)
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        return answer.status, answer.read(_MAX_ANSWER)
    except (OSError, HTTPException) as error:
        raise OutsideError(
            "The service did not say which routes it has.",
            remedy="Look whether it listens at this URL, with this scheme and port.",
        ) from error
    finally:
        connection.close()


def _base_of(text: str) -> SplitResult:
    """Return where a service listens.

    Raises:
        MalformedError: The text is no http(s) URL of a host.
    """
    found = None if _TWO_READINGS.search(text) else urlsplit(text)
    if found is None or found.scheme not in _PORTS or not _origin(found)[1]:
        raise MalformedError(
            "base", wanted="where the service listens, such as https://desk.example"
        )
    return found


def _place(url: SplitResult) -> str:
    """Return scheme, host and port, never a password."""
    return shown_text(f"{url.scheme}://{url.netloc.rpartition('@')[2]}")


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    scheme = _OF_SOCKETS.get(url.scheme, url.scheme)
    try:
        return scheme, url.hostname, _PORTS.get(url.scheme) if url.port is None else url.port
    except ValueError:
        raise MalformedError("The URL", wanted="with a port from 0 to 65535") from None
