"""Forms the request that a handler gets: method, path, query, body and headers as they were judged."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.integrations.request_headers import SHOWN
from delegation.integrations.routes import Route
from delegation.judge.decision import Decision

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]

_PLAIN_ROOT: Final = re.compile(r"(/[A-Za-z0-9._~-]+)*/?", re.ASCII)
_OF_A_BODY: Final = frozenset({"content-length", "content-type"})


@dataclass(frozen=True, slots=True)
class Refused(Exception):  # noqa: N818  # an answer, raised to end a request
    """A request that does not reach its handler.

    Args:
        status: 401 missing or unprovable, 403 denied, 404 undeclared, 4xx malformed, 503 undecided.
        code: Stable code.
        detail: One sentence.
        decision: The record, where there is one.
        approval: The request that people were sent, for the agent to wait for.
    """

    status: int
    code: str
    detail: str
    decision: str = ""
    approval: str = ""


@dataclass(frozen=True, slots=True)
class RootedPath:
    """A raw path as the application routes it.

    Starlette takes `root_path` off a path before it looks for the route; FastAPI sets its own first.
    Judged is what it then looks for.

    Args:
        root: The root that the application takes off, empty if it takes none.
        is_below: Whether the path as sent had it.
        raw: The path without it.
    """

    root: str
    is_below: bool
    raw: str

    @classmethod
    def of(cls, scope: Scope, own_root: str) -> RootedPath:
        """Return the path of a request.

        Args:
            scope: The request.
            own_root: The root that the application sets itself, empty if it sets none.

        Raises:
            Refused: The root has a character that a path can spell in two ways.
        """
        sent = scope.get("raw_path") or scope["path"].encode()
        raw = bytes(sent).partition(b"?")[0].decode("ascii", "replace")
        root = str(own_root or scope.get("root_path", ""))
        if _PLAIN_ROOT.fullmatch(root) is None or (root and raw == root):
            raise Refused(404, "route_undeclared", "No tool is declared for this route.")
        is_below = bool(root) and raw.startswith(root + "/")
        return cls(root, is_below, raw[len(root) :] if is_below else raw)

    def whole(self, path: str) -> str:
        """Return the path to hand on so that the application routes this one.

        Raises:
            MalformedError: The application would take it for a path below its root.
        """
        if self.is_below:
            return self.root + path
        if self.root and (path + "/").startswith(self.root + "/"):
            raise MalformedError("A path argument", wanted="a value that is not the root's own")
        return path


def opened(scope: Scope, path: str, passed: frozenset[str]) -> Scope:
    """Return an open route's request: its own path, and no header that was not declared."""
    headers = _shown(scope, passed)
    return {**scope, "path": path, "raw_path": path.encode(), "headers": headers}


@dataclass(frozen=True, slots=True)
class JudgedRequest:
    """What a decision allows, as a request.

    Args:
        path: Escaped path, below its root.
        query: Escaped query.
        body: The JSON body, None on routes without one.
        decision: Under which it runs.
    """

    path: str
    query: str
    body: bytes | None
    decision: Decision

    @classmethod
    def of(cls, route: Route, decision: Decision, place: RootedPath) -> JudgedRequest:
        """Return the request that carries exactly the canonical arguments of a decision.

        Raises:
            Refused: A canonical value does not fit into one segment of the path.
        """
        try:
            path, query, members = route.rewritten(decision.arguments)
            path = place.whole(path)
        except MalformedError as error:
            raise Refused(400, "arguments_not_carried", str(error), decision.id) from error
        return cls(path, query, _spelled(members) if route.body else None, decision)

    def scope(self, scope: Scope, passed: frozenset[str]) -> Scope:
        """Return the request's scope.

        Args:
            scope: As the server made it.
            passed: Headers that are shown beside those of `SHOWN`, in lower case.
        """
        headers = [(k, v) for k, v in _shown(scope, passed) if k.decode() not in _OF_A_BODY]
        if self.body is not None:
            size = str(len(self.body)).encode()
            headers += [(b"content-type", b"application/json"), (b"content-length", size)]
        return {
            **scope,
            "path": unquote(self.path),
            "raw_path": self.path.encode(),
            "query_string": self.query.encode(),
            "headers": headers,
            "state": {**scope.get("state", {}), "delegation_decision": self.decision},
        }

    def replay(self, receive: Receive) -> Receive:
        """Return a channel that says the body, and after it what the client does."""
        sent = False

        async def replay() -> MutableMapping[str, Any]:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": self.body or b"", "more_body": False}

        return replay


def _spelled(members: Mapping[str, Json]) -> bytes:
    """Return JSON that is no form: a reader that does not look at the type finds no pair in it."""
    text = json.dumps(members, ensure_ascii=False)
    # Both stand only inside texts, where an escape means the same to every reader of JSON.
    return text.replace("=", "\\u003d").replace("&", "\\u0026").encode()


def _shown(scope: Scope, passed: frozenset[str]) -> list[tuple[bytes, bytes]]:
    """Return the headers that an application is shown: whatever else was sent is nobody's to read."""
    allowed = SHOWN | passed
    lowered = ((name.decode("latin-1").lower(), value) for name, value in scope["headers"])
    return [(name.encode("latin-1"), value) for name, value in lowered if name in allowed]
