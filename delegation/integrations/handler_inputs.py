"""Finds the inputs that an application's handlers read, through FastAPI's dependency tree.

Dependencies of handler, router and application, security schemes and parameter models included. Not
found: what code reads from a raw request; a guard shows it nothing that was not judged or declared.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from delegation.integrations.application_routes import ApplicationRoute

AUTHORIZATION: Final = "authorization"
_RAW: Final = ("request_param_name", "websocket_param_name", "http_connection_param_name")


@dataclass(frozen=True, slots=True)
class HandlerInput:
    """One input that a handler or a dependency of it declares.

    Args:
        place: `header`, `cookie`, `query`, `body`, `request` for the raw request, or `security` for a
            scheme that does not say where it looks.
        name: As a client spells it; of a security scheme that says nothing, its class; of a body and
            of the raw request empty.
        is_scheme: Whether a security scheme reads it, of which the rest of the handler says nothing.
        is_needed: Whether the handler answers nothing without it.
    """

    place: str
    name: str
    is_scheme: bool = False
    is_needed: bool = False


def handler_inputs(route: Any) -> Iterator[HandlerInput]:
    """Yield what a listed route's handler and its dependencies declare, beside its path."""
    top = getattr(route, "dependant", None)
    waiting = [] if top is None else [top]
    seen: set[int] = set()
    is_raw, has_body, needs_body = False, False, False
    while waiting:
        inner = waiting.pop()
        if id(inner) in seen:
            continue
        seen.add(id(inner))
        waiting += inner.dependencies
        yield from (
            HandlerInput(place, name, is_needed=is_needed)
            for place in ("header", "cookie", "query")
            for name, is_needed in _names(getattr(inner, f"{place}_params"))
        )
        schemes = list(_scheme_inputs(inner))
        yield from schemes
        # A scheme takes the whole request to look at one place of it.
        is_raw |= not schemes and any(getattr(inner, name, None) for name in _RAW)
        has_body |= bool(inner.body_params)
        needs_body |= any(_is_needed(one) for one in inner.body_params)
    if has_body:
        yield HandlerInput("body", "", is_needed=needs_body)
    if is_raw:
        yield HandlerInput("request", "")


def _names(parameters: Iterable[Any]) -> Iterator[tuple[str, bool]]:
    for parameter in parameters:
        info = parameter.field_info
        if (fields := getattr(info.annotation, "model_fields", None)) is None:
            yield str(parameter.alias), _is_needed(parameter)
            continue
        for name, inner in fields.items():
            alias = inner.validation_alias or inner.alias
            is_spelled = isinstance(alias, str)
            if is_spelled or not getattr(info, "convert_underscores", False):
                spelled = str(alias) if is_spelled else name
            else:
                spelled = name.replace("_", "-")
            yield spelled, bool(inner.is_required())


def reads_raw(way: ApplicationRoute) -> bool:
    """Return whether a handler reads a request itself, so that nobody can say what it reads."""
    return way.kind == "endpoint" or any(
        one.place == "request" for one in handler_inputs(way.listing)
    )


def _is_needed(parameter: Any) -> bool:
    return bool(parameter.field_info.is_required())


def _scheme_inputs(dependant: Any) -> Iterator[HandlerInput]:
    """Yield where a security scheme looks: by its OpenAPI model, whatever its class is called."""
    calls = [getattr(dependant, "call", None)]
    # FastAPI before 0.120 also lists schemes by themselves.
    calls += [
        one.security_scheme for one in getattr(dependant, "security_requirements", None) or ()
    ]
    base = getattr(sys.modules.get("fastapi.security.base"), "SecurityBase", ())
    for call in calls:
        scheme = call
        while isinstance(scheme, partial):
            scheme = scheme.func
        scheme = inspect.unwrap(scheme) if callable(scheme) else scheme
        if not isinstance(scheme, base):
            continue
        model = getattr(scheme, "model", None)
        kind = _text(getattr(model, "type_", ""))
        is_needed = bool(getattr(scheme, "auto_error", True))
        place, name = "security", type(scheme).__name__
        if kind == "apiKey":
            place, name = _text(model.in_), str(model.name)  # type: ignore[union-attr]  # it has a kind
        elif kind in {"http", "oauth2", "openIdConnect"}:
            place, name = "header", AUTHORIZATION
        yield HandlerInput(place, name, is_scheme=True, is_needed=is_needed)


def _text(value: Any) -> str:
    return str(getattr(value, "value", value))
