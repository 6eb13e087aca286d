"""Forms the request that a handler gets: path, query, headers and body as they were judged."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.integrations.dispatch import JUDGED, target_in
from delegation.integrations.request_body import BodyReader, WrittenBody
from delegation.integrations.request_headers import SHOWN
from delegation.integrations.route import Route
from delegation.judge.decision import Decision
from delegation.shown import shown_text

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = Message
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

_PLAIN_ROOT: Final = re.compile(r"(/[A-Za-z0-9._~-]+)*", re.ASCII)
_MOST_SHOWN: Final = 40  # characters of a placeholder's name
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
        members: What a recorded denial says beside, as `denial_members` has it.
    """

    status: int
    code: str
    detail: str
    decision: str = ""
    approval: str = ""
    members: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RootedPath:
    """A raw path as the application routes it: without its root.

    Some frameworks take a root off by whole segments, some by its letters, some wherever it stands.
    Handed on is a path that begins with the root and one more slash, which all of them read alike.

    Args:
        root: The root that the application takes off, empty if it takes none.
        raw: The path without it.
    """

    root: str
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
        root = own_root or str(scope.get("root_path", "")).rstrip("/")
        if _PLAIN_ROOT.fullmatch(root) is None or (root and raw == root):
            raise Refused(404, "route_undeclared", "No tool is declared for this route.")
        return cls(root, raw[len(root) :] if root and raw.startswith(root + "/") else raw)

    def scope(self, scope: Scope, path: str) -> Scope:
        """Return a request for an escaped path below the root, its root and path of one reading."""
        whole = self.root + path
        return {**scope, "path": unquote(whole), "raw_path": whole.encode(), "root_path": self.root}


def refuse_outer_placeholders(scope: Scope) -> None:
    """Refuse a request from which an outer application has filled placeholders of its own.

    Handlers read them beside their own, `tenant` below a mount at `/{tenant}` or for a host, and no
    argument states them: one proof would serve each tenant. Not seen: what an outer application
    writes into `root_path` by itself.

    Raises:
        Refused: There are some, named for whoever has to protect the outer application.
    """
    route = scope.get("url_route") or {}  # of Django Channels
    named = [*(scope.get("path_params") or ()), *(route.get("kwargs") or ())]
    if named or route.get("args"):
        shown = (
            ", ".join(shown_text(str(name))[:_MOST_SHOWN] for name in named[:3]) or "without name"
        )
        raise Refused(
            404,
            "placeholder_outside",
            f"The guard is mounted below a placeholder ({shown}) that no argument states.",
        )


def opened(scope: Scope, place: RootedPath, passed: frozenset[str]) -> Scope:
    """Return an open route's request: its own path, and no header that was not declared."""
    return {**place.scope(scope, place.raw), "headers": _shown(scope, SHOWN | passed)}


@dataclass(frozen=True, slots=True)
class JudgedRequest:
    """What a decision allows, as a request.

    Args:
        path: Escaped path, without the root.
        place: Where it is.
        query: Escaped query.
        headers: Headers and cookies that are arguments.
        unshown: Headers that are arguments and of which only those arrive.
        body: The body, None where there is none.
        decision: Under which it runs.
    """

    path: str
    place: RootedPath
    query: str
    headers: tuple[tuple[str, str], ...]
    unshown: frozenset[str]
    body: WrittenBody | None
    decision: Decision

    @classmethod
    def of(
        cls, route: Route, decision: Decision, place: RootedPath, reader: BodyReader | None
    ) -> JudgedRequest:
        """Return the request that carries exactly the canonical arguments of a decision.

        Args:
            route: Where it goes.
            decision: What was allowed.
            place: The path that was sent.
            reader: What has read the body and keeps its files; None of a socket.

        Raises:
            Refused: A canonical value has no place in the request, or would read as another one.
        """
        try:
            path, query, headers = route.written(decision.arguments)
            body = None if reader is None else reader.written(decision.arguments)
        except MalformedError as error:
            raise Refused(400, "arguments_not_carried", str(error), decision.id) from error
        stated = frozenset(one.name for one in route.of_place("header"))
        return cls(path, place, query, tuple(headers), stated, body, decision)

    def scope(self, scope: Scope, passed: frozenset[str]) -> Scope:
        """Return the request's scope.

        Args:
            scope: As the server made it.
            passed: Headers that are shown beside those of `SHOWN`, in lower case.
        """
        shown = _shown(scope, (SHOWN | passed) - self.unshown - _OF_A_BODY)
        headers = [*shown, *((k.encode(), v.encode()) for k, v in self.headers)]
        if self.body is not None:
            size = str(self.body.size).encode()
            headers += [(b"content-type", self.body.media.encode()), (b"content-length", size)]
        handed = {
            **self.place.scope(scope, self.path),
            "query_string": self.query.encode(),
            "headers": headers,
            "state": {**scope.get("state", {}), "delegation_decision": self.decision},
        }
        return {**handed, JUDGED: target_in(handed)}

    def replay(self, receive: Receive) -> Receive:
        """Return a channel that says the body piece by piece, and after it what the client does."""
        pieces = iter(() if self.body is None else self.body.chunks)
        waiting: bytes | None = next(pieces, b"")

        async def replay() -> MutableMapping[str, Any]:
            nonlocal waiting
            if waiting is None:
                return await receive()
            said, waiting = waiting, next(pieces, None)
            return {"type": "http.request", "body": said, "more_body": waiting is not None}

        return replay


def _shown(scope: Scope, allowed: frozenset[str]) -> list[tuple[bytes, bytes]]:
    """Return the headers that an application is shown: whatever else was sent is nobody's to read."""
    lowered = ((name.decode("latin-1").lower(), value) for name, value in scope["headers"])
    return [(name.encode("latin-1"), value) for name, value in lowered if name in allowed]
