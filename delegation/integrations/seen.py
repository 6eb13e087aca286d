"""Remembers what a service answered: its routes, and the values that came, within bounds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

from delegation import sent_json
from delegation.authority.fields import ARGUMENT_NAME, ARGUMENT_WANTED, matching_text
from delegation.canonical import Json
from delegation.errors import ConfigurationError, MalformedError
from delegation.integrations.dispatch import root_of, route_taken
from delegation.integrations.judged_request import Refused, RootedPath
from delegation.integrations.request_headers import is_overriding_parameter
from delegation.integrations.routes import Route, target_of
from delegation.integrations.wrapped import inner_application

MAX_ROUTES: Final = 1000
MAX_INPUTS: Final = 64
MAX_VALUES: Final = 128  # distinct values that are remembered of an input; more leave it open
MAX_VALUE: Final = 512  # bytes of one
MAX_REASONS: Final = 100
_CHECKS: Final = frozenset({  # what those ask for who look whether a service lives
    "health", "healthz", "health_check", "healthcheck", "heartbeat", "live", "livez", "liveness",
    "metrics", "ping", "ready", "readyz", "readiness", "startupz", "status", "up", "version",
})  # fmt: skip
_ID: Final = re.compile(r"[0-9]+|[0-9a-fA-F-]{16,}|[A-Za-z]*[-_]?[0-9][A-Za-z0-9_-]*")
_LITERAL: Final = re.compile(r"[A-Za-z0-9._~-]+")
_WORD: Final = re.compile(r"[a-z0-9]+")
_BODY_METHODS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_METHODS: Final = _BODY_METHODS | {"GET", "HEAD"}


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request, as it was before an application saw it.

    Args:
        method: HTTP method; of a socket empty.
        headers: As sent, names in lower case.
        scope: A copy of the connection's.
    """

    method: str
    headers: tuple[tuple[str, str], ...]
    scope: Mapping[str, Any]

    @classmethod
    def of(cls, scope: MutableMapping[str, Any]) -> SeenRequest:
        """Return the request of a connection; applications write into the scope itself."""
        headers = tuple(
            (name.decode("latin-1").lower(), value.decode("latin-1"))
            for name, value in scope["headers"]
        )
        return cls(scope.get("method", ""), headers, dict(scope))

    @property
    def has_body(self) -> bool:
        """Whether a body was announced."""
        return any(
            name == "transfer-encoding" or (name == "content-length" and value.strip() != "0")
            for name, value in self.headers
        )

    @property
    def content_type(self) -> str:
        """The kind of its body, in lower case and without parameters."""
        found = next((value for name, value in self.headers if name == "content-type"), "")
        return found.partition(";")[0].strip().lower()


@dataclass(slots=True)
class SeenInput:
    """What was seen of one input: its distinct values while they are few and short."""

    place: str
    times: int = 0
    values: dict[bytes, Json] = field(default_factory=dict)
    is_open: bool = False

    def see(self, value: Json) -> None:
        """Remember a value."""
        self.times += 1
        spelled = sent_json.encode(value)
        self.is_open = self.is_open or len(spelled) > MAX_VALUE
        if not self.is_open:
            self.values[spelled] = value
            self.is_open = len(self.values) > MAX_VALUES
        if self.is_open:
            self.values.clear()


@dataclass(slots=True)
class SeenRoute:
    """What was seen of one route.

    Args:
        method: HTTP method.
        path: The application's template, or one that was guessed.
        calls: How many requests were answered and understood.
        inputs: What they stated, by name.
        lacks_bodies: Whether some body was too long to be looked at, or was not read to its end.
    """

    method: str
    path: str
    calls: int = 0
    inputs: dict[str, SeenInput] = field(default_factory=dict)
    lacks_bodies: bool = False


class Sight:
    """All that was seen of a service.

    Args:
        audience: Its name in grants.
    """

    def __init__(self, audience: str) -> None:
        """Begin with nothing seen."""
        self.audience = audience
        self.routes: dict[tuple[str, str], SeenRoute] = {}
        self.checks: dict[tuple[str, str], int] = {}
        self.odd: Counter[tuple[str, str, str]] = Counter()
        self._app: Any = None

    def look_into(self, app: Any) -> None:
        """Take templates from an application where it can be looked into."""
        try:
            self._app = inner_application(app)
        except ConfigurationError:
            self._app = None  # what cannot be walked is guessed from paths

    def note(self, request: SeenRequest, status: int, body: bytes | None) -> None:
        """Note a request that was answered; all others, and what checks health, teach nothing.

        Args:
            request: The request.
            status: Of the answer.
            body: All of its body; None if it was not seen to its end.
        """
        if request.method not in _METHODS or not _is_answered(status):
            return
        try:
            found = self._place(request)
        except MalformedError:
            found = None  # a path of two readings, or a template that no route can have
        if found is None:
            return
        raw, place, filled = found
        query = request.scope.get("query_string", b"").decode("ascii", "replace")
        if request.method in {"GET", "HEAD"} and not query and _is_check(place[1]):
            if place in self.checks or len(self.checks) < MAX_ROUTES:
                self.checks[place] = self.checks.get(place, 0) + 1
            return
        if place not in self.routes and len(self.routes) >= MAX_ROUTES:
            self._skip(place, "more routes than are remembered")
            return
        try:
            inputs = list(_inputs(request, raw, query, filled, body))
        except MalformedError as error:
            self._skip(place, str(error))
            return
        seen = self.routes.get(place) or SeenRoute(*place)
        fresh = {name for _, name, _ in inputs} - seen.inputs.keys()
        if len(fresh) + len(seen.inputs) > MAX_INPUTS:
            self._skip(place, "more inputs than a route has")
            return
        self.routes[place] = seen
        seen.calls += 1
        seen.lacks_bodies = seen.lacks_bodies or (body is None and request.has_body)
        for where, name, value in inputs:
            seen.inputs.setdefault(name, SeenInput(where)).see(value)

    def _place(self, request: SeenRequest) -> tuple[str, tuple[str, str], dict[str, str]] | None:
        """Return the raw path, method and template of a request, and what fills a guessed one."""
        try:
            rooted = RootedPath.of(dict(request.scope), root_of(self._app))
        except Refused:
            return None
        if self._app is None:
            template, filled = _guessed(rooted.raw)
            return rooted.raw, (request.method, template), filled
        place = route_taken(self._app, rooted.scope(dict(request.scope), rooted.raw))
        if place is None:
            return None
        filled = Route(*place, "seen").matched(target_of(rooted.raw).segments)
        return None if filled is None else (rooted.raw, place, filled)

    def _skip(self, place: tuple[str, str], why: str) -> None:
        if (*place, why) in self.odd or len(self.odd) < MAX_REASONS:
            self.odd[(*place, why[:200])] += 1


def _is_answered(status: int) -> bool:
    """Return whether an answer says that there is such a route: no error, and no way elsewhere."""
    return 200 <= status < 300 or status in {101, 304}  # noqa: PLR2004  # HTTP's own numbers


def _is_check(path: str) -> bool:
    return path.rstrip("/").rpartition("/")[2].lower() in _CHECKS


def _guessed(raw: str) -> tuple[str, dict[str, str]]:
    """Return a template for a path of which nothing is known: what looks like an id is one."""
    segments = target_of(raw).segments
    names: dict[str, str] = {}
    template = []
    for before, part in zip(["", *segments], segments, strict=False):
        if part and (_ID.fullmatch(part) or not _LITERAL.fullmatch(part)):
            stem = "".join(_WORD.findall(before.lower())).rstrip("s")[:32]
            name = f"{stem if stem[:1].isalpha() else 'value'}_id"
            name = name if name not in names else f"{name}_{len(names) + 1}"
            names[name] = part
            template.append("{" + name + "}")
        else:
            template.append(part)
    return "/" + "/".join(template), names


def _inputs(
    request: SeenRequest, raw: str, query: str, filled: Mapping[str, str], body: bytes | None
) -> Iterator[tuple[str, str, Json]]:
    """Yield place, name and value of each input of a request.

    Raises:
        MalformedError: One of them no route can declare.
    """
    for name, value in filled.items():
        yield "path", name, value
    for name, text in target_of(raw, query).query.items():
        yield "query", _declarable(name), text
    if not body:
        return
    if request.content_type != "application/json" and not request.content_type.endswith("+json"):
        raise MalformedError("The body", wanted="JSON")
    members = sent_json.parse(body, what="The body")
    if not isinstance(members, dict):
        raise MalformedError("The body", wanted="a JSON object")
    for name, value in members.items():
        yield "body", _declarable(name), value


def _declarable(name: str) -> str:
    if is_overriding_parameter(name):
        raise MalformedError("An input", wanted="a name that no framework takes for a method")
    return matching_text("An input's name", name, ARGUMENT_NAME, ARGUMENT_WANTED)
