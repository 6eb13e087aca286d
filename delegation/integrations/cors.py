"""Finds how an application answers other origins, so that a browser may ask first and read a refusal."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, MutableMapping
from functools import partial
from typing import Any, Final

from delegation.errors import ConfigurationError

ORIGIN: Final = "origin"
_METHOD: Final = "access-control-request-method"
_SAID: Final = frozenset({
    ORIGIN, _METHOD, "access-control-request-headers", "access-control-request-private-network",
})  # fmt: skip
_MOST_LAYERS: Final = 64


def cors_of(app: Any, inner: Any | None) -> Callable[[Any], Any]:
    """Return what puts an application's own CORS middleware before another application.

    Args:
        app: As it is protected.
        inner: What lists its routes inside.

    Raises:
        ConfigurationError: It has none.
    """
    kind = getattr(sys.modules.get("starlette.middleware.cors"), "CORSMiddleware", None)
    part, layers = app, 0
    while kind is not None and part is not None and layers < _MOST_LAYERS:
        if isinstance(part, kind):
            return partial(_before, part)
        part, layers = getattr(part, "app", None) if part is not inner else None, layers + 1
    for entry in getattr(inner, "user_middleware", None) or ():
        made, *said = tuple(entry)
        if kind is not None and isinstance(made, type) and issubclass(made, kind):
            arguments = said[0] if len(said) > 1 else ()
            return lambda answer: made(answer, *arguments, **said[-1])
    raise ConfigurationError(
        "The application has no CORSMiddleware whose answers could be given.",
        remedy="Add it to the application, or leave guard.cors() out and put CORSMiddleware around "
        "the guarded application.",
    )


def is_preflight(scope: MutableMapping[str, Any]) -> bool:
    """Return whether a request is truly a browser's question before a request."""
    names = [name.lower() for name, _ in scope["headers"]]
    asked = (ORIGIN.encode(), _METHOD.encode())
    return scope["method"] == "OPTIONS" and all(names.count(name) == 1 for name in asked)


def asks_by_origin(scope: MutableMapping[str, Any]) -> bool:
    """Return whether a browser says from where a request comes."""
    return any(name.lower() == ORIGIN.encode() for name, _ in scope["headers"])


def bare(scope: MutableMapping[str, Any]) -> dict[str, Any]:
    """Return a request of which nothing is left but what a browser says of origins."""
    headers = [(k.lower(), v) for k, v in scope["headers"] if k.lower().decode("latin-1") in _SAID]
    return {
        **{key: scope[key] for key in ("type", "asgi", "http_version", "scheme", "method") if key in scope},
        "path": "/", "raw_path": b"/", "root_path": "", "query_string": b"", "headers": headers,
    }  # fmt: skip


def _before(found: Any, answer: Any) -> Any:
    made = copy.copy(found)
    made.app = answer
    return made
