"""Walks the routes of an application as its own routers take them: included, mounted, sockets, files."""

from __future__ import annotations

import dis
import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Literal, TypeAlias

from delegation.errors import ConfigurationError

SOCKET: Final = "WEBSOCKET"
ANY: Final = "ANY"
REST: Final = "/{path:path}"  # what a mount takes of a path behind its prefix
_MOST_LEVELS: Final = 16  # applications within applications
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_CYCLE: Final = "applications are mounted in each other more deeply than anybody can look"
_NO_ROUTES: Final = "an application that lists no routes is mounted here"
_UNSEEN_INSIDE: Final = "what is mounted here wraps an application that cannot be seen"
_EACH_METHOD: Final = "it takes each method, and does not say what it does with them"
_UNKNOWN: Final = "it is no route, mount or host that Starlette or FastAPI know"

Kind: TypeAlias = Literal["handler", "endpoint", "files", "unseen"]
_MOST_PARTS: Final = 512  # objects that are looked at; a stack of middlewares has some dozens
# Under these names wrappers keep what they wrap.
_WRAPPED: Final = frozenset({
    "app", "asgi", "asgi_app", "application", "inner", "inner_app", "next_app", "wrapped", "wrapped_app",
    "wsgi", "wsgi_app", "wsgi_application",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class ApplicationRoute:
    """One way into an application.

    Args:
        method: HTTP method; `WEBSOCKET` for a socket; `ANY` for what takes each.
        path: Template below the application's root, with the prefixes of its mounts and with its
            converters.
        kind: `handler` of FastAPI's, whose dependency tree says what it reads; `endpoint` of
            Starlette's; `files` of a directory; `unseen` for what cannot be looked into.
        listing: What lists it.
        owner: The application that has it.
        host: The pattern of the hosts for which alone it is served; empty for all.
        why: Why it cannot be looked into.
    """

    method: str
    path: str
    kind: Kind
    listing: Any
    owner: Any
    host: str = ""
    why: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """Method and template."""
        return self.method, self.path


def application_routes(app: Any, prefix: str = "", level: int = 0) -> Iterator[ApplicationRoute]:
    """Yield all ways into an application, in the order in which it looks for them.

    Mounts and hosts are looked into, and so is what wraps an application there. What nothing can look
    into is `unseen`. A way that an earlier one hides is there too.

    Args:
        app: An application that lists its routes; of another one there are none.
        prefix: What stands before all its templates.
        level: How many applications it is inside of.
    """
    for route in listed_routes(app) or ():
        path = prefix + path_of(route)
        if is_mount(route) or is_host(route):
            inner, why = inner_of(route)
            if level >= _MOST_LEVELS:
                inner, why = None, _CYCLE
            if is_files(route):
                yield from (
                    ApplicationRoute(method, path + REST, "files", route, app)
                    for method in ("GET", "HEAD")
                )
            elif inner is None:
                yield ApplicationRoute(ANY, path + REST, "unseen", route, app, why=why)
            else:
                host = str(route.host) if is_host(route) else ""
                yield from (
                    replace(one, host=host if "{" in host else one.host or host)
                    for one in application_routes(inner, path, level + 1)
                )
        else:
            yield from _ways(route, path, app)
    yield from (
        ApplicationRoute(method, prefix + path + REST, "files", None, app)
        for path in frontends(app)
        for method in ("GET", "HEAD")
    )


def listed_routes(app: Any) -> list[Any] | None:
    """Return the routes of an application, those of included routers among them; None if it lists none."""
    if (listed := getattr(app, "routes", None)) is None:
        return None
    # FastAPI 0.165 keeps an included router as one route; its own walk looks into it.
    walk = getattr(sys.modules.get("fastapi.routing"), "iter_route_contexts", None)
    return list(listed if walk is None else walk(listed))


def methods_of(route: Any) -> set[str] | None:
    """Return the methods of a route, `WEBSOCKET` of a socket, None where it does not say them."""
    if _is_a(route, "starlette.routing", "WebSocketRoute"):
        return {SOCKET}
    methods = getattr(route, "methods", None)
    endpoint = getattr(route, "endpoint", None)
    base = getattr(sys.modules.get("starlette.endpoints"), "HTTPEndpoint", None)
    if methods is None and isinstance(endpoint, type) and base and issubclass(endpoint, base):
        methods = {name for name in _METHODS if hasattr(endpoint, name.lower())}
        methods |= {"HEAD"} if "GET" in methods else set()  # as Starlette answers it
    return methods


def path_of(route: Any) -> str:
    """Return a route's template, of a mount its prefix."""
    return str(getattr(route, "path", None) or "")


def is_mount(route: Any) -> bool:
    """Return whether another application takes all below a path."""
    return _is_a(route, "starlette.routing", "Mount")


def is_host(route: Any) -> bool:
    """Return whether another application takes all for a host."""
    return _is_a(route, "starlette.routing", "Host")


def is_files(route: Any) -> bool:
    """Return whether a mount serves the files of a directory."""
    files = getattr(sys.modules.get("starlette.staticfiles"), "StaticFiles", None)
    return files is not None and isinstance(route.app, files)


def inner_of(route: Any) -> tuple[Any | None, str]:
    """Return the application that lists its routes behind a mount or host, or None and why not."""
    try:
        inner = inner_application(route.app)
    except ConfigurationError:
        return None, _UNSEEN_INSIDE
    return inner, "" if inner is not None else _NO_ROUTES


def frontends(app: Any) -> list[str]:
    """Return below which paths FastAPI serves files where no route takes a request."""
    waiting = getattr(getattr(app, "router", app), "_iter_low_priority_routes", None)
    found = []
    for group in waiting() if callable(waiting) else ():
        prefix = str(getattr(group, "frontend_prefix", "")).rstrip("/")
        routes = getattr(getattr(group, "original_route", group), "routes", ())
        found += [(prefix + path_of(one)).rstrip("/") for one in routes]
    return found


def _ways(route: Any, path: str, app: Any) -> Iterator[ApplicationRoute]:
    methods = methods_of(route)
    kind: Kind = "handler" if getattr(route, "dependant", None) is not None else "endpoint"
    if methods is None:
        why = _EACH_METHOD if hasattr(route, "endpoint") else _UNKNOWN
        yield ApplicationRoute(ANY, path or "?", "unseen", route, app, why=why)
    yield from (
        ApplicationRoute(method, path, kind, route, app) for method in sorted(methods or ())
    )


def _is_a(one: Any, module: str, name: str) -> bool:
    """Return whether something, or what the context of an included router stands for, is of a class."""
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(getattr(one, "original_route", one), kind)


def inner_application(app: Any) -> Any | None:
    """Return the application that lists its routes, inside whatever wraps it; None if it is bare.

    Looked into are attributes, closures, names of modules, partial functions and bound methods.

    Args:
        app: An ASGI application.

    Raises:
        ConfigurationError: It wraps one that lists no routes, or it holds several that do.
    """
    waiting, found, is_wrapper, is_dispatcher = [app], [], False, False
    seen: dict[int, Any] = {}
    while waiting and len(seen) < _MOST_PARTS:
        part = waiting.pop(0)
        if id(part) in seen:
            continue
        seen[id(part)] = part
        if _lists_routes(part):
            found.append(part)
            continue
        for name, held in _held(part):
            is_dispatcher |= bool(_several(held))
            if callable(held) and not isinstance(held, type):
                is_wrapper |= name != "__wrapped__" and name.strip("_") in _WRAPPED
                waiting.append(held)
    says_what_it_matches = all(hasattr(r, "matches") for one in found for r in one.routes)
    if len(found) == 1 and not waiting and not is_dispatcher and says_what_it_matches:
        return found[0]
    if found or waiting or is_wrapper or is_dispatcher:
        raise ConfigurationError(
            "The guard cannot see which routes there are inside this application.",
            remedy="Protect the application that lists its routes, and wrap the guarded one; or "
            "say protect(app, unsafe_unlisted=True): then no route, no root path and no input of "
            "a handler is compared with what you declare.",
        )
    return None


def _held(part: Any) -> Iterator[tuple[str, Any]]:
    """Yield by name what a part of an application holds that may be an application."""
    if isinstance(part, partial):
        yield from (("app", one) for one in (part.func, *part.args, *part.keywords.values()))
    if inspect.ismethod(part):
        yield "", part.__self__
    for function in (part, inspect.getattr_static(type(part), "__call__", None)):
        if inspect.isfunction(function):
            named = inspect.getclosurevars(function)
            yield from named.nonlocals.items()
            # Of all that a module has, only what is an application itself, and is meant: attributes
            # of the same name are not.
            loaded = {i.argval for i in dis.get_instructions(function) if i.opname == "LOAD_GLOBAL"}
            held = ((name, named.globals[name]) for name in loaded & named.globals.keys())
            yield from ((name, one) for name, one in held if _lists_routes(one))
    yield from getattr(part, "__dict__", {}).items()
    for kind in type(part).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        names = (slots,) if isinstance(slots, str) else slots
        yield from ((name, getattr(part, name, None)) for name in names)


def _lists_routes(one: Any) -> bool:
    return not isinstance(one, type) and isinstance(getattr(one, "routes", None), list | tuple)


def _several(one: Any) -> list[Any]:
    """Return the applications that a mapping or list holds: whoever picks among them may cut paths."""
    held = (
        one.values() if isinstance(one, Mapping) else one if isinstance(one, list | tuple) else ()
    )
    return [app for app in held if _lists_routes(app)]
