"""Remembers what a service answered: its routes, and the values that came, within bounds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from delegation import sent_json
from delegation.authority.catalogue import Tool
from delegation.authority.documents.inputs import InputPlace
from delegation.authority.fields import ARGUMENT_NAME, ARGUMENT_WANTED, matching_text
from delegation.authority.refusal import Refusal
from delegation.canonical import Json
from delegation.errors import ConfigurationError, MalformedError, MissingExtraError
from delegation.integrations.application_routes import inner_application
from delegation.integrations.asked import SeenRequest
from delegation.integrations.declared import Declared, declared_of
from delegation.integrations.dispatch import Place, root_of, route_taken, served_routes
from delegation.integrations.forms import BOUNDARY, pairs_of
from delegation.integrations.handler_inputs import reads_raw
from delegation.integrations.judged_request import Refused, RootedPath
from delegation.integrations.multipart import MultipartReader
from delegation.integrations.request_body import (
    JSON_MEDIA,
    MULTIPART,
    URLENCODED,
    FileStore,
    sent_media,
)
from delegation.integrations.request_headers import is_overriding_parameter, is_secret
from delegation.integrations.route import SOCKET, Route
from delegation.integrations.route_template import template_of
from delegation.integrations.starting_checks import is_documentation
from delegation.integrations.target import RequestTarget, target_of

PREFIX: Final = "app"  # first segment of tools' names, as `Guard.from_app` has it
MAX_ROUTES: Final = 1000
MAX_INPUTS: Final = 64
MAX_VALUES: Final = 128  # distinct values that are remembered of an input; more leave it open
MAX_VALUE: Final = 512  # bytes of one
MAX_REASONS: Final = 100
MAX_BYTES: Final = 32 * 1024 * 1024  # of all values together; later ones leave inputs open
_OF_EACH: Final = 256  # bytes that a value takes beside its own
_CHECKS: Final = frozenset({  # what those ask for who look whether a service lives
    "health", "healthz", "health_check", "healthcheck", "heartbeat", "live", "livez", "liveness",
    "metrics", "ping", "ready", "readyz", "readiness", "startupz", "status", "up", "version",
})  # fmt: skip
_ID: Final = re.compile(r"[0-9]+|[0-9a-fA-F-]{16,}|[A-Za-z]*[-_]?[0-9][A-Za-z0-9_-]*")
_LITERAL: Final = re.compile(r"[A-Za-z0-9._~-]+")
_WORD: Final = re.compile(r"[a-z0-9]+")
IN_BODIES: Final[tuple[InputPlace, ...]] = ("member", "field", "file", "body")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", SOCKET})
_Pair: TypeAlias = tuple[InputPlace, str, Json]


@dataclass(slots=True)
class SeenInput:
    """What was seen of one input: its distinct values while they are few and short."""

    place: InputPlace
    name: str
    times: int = 0
    is_many: bool = False
    is_open: bool = False
    values: dict[bytes, Json] = field(default_factory=dict)
    size: int = 0

    def see(self, value: Json, room: int) -> int:
        """Remember a value, and return how many bytes that takes; fewer than none where some are freed.

        Args:
            value: What came.
            room: Bytes that it may take; where it needs more, the input is open.
        """
        self.times += 1
        before = self.size
        spelled = sent_json.encode(value)
        self.is_open = (
            self.is_open
            or self.place == "file"
            or len(spelled) > MAX_VALUE
            or _holds_secret(self.name, value)
        )
        if not self.is_open and spelled not in self.values:
            self.size += len(spelled) + _OF_EACH
            self.values[spelled] = value
            self.is_open = len(self.values) > MAX_VALUES or self.size - before > room
        if self.is_open:
            self.values.clear()
            self.size = 0
        return self.size - before


@dataclass(slots=True)
class SeenRoute:
    """What was seen of one route.

    Args:
        method: HTTP method.
        path: The application's template, or one that was guessed.
        tool: What the application says that it is, None where it says nothing.
        media: The media type of bodies, where the application says nothing.
        calls: How many requests were answered and understood.
        inputs: What they stated, by argument; canonical where there is a tool.
        lacks_bodies: Whether some body was too long to be looked at, or was not read to its end.
        credentials: Inputs of the handler that no argument may state and that came, each with the
            header that carries it.
    """

    method: str
    path: str
    tool: Tool | None = None
    media: str = ""
    calls: int = 0
    inputs: dict[str, SeenInput] = field(default_factory=dict)
    lacks_bodies: bool = False
    credentials: dict[str, str] = field(default_factory=dict)

    def make_room(self, names: Collection[str]) -> int:
        """Forget inputs that came only once, where these names would be too many; return their bytes.

        Raises:
            MalformedError: They are too many all the same.
        """
        rare = [n for n, one in self.inputs.items() if one.times == 1 and n not in names]
        over = len(self.inputs.keys() | set(names)) - MAX_INPUTS
        if over > len(rare):
            raise MalformedError("A route", wanted=f"at most {MAX_INPUTS} inputs")
        return sum(self.inputs.pop(name).size for name in rare[: max(over, 0)])


class Sight:
    """All that was seen of a service.

    Args:
        audience: Its name in grants.
    """

    def __init__(self, audience: str) -> None:
        """Begin with nothing seen."""
        self.audience = audience
        self.declared: Declared | None = None
        self.routes: dict[tuple[str, str, str], SeenRoute] = {}
        self._asked: Counter[Place] = Counter()  # how often the health of what was asked for
        self.odd: Counter[tuple[str, str, str]] = Counter()
        self._app: Any = None
        self.room = MAX_BYTES
        self.pages: set[Place] = set()
        self.served: set[Place] = set()  # what it had when it was looked into
        self._raw: set[Place] = set()  # whose handlers also read what nothing declares
        self.made: dict[Place, tuple[Tool, Route]] = {}

    @property
    def lists_routes(self) -> bool:
        """Whether the templates are the application's own."""
        return self._app is not None

    def is_late(self, place: Place) -> bool:
        """Return whether an application got a route since it was looked into."""
        return self.declared is not None and place not in self.served

    def look_into(self, app: Any) -> None:
        """Take templates, tools and inputs from an application where it can be looked into."""
        try:
            self._app = inner_application(app)
            if self._app is None:
                return
            self.declared = declared_of(self._app, prefix=PREFIX)
        except (ConfigurationError, MalformedError):
            return  # what cannot be walked is guessed from requests
        ways = served_routes(self._app).ways
        self.served = {way.place for way in ways}
        self.pages = {way.place for way in ways if is_documentation(way)}
        self._raw = {way.place for way in ways if reads_raw(way)} - self.pages
        tools = {tool.name: tool for tool in self.declared.tools}
        self.made = {
            (route.method, route.path): (tools[route.tool], route)
            for route in self.declared.routes
            if not route.is_open
        }

    def note(self, request: SeenRequest, status: int, body: bytes | None) -> None:
        """Note a request that was answered; all others teach nothing.

        Args:
            request: The request.
            status: Of the answer.
            body: All of its body; None if it was not seen to its end.
        """
        if request.method not in _METHODS or not _is_answered(status):
            return
        if not request.has_body:
            body = b""
        try:
            found = self._place(request)
        except (MalformedError, Refused) as error:
            self._skip(self._near(request), str(error))  # a target of two readings
            return
        if found is None:
            return
        place, target = found
        if request.method in {"GET", "HEAD"} and not target.parameters and _is_check(place[1]):
            if place in self._asked or len(self._asked) < MAX_ROUTES:
                self._asked[place] += 1
            if place not in self.made:
                return
        try:
            self._note(place, request, target, body)
        except (MalformedError, MissingExtraError) as error:
            self._skip(place, str(error))

    @property
    def checks(self) -> set[Place]:
        """The places that nobody asks but for a service's health: without parameters, by their name."""
        calls = Counter[Place]()
        for one in self.routes.values():
            calls[one.method, one.path] += one.calls
        return {place for place, times in self._asked.items() if calls[place] <= times}

    def _note(
        self, place: Place, request: SeenRequest, target: RequestTarget, body: bytes | None
    ) -> None:
        tool, route = self.made.get(place, (None, None))
        is_told = bool(route and (place not in self._raw or route.of_place(*IN_BODIES)))
        media, parameters = sent_media(request.headers) if body and not is_told else ("", {})
        key = (*place, media)
        seen = self.routes.get(key) or SeenRoute(*place, tool, media)
        if tool is not None and route is not None:
            said = {one.name for one in route.of_place("query")}
            told = tuple(p for p in target.parameters if place not in self._raw or p[0] in said)
            rest = [pair for pair in target.parameters if pair not in told]
            known = replace(target, parameters=told)
            inputs = _stated(tool, route, request, known, body if is_told else b"")
        else:
            inputs, rest = {}, list(target.parameters)
        filled = {} if tool else template_of(seen.path).matched(target.segments) or {}
        pairs: list[_Pair] = [("path", *pair) for pair in filled.items()]
        pairs += [("query", *pair) for pair in rest]
        pairs += () if is_told else _in_body(body or b"", media, parameters)
        _see_inputs(inputs, seen, pairs)
        self.room += seen.make_room(inputs)
        if key not in self.routes and len(self.routes) >= MAX_ROUTES:
            raise MalformedError("A route", wanted="one of those that are remembered")
        self.routes[key] = seen
        seen.calls += 1
        seen.lacks_bodies = seen.lacks_bodies or body is None
        hidden = () if self.declared is None else self.declared.hides.get(place, ())
        seen.credentials |= _carried(hidden, dict(request.headers))
        for argument, (one, value) in inputs.items():
            kept = seen.inputs.setdefault(argument, one)
            kept.is_many = kept.is_many or one.is_many
            self.room -= kept.see(value, self.room)

    def _place(self, request: SeenRequest) -> tuple[Place, RequestTarget] | None:
        """Return method and template of a request, and its target below the application's root."""
        rooted = RootedPath.of(dict(request.scope), root_of(self._app))
        query = request.scope.get("query_string", b"").decode("latin-1")
        target = target_of(rooted.raw, query.replace("+", "%20"))  # as `Auth` spells a space
        if self._app is None:
            return (request.method, _guessed(target.segments)), target
        place = route_taken(self._app, rooted.scope(dict(request.scope), rooted.raw))
        if place is not None and place[0] == "HEAD" and ("GET", place[1]) in self.served:
            return ("GET", place[1]), target
        return None if place is None else (place, target)

    def _near(self, request: SeenRequest) -> Place:
        """Return what served a request whose target has two readings, as far as that is known."""
        taken = None if self._app is None else route_taken(self._app, request.scope)
        return taken or (request.method, "?")

    def _skip(self, place: Place, why: str) -> None:
        if (*place, why) in self.odd or len(self.odd) < MAX_REASONS:
            self.odd[(*place, why[:200])] += 1


def _holds_secret(name: str, value: Json) -> bool:
    """Return whether a value has the name of a credential, or has one in it: none is remembered."""
    if is_secret(name):
        return True
    if isinstance(value, list):
        return any(_holds_secret("", item) for item in value)
    return isinstance(value, dict) and any(_holds_secret(*item) for item in value.items())


def _carried(hidden: Iterable[str], headers: Mapping[str, str]) -> dict[str, str]:
    """Return by name the headers in which inputs came that no argument may state."""
    cookies = {part.partition("=")[0].strip() for part in headers.get("cookie", "").split(";")}
    found = {name: name.lower() for name in hidden if name.lower() in headers}
    return {name: "cookie" for name in hidden if name in cookies} | found


def _is_answered(status: int) -> bool:
    """Return whether an answer says that there is such a route: no error, and no way elsewhere."""
    return 200 <= status < 300 or status in {101, 304}  # noqa: PLR2004  # HTTP's own numbers


def _is_check(path: str) -> bool:
    return path.rstrip("/").rpartition("/")[2].lower() in _CHECKS


def _guessed(segments: tuple[str, ...]) -> str:
    """Return a template for a path of which nothing is known: what looks like an id is one."""
    names: set[str] = set()
    template = [""]
    for before, part in zip(["", *segments], segments, strict=False):
        if part and (_ID.fullmatch(part) or not _LITERAL.fullmatch(part)):
            stem = "".join(_WORD.findall(before.lower())).rstrip("s")[:32]
            name = f"{stem if stem[:1].isalpha() else 'value'}_id"
            name = name if name not in names else f"{name}_{len(names) + 1}"
            names.add(name)
            part = "{" + name + "}"  # noqa: PLW2901  # the segment's place in the template
        template.append(part)
    return "/".join(template)


Found: TypeAlias = dict[str, tuple[SeenInput, Json]]


def _stated(
    tool: Tool, route: Route, request: SeenRequest, target: RequestTarget, body: bytes | None
) -> Found:
    """Return what a request states of a declared route, in canonical form, as the guard reads it.

    Raises:
        MalformedError: It has another form, or the tool would refuse it.
    """
    stated = route.head(target, route.template.matched(target.segments) or {}, request.headers)
    if body is not None and request.method != SOCKET:
        reader = route.body_reader(request.headers)
        try:
            if body:
                reader.feed(body)
            stated |= reader.finish()
        finally:
            reader.close()
    special: dict[str, str] = {}  # what was answered is granted by its very name, inside or not
    if isinstance(canonical := tool.canonicalise(stated, special), Refusal) and body is None:
        given = {name for name in stated if name in tool.arguments}
        canonical = {name: tool.arguments[name].read(name, stated[name], special) for name in given}
    if isinstance(canonical, Refusal):
        raise MalformedError(canonical.field or "An input", wanted="of the type that is declared")
    places = {one.argument: one for one in route.inputs}
    return {
        name: (SeenInput(places[name].place, places[name].name), value)
        for name, value in canonical.items()
    }


def _see_inputs(found: Found, seen: SeenRoute, pairs: Iterable[_Pair]) -> None:
    """Add what a request states of inputs that nothing declares.

    Raises:
        MalformedError: One of them no route can declare.
    """
    for place, name, value in pairs:
        argument = name or "body"
        held = seen.inputs.get(argument) or (found[argument][0] if argument in found else None)
        if held is not None and (held.place, held.name) != (place, name):
            argument = f"{place}.{argument}"
        matching_text("An input's name", argument, ARGUMENT_NAME, ARGUMENT_WANTED)
        if is_overriding_parameter(name):
            raise MalformedError("An input", wanted="a name that no framework takes for a method")
        if (before := found.get(argument)) is None:
            found[argument] = (SeenInput(place, name), value)
        elif place in {"query", "field"}:
            items = before[1] if isinstance(before[1], list) else [before[1]]
            found[argument] = (SeenInput(place, name, is_many=True), [*items, value])
        else:
            raise MalformedError("An input", wanted="one of its name")


def _in_body(body: bytes, media: str, parameters: Mapping[str, str]) -> Iterator[_Pair]:
    if not body:
        return
    if not media or JSON_MEDIA.fullmatch(media):  # without a media type, as the guard reads it
        value: Json = sent_json.parse(body, what="The body")
        if isinstance(value, dict):
            yield from (("member", *pair) for pair in value.items())
        else:
            yield "body", "", value
    elif media == URLENCODED:
        yield from (("field", *pair) for pair in pairs_of(body))
    elif media == MULTIPART and BOUNDARY.fullmatch(parameters.get("boundary", "")):
        store = FileStore()
        try:
            reader = MultipartReader(parameters["boundary"].encode(), store)
            reader.feed(body)
            for part in reader.finish():
                is_file = part.file is not None
                yield "file" if is_file else "field", part.name, None if is_file else part.text
        finally:
            store.close()
    elif media.startswith("text/"):
        yield "body", "", body.decode(errors="replace")
    else:
        yield "body", "", None
