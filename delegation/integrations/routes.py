"""Finds the route of a request, and what it states; the same for the guard and the signer.

Where two routes could take one request, the first that was declared does, as in the application.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import combinations
from typing import Final, TypeAlias

from delegation.authority.documents.inputs import Input, InputPlace
from delegation.authority.fields import AUDIENCE, closed_object, list_of, listed, matching_text
from delegation.canonical import Json
from delegation.errors import MalformedError, NotFoundError
from delegation.integrations.request_inputs import Headers
from delegation.integrations.route import Route
from delegation.integrations.target import RequestTarget, target_of

WELL_KNOWN: Final = "/.well-known/delegation"
_HEADER: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_MAX_ROUTES: Final = 4096
_NEAR: Final = 3
_PUBLISHED: Final = f"Ask GET {WELL_KNOWN} which routes the service declares."
Names: TypeAlias = Iterable[str] | Mapping[str, str]
"""Arguments under their own names, or by the name of the input what argument states it."""


@dataclass(frozen=True, slots=True)
class Routes:
    """All routes of one service, open ones too, and its audience.

    Args:
        audience: The service's name in grants.
        routes: In the order in which the application looks at them.
        token_header: The header in which tokens come, in lower case.
        base: Where the service listens, for whoever read them there; not published.

    Raises:
        MalformedError: A route is declared twice, or one that stands before it takes all its requests,
            or the audience has another form.
    """

    audience: str
    routes: tuple[Route, ...]
    token_header: str = "authorization"
    base: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        matching_text("audience", self.audience, AUDIENCE, "1 to 300 printable ASCII characters")
        matching_text(
            "token_header", self.token_header, _HEADER, "the name of a header, in lower case"
        )
        for first, later in combinations(self.routes, 2):
            if first.method == later.method and first.template.covers(later.template):
                raise MalformedError(
                    "routes",
                    wanted=f"one route for all that {later.method} {later.path} takes: "
                    f"{first.path} stands before it",
                )

    def match(self, method: str, target: RequestTarget) -> tuple[Route, dict[str, str]] | None:
        """Return the route of a request with what fills its placeholders, or None.

        A `HEAD` that nobody declared is its `GET`: the same authority, of which less is answered.

        Raises:
            MalformedError: The path fills its template in two ways.
        """
        for asked in (method, "GET") if method == "HEAD" else (method,):
            for route in (one for one in self.routes if one.method == asked):
                if (found := route.template.matched(target.segments)) is not None:
                    return route, found
        return None

    def arguments(
        self,
        method: str,
        target: RequestTarget | str,
        body: bytes = b"",
        headers: Headers = (),
    ) -> tuple[Route, dict[str, Json]]:
        """Return the route of a request and the arguments that it states; none of an open route.

        Not bounded here: the size of the body.

        Args:
            method: HTTP method; `WEBSOCKET` for the handshake of one.
            target: Path and query as they are sent, escaped; or as `target_of` reads them.
            body: Raw body.
            headers: Names and values as they are sent.

        Raises:
            NotFoundError: No route is declared for it.
            MalformedError: An input is not declared, comes twice, or does not read one way.
        """
        if isinstance(target, str):
            path, _, query = target.partition("?")
            target = target_of(path, query)
        if (found := self.match(method, target)) is None:
            raise NotFoundError(
                "declared route", f"{method} {target.path[:65]}", remedy=self._near(target)
            )
        route, filled = found
        if route.is_open:
            return route, {}
        sent = tuple(headers)
        stated = route.head(target, filled, sent)
        reader = route.body_reader(sent)
        try:
            if body:
                reader.feed(body)
            return route, stated | reader.finish()
        finally:
            reader.close()

    def _near(self, target: RequestTarget) -> str:
        """Return the routes that may be meant, in words: other methods of the path, or near templates."""
        known = {f"{one.method} {one.path}": one for one in self.routes}
        near = [
            name for name, one in known.items() if one.template.matched(target.segments) is not None
        ]
        paths = get_close_matches(target.path, {one.path for one in self.routes}, n=_NEAR)
        near = near or [name for name, one in known.items() if one.path in paths]
        return f"Declared is {' or '.join(near[:_NEAR])}." if near else _PUBLISHED

    def to_json(self) -> dict[str, Json]:
        """Return the JSON that a guarded service publishes."""
        return {
            "audience": self.audience,
            "routes": [route.to_json() for route in self.routes],
            "token_header": self.token_header,
        }

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
        body = closed_object("Routes", value, frozenset({"audience", "routes", "token_header"}))
        if body["audience"] != audience:
            raise MalformedError("audience", wanted="the service that was asked")
        listed = list_of("routes", body["routes"], _MAX_ROUTES)
        header = matching_text("token_header", body["token_header"], _HEADER, "a header")
        return cls(audience, tuple(map(Route.from_json, listed)), header)


def in_order(routes: Sequence[Route], places: Sequence[tuple[str, str]] = ()) -> list[Route]:
    """Return routes in the order of an application, or else the more special before the more general.

    Args:
        routes: In whatever order they were declared.
        places: Method and template of the application's routes, in its order.
    """
    if places:
        rank = {place: number for number, place in reversed(list(enumerate(places)))}
        return sorted(routes, key=lambda one: rank.get((one.method, one.path), len(rank)))
    ordered: list[Route] = []
    for route in routes:
        general = (
            number
            for number, other in enumerate(ordered)
            if other.method == route.method
            and other.template.covers(route.template)
            and not route.template.covers(other.template)
        )
        ordered.insert(next(general, len(ordered)), route)
    return ordered


def undecided(routes: Sequence[Route]) -> tuple[Route, Route] | None:
    """Return two routes that one request may be meant for while neither is the more special one."""
    for one, other in combinations(routes, 2):
        mine, theirs = one.template, other.template
        is_ordered = mine.covers(theirs) or theirs.covers(mine)
        if one.method == other.method and not is_ordered and mine.may_meet(theirs):
            return one, other
    return None


def declared_route(
    method: str,
    path: str,
    tool: str,
    *,
    query: Names = (),
    headers: Names = (),
    cookies: Names = (),
    body: Names = (),
    form: Names = (),
    files: Names = (),
    whole_body: str = "",
    kinds: Mapping[str, str] | None = None,
    many: Iterable[str] = (),
    media: str = "",
) -> Route:
    """Return a route as people declare it: arguments by where they come from.

    Each place takes arguments under their own names, `["page"]`, or by the name that the input has in
    the request, `{"page[size]": "size"}`.

    Args:
        method: HTTP method.
        path: Template of the path.
        tool: Name of the tool.
        query: Parameters of the query.
        headers: Headers, in any case.
        cookies: Cookies.
        body: Members of the JSON body.
        form: Fields of a form.
        files: Files of a form.
        whole_body: The argument that is the whole body: JSON of any kind, text or bytes, as `media` says.
        kinds: By argument how its text is read: `integer`, `number` or `boolean`.
        many: Arguments that are lists and may come any number of times.
        media: Media type of the body.

    Raises:
        MalformedError: A field has another form.
    """
    said, lists = kinds or {}, frozenset(listed("many", many))
    places: tuple[tuple[InputPlace, Names], ...] = (
        ("query", query),
        ("header", headers),
        ("cookie", cookies),
        ("member", body),
        ("field", form),
        ("file", files),
        ("body", {"": whole_body} if whole_body else ()),
    )
    inputs = tuple(
        Input(argument, place, name, said.get(argument, "text"), argument in lists)
        for place, names in places
        for name, argument in _named(names, place)
    )
    bare = Route(method, path, tool, inputs, media)
    if (said.keys() | lists) - {one.argument for one in bare.inputs}:
        raise MalformedError("kinds", wanted="names of arguments")
    spoken = [
        Input(one.argument, "path", one.name, said[one.argument])
        for one in bare.of_place("path")
        if one.argument in said
    ]
    return Route(method, path, tool, (*spoken, *inputs), media) if spoken else bare


def _named(names: Names, place: InputPlace) -> Iterator[tuple[str, str]]:
    for name in listed(f"What comes by {place}", names):
        argument = names[name] if isinstance(names, Mapping) else name
        yield name.lower() if place == "header" else name, argument
