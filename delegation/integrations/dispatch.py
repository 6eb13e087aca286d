"""Finds the application inside its wrappers, and the route by which it serves a request.

A path has as many readings as there are route tables. The application's own order and matching
decide here, so that no template that was judged, and no open path, runs a handler of another route.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from functools import partial
from typing import Any, Final

from delegation.errors import ConfigurationError
from delegation.integrations.handler_inputs import listed_routes

_MOST_PARTS: Final = 512  # objects that are looked at; a stack of middlewares has some dozens
PLACE: Final = "delegation.place"  # in a scope: method and template of the route that was meant
# Under these names wrappers keep what they wrap.
_WRAPPED: Final = frozenset({
    "app", "asgi", "asgi_app", "application", "inner", "inner_app", "next_app", "wrapped", "wrapped_app",
    "wsgi", "wsgi_app", "wsgi_application",
})  # fmt: skip


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


def route_taken(app: Any, scope: MutableMapping[str, Any]) -> tuple[str, str] | None:
    """Return method and template of the route that serves a request; None if there is none.

    Args:
        app: An application that lists its routes.
        scope: The request as it would be handed on.
    """
    own_root = root_of(app)
    is_socket = scope["type"] == "websocket"
    method = "WEBSOCKET" if is_socket else scope["method"]
    asked = {**scope, "root_path": own_root} if own_root else dict(scope)
    for route in listed_routes(app) or ():
        matches = getattr(route, "matches", None)
        if matches is None:
            return None  # of a route that does not say what it matches nothing is known
        try:
            match = matches(asked)[0]
        except ValueError:
            return None  # a convertor that fails on this path
        if getattr(match, "name", "") == "FULL":
            is_plain = is_socket or method in (getattr(route, "methods", None) or ())
            return (method, str(route.path)) if is_plain else None
    return None


def hold_to_place(app: Any, refuse: Callable[[Any], Awaitable[None]]) -> None:
    """Let the router of an application serve a request that names its place by that route alone.

    Middlewares between guard and router may cut or change a path; the router sees what is left. A
    request that names no place passes as before. Of other frameworks' routers nothing is held.

    Args:
        app: An application that lists its routes.
        refuse: Answers a request that would be served elsewhere, given where to send.
    """
    router = getattr(app, "router", app)
    stack = getattr(router, "middleware_stack", None)
    if not callable(stack) or getattr(stack, "__name__", "") == "held":
        return

    async def held(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        place = scope.get(PLACE)
        if (
            scope["type"] in {"http", "websocket"}
            and place is not None
            and route_taken(router, scope) != place
        ):
            await refuse(send)
            return
        await stack(scope, receive, send)

    router.middleware_stack = held


def root_of(app: Any) -> str:
    """Return the root path that an application sets itself, empty if it sets none."""
    return str(getattr(app, "root_path", None) or "")


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
            # Of all that a module has, only what is an application itself.
            yield from ((n, one) for n, one in named.globals.items() if _lists_routes(one))
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
