"""Tools from an OpenAPI 3 document (JSON). What cannot be mapped is reported, never dropped silently.

The document is input like any other: bounded, references local and without cycles.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from delegation.authority.catalogue import Tool
from delegation.canonical import Json
from delegation.errors import MalformedError

MAX_DOCUMENT: Final = 8 * 1024 * 1024
MAX_OPERATIONS: Final = 2000
_MAX_DEPTH: Final = 4  # as deep as argument types nest
_EFFECTS: Final = {
    "get": "read",
    "head": "read",
    "post": "write",
    "put": "write",
    "patch": "write",
    "delete": "delete",
}
_FORMATS: Final = {
    "email": "email",
    "idn-email": "email",
    "uri": "url",
    "url": "url",
    "hostname": "host",
    "idn-hostname": "host",
    "ipv4": "host",
    "ipv6": "host",
    "byte": "bytes",
    "uuid": "opaque",
}
_WORD: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+")


class _UnmappableError(Exception):
    """A part of an operation that no definition can state; caught by `tools_from_openapi`."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a document.

    Args:
        tools: Definitions, by name.
        skipped: Each operation that could not be mapped, and why.
    """

    tools: tuple[Tool, ...]
    skipped: tuple[tuple[str, str], ...]


def tools_from_openapi(document: Json | Path, *, prefix: str, system: str = "") -> Imported:
    """Return a tool for each operation of a document.

    The name is the prefix and the operationId in lower-case words; the effect follows from the
    method. Look at effects, labels, sensitivity and cost before you register: no document states them.

    Args:
        document: The parsed JSON, or a JSON file. YAML is not read.
        prefix: First segments of the tools' names, such as `crm`.
        system: Which system they act on.

    Raises:
        MalformedError: It is no OpenAPI 3 document, too large, or has too many operations.
    """
    body = _read(document) if isinstance(document, Path) else document
    if not isinstance(body, dict) or not str(body.get("openapi", "")).startswith("3."):
        raise MalformedError("The document", wanted="OpenAPI 3 as JSON")
    tools: dict[str, Tool] = {}
    skipped: list[tuple[str, str]] = []
    for number, (place, method, operation, shared) in enumerate(_operations(body)):
        if number >= MAX_OPERATIONS:
            raise MalformedError(
                "The document", wanted=f"one of at most {MAX_OPERATIONS} operations"
            )
        try:
            made = _tool(body, method, operation, shared, prefix, system)
        except (_UnmappableError, MalformedError) as why:
            skipped.append((f"{method.upper()} {place}"[:200], str(why)))
            continue
        if made.name in tools:
            why_not = "another operation has the same name"
            skipped.append((f"{method.upper()} {place}"[:200], why_not))
        else:
            tools[made.name] = made
    return Imported(tuple(tools[name] for name in sorted(tools)), tuple(skipped))


def _read(file: Path) -> Json:
    try:
        if file.stat().st_size > MAX_DOCUMENT:
            raise MalformedError("The document", wanted=f"at most {MAX_DOCUMENT} bytes")
        # Floats occur in such documents as bounds and examples, where they say nothing to us.
        found: Json = json.loads(file.read_text("utf-8"), parse_float=_no_number)
    except (OSError, ValueError, RecursionError) as error:
        raise MalformedError("The document", wanted="a readable JSON file") from error
    return found


def _no_number(_: str) -> None:
    return None


def _operations(
    body: Mapping[str, Json],
) -> Iterator[tuple[str, str, dict[str, Json], list[Json]]]:
    paths = body.get("paths")
    for place, item in paths.items() if isinstance(paths, dict) else ():
        if not isinstance(item, dict):
            continue
        shared = item.get("parameters")
        for method in _EFFECTS:
            operation = item.get(method)
            if isinstance(operation, dict):
                yield place, method, operation, shared if isinstance(shared, list) else []


def _tool(  # what an operation is made of
    body: Mapping[str, Json],
    method: str,
    operation: dict[str, Json],
    shared: list[Json],
    prefix: str,
    system: str,
) -> Tool:
    identity = operation.get("operationId")
    if not isinstance(identity, str):
        raise _UnmappableError("it has no operationId")
    words = "_".join(_WORD.findall(identity)).lower()
    arguments: dict[str, Json] = {}
    own = operation.get("parameters")
    for entry in [*shared, *(own if isinstance(own, list) else [])]:
        _parameter(body, entry, arguments)
    _request_body(body, operation.get("requestBody"), arguments)
    return Tool(f"{prefix}.{words}", effect=_EFFECTS[method], arguments=arguments, system=system)


def _parameter(body: Mapping[str, Json], entry: Json, arguments: dict[str, Json]) -> None:
    parameter = _resolved(body, entry)
    name, place = parameter.get("name"), parameter.get("in")
    if not isinstance(name, str) or place not in {"path", "query", "header"}:
        raise _UnmappableError("a parameter is a cookie, or has no name")
    is_required = parameter.get("required") is True or place == "path"
    key = name if is_required else f"{name}?"
    arguments.pop(name, None)
    arguments.pop(f"{name}?", None)
    arguments[key] = _type(body, parameter.get("schema"), _MAX_DEPTH)


def _request_body(body: Mapping[str, Json], entry: Json, arguments: dict[str, Json]) -> None:
    if entry is None:
        return
    content = _resolved(body, entry).get("content")
    media = content.get("application/json") if isinstance(content, dict) else None
    if not isinstance(media, dict):
        raise _UnmappableError("its body is not JSON")
    schema = _resolved(body, media.get("schema"))
    if schema.get("type") != "object" or not isinstance(schema.get("properties"), dict):
        raise _UnmappableError("its body is not an object of named properties")
    for key, kind in _fields(body, schema, _MAX_DEPTH).items():
        name = key.removesuffix("?")
        if name in arguments or f"{name}?" in arguments:
            raise _UnmappableError("a body property and a parameter have one name")
        arguments[key] = kind


def _fields(body: Mapping[str, Json], schema: dict[str, Json], depth: int) -> dict[str, Json]:
    properties, required = schema.get("properties"), schema.get("required")
    needed = required if isinstance(required, list) else []
    if not isinstance(properties, dict):
        raise _UnmappableError("an object has no named properties")
    return {
        name if name in needed else f"{name}?": _type(body, part, depth)
        for name, part in properties.items()
    }


def _resolved(body: Mapping[str, Json], entry: Json) -> dict[str, Json]:
    """Follow local references, a bounded number of them."""
    for _ in range(_MAX_DEPTH + 1):
        if not isinstance(entry, dict):
            break
        reference = entry.get("$ref")
        if reference is None:
            return entry
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise _UnmappableError("it refers to another document")
        found: Json = cast("Json", body)
        for part in reference[2:].split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, dict) else None
        entry = found
    raise _UnmappableError("a reference leads nowhere or in a circle")


def _type(body: Mapping[str, Json], entry: Json, depth: int) -> Json:
    if depth == 0:
        raise _UnmappableError("a schema is nested too deep")
    schema = _resolved(body, entry)
    if any(key in schema for key in ("oneOf", "anyOf", "allOf", "not")):
        raise _UnmappableError("a schema is a combination")
    kind, values = schema.get("type"), schema.get("enum")
    if isinstance(values, list) and all(type(value) is str for value in values):
        return {"type": "enum", "values": values}
    if kind == "string":
        return _string(schema)
    if kind == "integer":
        bounds = {
            ours: schema[theirs]
            for ours, theirs in (("min", "minimum"), ("max", "maximum"))
            if type(schema.get(theirs)) is int
        }
        return {"type": "integer", **bounds} if bounds else "integer"
    if kind == "number":
        return "decimal"
    if kind == "boolean":
        return "boolean"
    if kind == "array":
        return {"type": "list", "of": _type(body, schema.get("items"), depth - 1)}
    if kind == "object":
        return {"type": "object", "fields": cast("Json", _fields(body, schema, depth - 1))}
    raise _UnmappableError("a schema has no single type")


def _string(schema: dict[str, Json]) -> Json:
    form = schema.get("format")
    if isinstance(form, str) and form in _FORMATS:
        return _FORMATS[form]
    most = schema.get("maxLength")
    if type(most) is int and 0 <= most < 32_768:  # noqa: PLR2004  # the type's own bound
        return {"type": "text", "max": most}
    return "text"


def type_of_schema(schema: dict[str, Json]) -> Json:
    """Return the JSON of the argument type that a JSON Schema stands for.

    Raises:
        MalformedError: It stands for none.
    """
    try:
        return _type(schema, schema, _MAX_DEPTH)
    except _UnmappableError as error:
        raise MalformedError("A schema", wanted=f"one with an argument type; {error}") from error
