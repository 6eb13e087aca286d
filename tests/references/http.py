"""Writes the reference of HTTP from the published description: each operation, then each form."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from delegation.tracker import Tracker
from delegation_api.app import create_app
from references.markdown import cell, table

METHODS: Final = ("get", "post", "put", "patch", "delete")
JSON: Final = "application/json"
INTRODUCTION: Final = """# HTTP operations

Every operation of the service, generated from `/openapi.json` by `python -m references`. [HTTP](http-api.md) says what holds for
all of them. The heading of an operation is its stable id and, where clients have it, the name of its method in
[Python](python.md). *Roles* are those of the API keys that may ask; *public* operations take none, and where they have a proof in the body, that is
the authority. *Problems* are the statuses that it may answer beside its success:

"""


def page() -> str:
    """Return the page of all operations and forms."""
    with Tracker.open("sqlite://") as tracker:
        document = create_app(tracker).openapi()
    told = list(_operations(document))
    meanings = {
        status: answer["description"]
        for _, _, one in told
        for status, answer in one["responses"].items()
        if not status.startswith("2")
    }
    lines = [INTRODUCTION.rstrip("\n"), ""]
    lines += table(["status", "means"], [[s, cell(meanings[s])] for s in sorted(meanings)])
    tags = list(dict.fromkeys(tag for _, _, one in told for tag in one["tags"]))
    for tag in tags:
        mine = [one for one in told if one[2]["tags"][0] == tag]
        links = " · ".join(
            f"[`{o['operationId']}`](#{o['operationId'].lower()})" for _, _, o in mine
        )
        lines += [f"- **{tag}**: {links}"]
    lines += [""]
    for tag in tags:
        lines += [f"## {tag.capitalize()}", ""]
        for method, path, one in told:
            if one["tags"][0] == tag:
                lines += _operation(method, path, one)
    lines += [
        "## Forms",
        "",
        "What bodies and answers are made of. A member that may be left out is marked *optional*.",
        "",
    ]
    for name, schema in sorted(document["components"]["schemas"].items()):
        lines += _form(name, schema)
    return "\n".join(lines).rstrip("\n") + "\n"


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                yield method.upper(), path, methods[method]


def _operation(method: str, path: str, one: Mapping[str, Any]) -> list[str]:
    roles = ", ".join(one.get("x-roles", ())) or "public"
    success = [(s, a) for s, a in one["responses"].items() if s.startswith("2")]
    statuses = ", ".join(s for s in sorted(one["responses"]) if not s.startswith("2"))
    lines = [f"### {one['operationId']}", "", f"`{method} {path}` · roles: {roles}", ""]
    lines += [inspect.cleandoc(one.get("description", one["summary"])), ""]
    lines += table(
        ["parameter", "in", "type", "what"],
        [
            [
                f"`{p['name']}`" + ("" if p.get("required") else " *optional*"),
                p["in"],
                _type(p["schema"]),
                cell(p.get("description", "")),
            ]
            for p in one.get("parameters", ())
        ],
    )
    for kind, body in one.get("requestBody", {}).get("content", {}).items():
        lines += [f"Body: {_type(body['schema'])}{'' if kind == JSON else f' as `{kind}`'}", ""]
    for status, answer in success:
        content = answer.get("content", {})
        said = "; ".join(
            _type(c["schema"]) if kind == JSON else f"a file, `{kind}`"
            for kind, c in content.items()
        )
        lines += [f"Answer: {status}, {said or 'without a body'}", ""]
    return [*lines, f"Problems: {statuses or 'none'}", ""]


def _form(name: str, schema: Mapping[str, Any]) -> list[str]:
    lines = [f"### Form {name}", ""]
    if schema.get("description"):
        lines += [inspect.cleandoc(schema["description"]), ""]
    if "properties" not in schema:
        return [*lines, f"Is {_type(schema)}.", ""]
    needed = schema.get("required", ())
    rows = [
        [
            f"`{member}`" + ("" if member in needed else " *optional*"),
            _type(one),
            cell(one.get("description", "")) + _default(one),
        ]
        for member, one in schema["properties"].items()
    ]
    return lines + table(["member", "type", "what"], rows)


def _default(schema: Mapping[str, Any]) -> str:
    if schema.get("default") in (None, "", {}, []):
        return ""
    return f" Default: `{json.dumps(schema['default'])}`."


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[`{name}`](#form-{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(one)}`" for one in schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        if "prefixItems" in schema:
            return "list of " + ", then ".join(_type(one) for one in schema["prefixItems"])
        return f"list of {_type(schema.get('items', {}))}{_bounds(schema, 'Items')}"
    if kind == "object":
        return _object(schema)
    if kind == "string":
        form = f" ({schema['format']})" if "format" in schema else ""
        return f"string{form}{_bounds(schema, 'Length')}"
    if kind in {"integer", "number"}:
        return kind + _bounds(schema, "imum")
    return kind or "any JSON"


def _object(schema: Mapping[str, Any]) -> str:
    if "properties" in schema:
        needed = schema.get("required", ())
        members = (
            f"`{name}`{'' if name in needed else ' (optional)'}: {_type(one)}"
            for name, one in schema["properties"].items()
        )
        return f"object of {'; '.join(members)}"
    each = schema.get("additionalProperties")
    if isinstance(each, Mapping) and each:
        return f"object of names, each with {_type(each)}"
    return "object"


def _bounds(schema: Mapping[str, Any], what: str) -> str:
    low, high = (
        int(bound) if isinstance(bound, float) and bound.is_integer() else bound
        for bound in (schema.get(f"min{what}"), schema.get(f"max{what}"))
    )
    unit = {"Length": " characters", "Items": "", "imum": ""}[what]
    if low is None and high is None:
        return ""
    if low is None:
        return f", at most {high}{unit}"
    return f", from {low} to {high}{unit}" if high is not None else f", at least {low}{unit}"
