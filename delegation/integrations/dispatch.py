"""Finds the route by which an application serves a request, and holds its routers to the one meant.

A path has as many readings as there are route tables. The application's own order and matching
decide here, so that no template that was judged, and no open path, runs a handler of another route.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl

from delegation.integrations.application_routes import (
    REST,
    SOCKET,
    frontends,
    inner_of,
    is_files,
    is_host,
    is_mount,
    listed_routes,
    methods_of,
    path_of,
)

PLACE: Final = "delegation.place"  # in a scope: method and template of the route that was meant
JUDGED: Final = "delegation.judged"  # in a scope: the path and query of the request that was judged
_MOST_LEVELS: Final = 16
_OF_FILES: Final = frozenset({"GET", "HEAD"})
Place = tuple[str, str]


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
        matches = getattr(route, "matches", None)
        if matches is None:
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
