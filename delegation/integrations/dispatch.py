"""Finds the route by which an application serves a request, and holds its routers to the one meant.

A path has as many readings as there are route tables. The application's own order and matching
decide here, so that no template that was judged, and no open path, runs a handler of another route.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final
from urllib.parse import parse_qsl

from delegation.authority.fields import listed
from delegation.errors import ConfigurationError, MalformedError
from delegation.integrations.application_routes import (
    ANY,
    REST,
    SOCKET,
    ApplicationRoute,
    application_routes,
    frontends,
    inner_of,
    is_files,
    is_host,
    is_mount,
    listed_routes,
    methods_of,
    path_of,
)
from delegation.integrations.route_template import template_of

PLACE: Final = "delegation.place"  # in a scope: method and template of the route that was meant
JUDGED: Final = "delegation.judged"  # in a scope: the path and query of the request that was judged
_MOST_LEVELS: Final = 16
_OF_FILES: Final = frozenset({"GET", "HEAD"})
Place = tuple[str, str]
_PLACEHOLDER: Final = re.compile(r"\{[^{}]*\}")
_HOSTS: Final = "it is served for another host than the same route before it"
_OF_HOST: Final = "its host has a placeholder, which no argument can state: give each host a route"


def route_taken(app: Any, scope: Mapping[str, Any], level: int = 0) -> Place | None:
    """Return method and template of the route that serves a request; None if there is none.

    Mounts and hosts are followed. Not seen: what a middleware makes of a request on its way.

    Args:
        app: An application that lists its routes.
        scope: The request as it would be handed on; of a socket the method is `WEBSOCKET`.
        level: How many applications it is inside of; too many are in each other, and none is taken.
    """
    if level > _MOST_LEVELS:
        return None
    own_root = root_of(app)
    asked: dict[str, Any] = {**scope, "root_path": own_root} if own_root else dict(scope)
    method = SOCKET if scope["type"] == "websocket" else str(scope["method"])
    is_partly = False
    for route in listed_routes(app) or ():
        if (matches := getattr(route, "matches", None)) is None:
            return None  # of a route that does not say what it matches nothing is known
        try:
            match, below = matches(asked)
        except ValueError:
            return None  # a convertor that fails on this path
        if getattr(match, "name", "") == "FULL":
            return _taken(route, method, {**asked, **below}, level)
        is_partly |= getattr(match, "name", "") == "PARTIAL"
    return None if is_partly or method not in _OF_FILES else _file_taken(app, method, asked)


def _taken(route: Any, method: str, scope: dict[str, Any], level: int) -> Place | None:
    path = path_of(route)
    if not (is_mount(route) or is_host(route)):
        methods = methods_of(route)
        return (method, path) if methods is None or method in methods else None
    if is_files(route):
        return (method, path + REST) if method in _OF_FILES and not _is_alias(scope) else None
    inner, _ = inner_of(route)
    if inner is None:
        return method, path + REST
    found = route_taken(inner, scope, level + 1)
    return None if found is None else (found[0], path + found[1])


def _file_taken(app: Any, method: str, scope: dict[str, Any]) -> Place | None:
    """Return the directory from which FastAPI serves a path that no route takes, the nearest."""
    root, path = str(scope.get("root_path") or ""), str(scope["path"])
    below = path.removeprefix(root) if path.startswith(f"{root}/") else path
    found = [one for one in frontends(app) if below == one or below.startswith(f"{one}/")]
    return (method, max(found, key=len) + REST) if found and not _is_alias(scope) else None


def _is_alias(scope: Mapping[str, Any]) -> bool:
    """Return whether a judged path of a file ends in a slash: it is served as the one without."""
    return JUDGED in scope and str(scope["path"]).endswith("/")


def hold_to_place(app: Any, refuse: Callable[[Any], Awaitable[None]], prefix: str = "") -> None:
    """Let the routers of an application serve a request that names its place by that route alone.

    Middlewares between guard and router may cut or change a path; the router sees what is left. Of a
    request that was judged path and query must be as they were. A request that names no place passes
    as before. Of other frameworks' routers nothing is held, and of headers and bodies neither.

    Args:
        app: An application that lists its routes.
        refuse: Answers a request that would be served elsewhere, given where to send.
        prefix: Below which path it is mounted.
    """
    _hold(app, refuse, prefix, 0)


def _hold(app: Any, refuse: Callable[[Any], Awaitable[None]], prefix: str, level: int) -> None:
    for route in listed_routes(app) or ():
        if (is_mount(route) or is_host(route)) and not is_files(route) and level < _MOST_LEVELS:
            inner, _ = inner_of(route)
            if inner is not None:
                _hold(inner, refuse, prefix + path_of(route), level + 1)
    router = getattr(app, "router", app)
    stack = getattr(router, "middleware_stack", None)
    if not callable(stack):
        return
    if isinstance(known := getattr(stack, "prefixes", None), set):
        known.add(prefix)
        return
    prefixes = {prefix}

    async def held(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        place = scope.get(PLACE)
        if scope["type"] in {"http", "websocket"} and place is not None:
            taken = route_taken(router, scope)
            is_meant = taken is not None and place in {(taken[0], p + taken[1]) for p in prefixes}
            if not is_meant or scope.get(JUDGED) not in {None, target_in(scope)}:
                await refuse(send)
                return
        await stack(scope, receive, send)

    held.prefixes = prefixes  # type: ignore[attr-defined]  # an application has one router for all its mounts
    router.middleware_stack = held


def target_in(scope: Mapping[str, Any]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the path of a request and what its query reads as, however it is escaped."""
    query = scope.get("query_string", b"").decode("latin-1")
    return scope["path"], tuple(parse_qsl(query, keep_blank_values=True))


def root_of(app: Any) -> str:
    """Return the root path that an application sets itself, empty if it sets none."""
    return str(getattr(app, "root_path", None) or "")


@dataclass(frozen=True, slots=True)
class ServedRoutes:
    """The ways into an application.

    Args:
        ways: What can be declared, each place once, in the application's own order. A `HEAD` that the
            route of a `GET` answers beside it is that `GET`.
        unseen: What requests can take and nobody can declare, with the reason.
        unreached: What no request can take, with what the application serves instead.
    """

    ways: tuple[ApplicationRoute, ...]
    unseen: tuple[tuple[ApplicationRoute, str], ...]
    unreached: tuple[tuple[ApplicationRoute, str], ...]

    def chosen(self, names: Iterable[str]) -> frozenset[Place]:
        """Return the places that are named by template, with a method before it or for all methods.

        Raises:
            ConfigurationError: Nothing has such a name.
        """
        found: set[Place] = set()
        for name in listed("What is opened or skipped", names):
            method, _, path = name.rpartition(" ")
            places = {
                one.place for one in self.ways if one.path == path and method in {"", one.method}
            }
            if not places:
                near = get_close_matches(path, sorted({one.path for one in self.ways}), n=3)
                raise ConfigurationError(
                    f"The application has no route {name}.",
                    remedy=f"Name it by its own template: {', '.join(near)}." if near
                    else "Name it by the application's own template, such as "
                    f"{' or '.join(' '.join(one.place) for one in self.ways[:1]) or 'GET /health'}.",
                )  # fmt: skip
            found |= places
        return frozenset(found)


def served_routes(app: Any) -> ServedRoutes:
    """Return the ways into an application that lists its routes.

    Not seen: what its middlewares answer by themselves.
    """
    every = list(application_routes(app))
    answered = {(id(one.listing), one.path) for one in every if one.method == "GET"}
    ways: dict[Place, ApplicationRoute] = {}
    unseen: list[tuple[ApplicationRoute, str]] = []
    unreached: list[tuple[ApplicationRoute, str]] = []
    for way in every:
        if way.method == "HEAD" and (id(way.listing), way.path) in answered:
            continue
        try:
            paths = template_of(way.path).samples
        except MalformedError as error:
            unseen.append((way, way.why or f"its template cannot be declared: {error}"))
            continue
        if _PLACEHOLDER.search(way.host):
            unseen.append((way, _OF_HOST))
        elif way.place in ways and way.host != ways[way.place].host:
            unseen.append((way, _HOSTS))
        elif way.place in ways:
            unreached.append((way, way.path))
        elif not any(_serving(app, way, path) == way.path for path in paths):
            instead = (_serving(app, way, path) for path in paths)
            unreached.append((way, next((one for one in instead if one), "none")))
        elif way.kind == "unseen":
            unseen.append((way, way.why))
        else:
            ways[way.place] = way
    return ServedRoutes(tuple(ways.values()), tuple(unseen), tuple(unreached))


def _serving(app: Any, way: ApplicationRoute, path: str) -> str:
    """Return the template by which the application serves a path in the method of a way, or nothing."""
    taken = route_taken(app, _request_of(app, way, path))
    return "" if taken is None else taken[1]


def _request_of(app: Any, way: ApplicationRoute, path: str) -> dict[str, Any]:
    root = root_of(app)
    kind = "websocket" if way.method == SOCKET else "http"
    host = _PLACEHOLDER.sub("x", way.host).encode()
    return {
        "type": kind, "method": "GET" if way.method == ANY else way.method, "path": root + path,
        "root_path": root, "headers": [(b"host", host)], "query_string": b"",
    }  # fmt: skip
