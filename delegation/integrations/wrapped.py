"""Finds the application that lists its routes inside whatever wraps it."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from delegation.errors import ConfigurationError

_MOST_PARTS: Final = 512  # objects that are looked at; a stack of middlewares has some dozens
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
