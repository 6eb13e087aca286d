"""What the handlers of an application read of a request, found through FastAPI's dependency tree.

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

AUTHORIZATION: Final = "authorization"


@dataclass(frozen=True, slots=True)
class HandlerInput:
    """One input that a handler or a dependency of it declares.

    Args:
        place: `header`, `cookie`, `query`, or `security` for a scheme that does not say where.
        name: As a client spells it; of a security scheme that says nothing, its class.
    """

    place: str
    name: str


def handler_inputs(route: Any) -> Iterator[HandlerInput]:
    """Yield what a listed route's handler and its dependencies declare, beside path and body."""
    top = getattr(route, "dependant", None)
    waiting = [] if top is None else [top]
    seen: set[int] = set()
    while waiting:
        inner = waiting.pop()
        if id(inner) in seen:
            continue
        seen.add(id(inner))
        waiting += inner.dependencies
        for place in ("header", "cookie", "query"):
            for name in _names(getattr(inner, f"{place}_params")):
                yield HandlerInput(place, name)
        yield from _scheme_inputs(inner)


def _names(parameters: Iterable[Any]) -> Iterator[str]:
    for parameter in parameters:
        info = parameter.field_info
        fields = getattr(info.annotation, "model_fields", None)
        if fields is None:
            yield str(parameter.alias)
            continue
        for name, inner in fields.items():
            alias = inner.validation_alias or inner.alias
            is_spelled = isinstance(alias, str)
            if is_spelled or not getattr(info, "convert_underscores", False):
                yield alias if is_spelled else name
            else:
                yield name.replace("_", "-")


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
        if kind == "apiKey":
            yield HandlerInput(_text(model.in_), str(model.name))  # type: ignore[union-attr]  # it has a kind
        elif kind in {"http", "oauth2", "openIdConnect"}:
            yield HandlerInput("header", AUTHORIZATION)
        else:
            yield HandlerInput("security", type(scheme).__name__)


def _text(value: Any) -> str:
    return str(getattr(value, "value", value))
