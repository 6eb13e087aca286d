"""Routes: how a request becomes an access, by declaration; the same for the guard and the signer.

Every input of a request is either an argument of the tool or refused. Nothing here is decided: the
access that comes out is what the holder's proof must cover and the service judges.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from delegation import sent_json
from delegation.authority.alias import called
from delegation.authority.arguments.url_text import KINDS, stated
from delegation.authority.fields import (
    ARGUMENT_NAME,
    ARGUMENT_WANTED,
    AUDIENCE,
    closed_object,
    list_of,
    matching_text,
)
from delegation.authority.refusal import Refusal
from delegation.canonical import Json
from delegation.errors import MalformedError, NotFoundError
from delegation.integrations.target import Target, read_target

WELL_KNOWN: Final = "/.well-known/delegation"
_METHOD: Final = re.compile("GET|HEAD|POST|PUT|PATCH|DELETE")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9._~-]+|\{[A-Za-z_][A-Za-z0-9_]{0,63}\}")
_KIND: Final = re.compile("|".join(KINDS))
_BODY_METHODS: Final = frozenset({"POST", "PUT", "PATCH"})
_ROUTE_FIELDS: Final = frozenset({"method", "path", "tool", "query", "body", "kinds"})


@dataclass(frozen=True, slots=True)
class Route:
    """One route of a service and the tool that it is.

    Args:
        method: HTTP method.
        path: Template such as `/refunds/{order}`; each placeholder is an argument and fills one
            segment.
        tool: Name of the tool in the catalogue, or an alias of it.
        query: Arguments that come from the query, each at most once.
        body: Arguments that are members of the JSON body.
        kinds: How arguments of path and query are read where they are not text: `integer` (of
            `money` too), `number` or `boolean`. Members of the body have JSON's own types.

    Raises:
        MalformedError: A field has another form, or an argument would come from two places.
    """

    method: str
    path: str
    tool: str
    query: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        matching_text("method", self.method, _METHOD, "an HTTP method")
        called(self.tool)
        if not self.path.startswith("/") or not all(
            _SEGMENT.fullmatch(part) for part in self.path[1:].split("/") if self.path != "/"
        ):
            raise MalformedError("path", wanted="segments of unreserved characters or {names}")
        names = [*self.placeholders, *self.query, *self.body]
        for name in names:
            matching_text("argument", name, ARGUMENT_NAME, ARGUMENT_WANTED)
        if len(set(names)) != len(names):
            raise MalformedError("A route", wanted="each argument from one place")
        if self.body and self.method not in _BODY_METHODS:
            raise MalformedError("body", wanted="nothing for a method without a body")
        for name, kind in self.kinds.items():
            matching_text("kinds", kind, _KIND, ", ".join(KINDS))
            if name not in names or name in self.body:
                raise MalformedError("kinds", wanted="names of path or query arguments")

    @property
    def placeholders(self) -> tuple[str, ...]:
        """Arguments that come from the path."""
        return tuple(p[1:-1] for p in self.path.split("/") if p.startswith("{"))

    def to_json(self) -> dict[str, Json]:
        """Return the route's JSON."""
        return {
            "method": self.method,
            "path": self.path,
            "tool": self.tool,
            "query": list(self.query),
            "body": list(self.body),
            "kinds": dict(self.kinds),
        }

    def matched(self, segments: Sequence[str]) -> dict[str, str] | None:
        """Return what fills the placeholders, None if the path is another route's.

        Args:
            segments: Decoded segments of a path.
        """
        wanted = self.path[1:].split("/")
        if len(segments) != len(wanted):
            return None
        found: dict[str, str] = {}
        for segment, template in zip(segments, wanted, strict=True):
            if template.startswith("{"):
                found[template[1:-1]] = segment
            elif segment != template:
                return None
        return found

    def rewritten(self, arguments: Mapping[str, Json]) -> tuple[str, str, dict[str, Json]]:
        """Return path, query and body that carry exactly these canonical arguments.

        Raises:
            MalformedError: A canonical value does not fit into the path or the query.
        """
        path = "/".join(
            _one_segment(arguments[p[1:-1]]) if p.startswith("{") else p
            for p in self.path.split("/")
        )
        query = "&".join(
            f"{quote(name, safe='')}={_segment(arguments[name])}"
            for name in self.query
            if name in arguments
        )
        return path, query, {name: arguments[name] for name in self.body if name in arguments}


@dataclass(frozen=True, slots=True)
class Routes:
    """All routes of one service, and the audience that it is.

    Args:
        audience: The service's name in grants.
        routes: Each method and path at most once.

    Raises:
        MalformedError: Two routes could match one request, or the audience has another form.
    """

    audience: str
    routes: tuple[Route, ...]

    def __post_init__(self) -> None:
        matching_text("audience", self.audience, AUDIENCE, "1 to 300 printable ASCII characters")
        for number, route in enumerate(self.routes):
            for other in self.routes[:number]:
                if route.method == other.method and _overlap(route.path, other.path):
                    raise MalformedError(
                        "routes", wanted=f"one route for {route.method} {route.path}"
                    )

    def match(self, method: str, target: Target) -> tuple[Route, dict[str, str]] | None:
        """Return the route of a request with what fills its placeholders, or None."""
        for route in self.routes:
            if route.method == method:
                found = route.matched(target.segments)
                if found is not None:
                    return route, found
        return None

    def arguments(self, method: str, target: Target, body: bytes) -> tuple[Route, dict[str, Json]]:
        """Return the route of a request and the arguments that it states.

        Args:
            method: HTTP method.
            target: Path and query, as `target_of` reads them.
            body: Raw body.

        Raises:
            NotFoundError: No route is declared for it.
            MalformedError: An input is not declared, comes twice, or does not read one way.
        """
        found = self.match(method, target)
        if found is None:
            raise NotFoundError("declared route", f"{method} /{'/'.join(target.segments)[:64]}")
        route, segments = found
        if target.query.keys() - set(route.query):
            raise MalformedError("The query", wanted="declared parameters only")
        given: dict[str, Json] = {
            name: stated(text, route.kinds.get(name, "text"))
            for name, text in {**segments, **target.query}.items()
        }
        members = _body(body)
        if members.keys() - set(route.body):
            raise MalformedError("The body", wanted="declared members only")
        return route, {**given, **members}

    def to_json(self) -> dict[str, Json]:
        """Return the JSON that a guarded service publishes."""
        return {"audience": self.audience, "routes": [route.to_json() for route in self.routes]}

    @classmethod
    def from_json(cls, value: Json, *, audience: str) -> Routes:
        """Return the routes that a service publishes.

        Args:
            value: What it answered.
            audience: The service that the caller means: another one's name is refused, else a
                service could have proofs signed that serve elsewhere.

        Raises:
            MalformedError: Another form or another audience.
        """
        body = closed_object("Routes", value, frozenset({"audience", "routes"}))
        if body["audience"] != audience:
            raise MalformedError("audience", wanted="the service that was asked")
        return cls(audience, tuple(_route(one) for one in list_of("routes", body["routes"], 4096)))


def _route(value: Json) -> Route:
    fields = closed_object("A route", value, _ROUTE_FIELDS)
    kinds = fields["kinds"]
    if not isinstance(kinds, dict):
        raise MalformedError("kinds", wanted="an object")
    return Route(
        str(fields["method"]),
        str(fields["path"]),
        str(fields["tool"]),
        tuple(str(name) for name in list_of("query", fields["query"], 64)),
        tuple(str(name) for name in list_of("body", fields["body"], 64)),
        {name: str(kind) for name, kind in kinds.items()},
    )


def target_of(path: str, query: str = "") -> Target:
    """Return a raw path and query as everybody reads them.

    Raises:
        MalformedError: Two servers might read them as two things.
    """
    found = read_target(f"{path}?{query}" if query else path)
    if isinstance(found, Refusal):
        raise MalformedError("The request's target", wanted="one that every server reads alike")
    if found.segments[-1] == "" and path != "/":
        raise MalformedError("The path", wanted="no slash at its end")
    return found


def _overlap(left: str, right: str) -> bool:
    mine, theirs = left.split("/"), right.split("/")
    return len(mine) == len(theirs) and all(
        a == b or a.startswith("{") or b.startswith("{") for a, b in zip(mine, theirs, strict=True)
    )


def _body(body: bytes) -> dict[str, Json]:
    if not body:
        return {}
    value: Json = sent_json.parse(body, what="The body")
    if not isinstance(value, dict):
        raise MalformedError("The body", wanted="a JSON object")
    return value


def _segment(value: Json) -> str:
    if value is None or isinstance(value, list | dict):
        raise MalformedError("An argument in a URL", wanted="plain: null has no spelling there")
    return quote(value if isinstance(value, str) else sent_json.text_of(value), safe="")


def _one_segment(value: Json) -> str:
    text = _segment(value)
    if text in {"", ".", ".."} or "%2F" in text or "%5C" in text:
        raise MalformedError("A path argument", wanted="a canonical value that fills one segment")
    return text


def routes_of(audience: str, routes: Iterable[Route]) -> Routes:
    """Return routes as one value."""
    return Routes(audience, tuple(routes))
