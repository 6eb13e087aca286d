"""Describes all ways into an application as one OpenAPI document, with FastAPI's own generator.

An application's document leaves out what is hidden or mounted, and may be written by hand. This one is
made of the dependency trees alone: what a handler reads is in it, security schemes included.
"""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from delegation.authority.catalogue import Tool
from delegation.canonical import Json
from delegation.integrations.application_routes import SOCKET, ApplicationRoute
from delegation.integrations.handler_inputs import HandlerInput, handler_inputs

_CONVERTER: Final = re.compile(r"\{([^{}:]+):([^{}]+)\}")
_PLACEHOLDER: Final = re.compile(r"\{([^{}:]+):?([^{}]*)\}")
_ODD: Final = re.compile(r"\W", re.ASCII)
_OF_ITEMS: Final = frozenset({"get", "head", "post", "put", "patch", "delete", "options", "trace"})
# A socket is described as an operation of this method, which no route that can be declared has.
_CARRIER: Final = "TRACE"
_SCHEMAS: Final[Mapping[str, Mapping[str, str]]] = {
    "int": {"type": "integer"}, "float": {"type": "number"}, "uuid": {"type": "string", "format": "uuid"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Described:
    """What a document was made of.

    Args:
        document: An OpenAPI document.
        ways: By operation, such as `GET /users/{id}`, the way into the application that it is.
        failed: What FastAPI could not describe, with the reason.
    """

    document: dict[str, Any]
    ways: Mapping[str, ApplicationRoute]
    failed: tuple[tuple[ApplicationRoute, str], ...]


def described(
    ways: Sequence[ApplicationRoute], states: Callable[[HandlerInput], bool]
) -> Described:
    """Return a document of ways into an application.

    Args:
        ways: What is described; each place once, and none that is `unseen`.
        states: Says of an input whether an argument may state it.
    """
    paths = _paths(ways)
    document, failed = _generated(
        [(way, paths[way.place]) for way in ways if way.kind == "handler"]
    )
    odd = {way.place for way, _ in failed}
    items: dict[str, Any] = document.setdefault("paths", {})
    known: dict[str, ApplicationRoute] = {}
    for way in ways:
        item, method = items.setdefault(paths[way.place], {}), way.method.lower()
        if way.place in odd:
            continue
        if way.kind == "handler":
            operation = item.pop(_CARRIER.lower()) if way.method == SOCKET else item.pop(method)
        else:
            operation = {"parameters": _of_path(way.path)}
        operation["parameters"] = _stated(operation.get("parameters", []), way, states)
        if method in _OF_ITEMS:
            item[method] = operation
        else:
            item.setdefault("additionalOperations", {})[way.method] = operation
        known[f"{way.method} {paths[way.place]}"] = way
    return Described(document, known, tuple(failed))


def _paths(ways: Sequence[ApplicationRoute]) -> dict[tuple[str, str], str]:
    """Return by place its path in the document: without converters, and no two places in one."""
    taken: set[tuple[str, str]] = set()
    found = {}
    for way in ways:
        plain = path = _CONVERTER.sub(r"{\1}", way.path)
        number = 1
        while (way.method, path) in taken:
            number += 1
            path = f"{plain}#{number}"
        taken.add((way.method, path))
        found[way.place] = path
    return found


def _generated(
    ways: list[tuple[ApplicationRoute, str]],
) -> tuple[dict[str, Any], list[tuple[ApplicationRoute, str]]]:
    """Return FastAPI's document, and what it fails on: one model without a schema fails all."""
    try:
        return _openapi(ways), []
    except Exception:  # noqa: BLE001  # whatever a model raises, the other ones are described
        failed = []
        for way, path in ways:
            try:
                _openapi([(way, path)])
            except Exception as error:  # noqa: BLE001
                failed.append((way, f"FastAPI cannot describe it: {type(error).__name__}"))
    odd = {way.place for way, _ in failed}
    return _openapi([one for one in ways if one[0].place not in odd]), failed


def _openapi(ways: list[tuple[ApplicationRoute, str]]) -> dict[str, Any]:
    if not ways:
        return {"openapi": "3.1.0"}
    from fastapi.openapi.utils import get_openapi  # noqa: PLC0415  # an extra

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return get_openapi(title="x", version="1", routes=[_route(*one) for one in ways])


def _route(way: ApplicationRoute, path: str) -> Any:
    """Return a route that FastAPI describes as this way, hidden or not, without its answers."""
    from fastapi.routing import APIRoute  # noqa: PLC0415  # an extra
    from starlette.responses import JSONResponse  # noqa: PLC0415

    listing = way.listing
    if way.method == SOCKET:
        made: Any = APIRoute("/", _nothing, methods=[_CARRIER])
        name = _ODD.sub("_", f"{listing.name}{path}_websocket")
    else:
        made = copy.copy(getattr(listing, "original_route", listing))
        made.body_field, made.openapi_extra = listing.body_field, listing.openapi_extra
        made.methods = {way.method}
        name = operation_id(listing, way.method)
    made.dependant, made.path_format, made.operation_id = listing.dependant, path, name
    made.include_in_schema, made.response_class = True, JSONResponse
    made.response_model = made.response_field = made.status_code = made.callbacks = None
    made.responses, made.response_fields = {}, {}
    made.stream_item_field, made.is_sse_stream, made.is_json_stream = None, False, False
    return made


def with_relative_paths(tool: Tool, names: Collection[str]) -> Tool:
    """Return a tool whose arguments of these names, each the rest of a path, are relative paths."""
    if not names:
        return tool
    body = tool.to_json()
    kinds = cast("dict[str, Json]", body["arguments"])
    return Tool.from_json(
        {**body, "arguments": {k: "relative_path" if k in names else v for k, v in kinds.items()}}
    )


def operation_id(listing: Any, method: str) -> str:
    """Return the id of one method of a FastAPI route, the same in each process.

    FastAPI's own ends in whichever method comes first in a set, which is another one after a restart.

    Args:
        listing: What lists the route.
        method: One of its methods.
    """
    if len(listing.methods) == 1:
        return str(listing.operation_id or listing.unique_id)
    said = listing.operation_id
    made = [] if said else [_made_id(listing, one) for one in sorted(listing.methods)]
    if len({*made}) == len(listing.methods):
        return _made_id(listing, method)
    return f"{said or made[0]}_{method.lower()}"


def _made_id(listing: Any, method: str) -> str:
    generate = listing.generate_unique_id_function
    return str(getattr(generate, "value", generate)(_OfOneMethod(listing, method)))


class _OfOneMethod:
    """A route as if it had one of its methods only."""

    def __init__(self, listing: Any, method: str) -> None:
        self._listing = listing
        self.methods = {method}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listing, name)


def _nothing() -> None:
    """Stand for the handler of a socket, which is no operation of a document."""


def _stated(
    parameters: list[dict[str, Any]], way: ApplicationRoute, states: Callable[[HandlerInput], bool]
) -> list[dict[str, Any]]:
    """Return what arguments may state, with what security schemes read: a document has it elsewhere."""
    there = {(one["in"], one["name"].lower()) for one in parameters}
    kept = [
        one for one in parameters
        if one["in"] == "path" or states(HandlerInput(one["in"], one["name"]))
    ]  # fmt: skip
    for one in handler_inputs(way.listing):
        if one.is_scheme and (one.place, one.name.lower()) not in there and states(one):
            there.add((one.place, one.name.lower()))
            kept.append({
                "name": one.name, "in": one.place, "required": one.is_needed,
                "schema": {"type": "string"},
            })  # fmt: skip
    return kept


def _of_path(path: str) -> list[dict[str, Any]]:
    """Return the parameters of a template of which nothing but its converters is known."""
    return [
        {"name": name, "in": "path", "required": True, "schema": _SCHEMAS.get(kind, {"type": "string"})}
        for name, kind in _PLACEHOLDER.findall(path)
    ]  # fmt: skip
