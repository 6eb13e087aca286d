"""How far the import reaches on real documents (`DELEGATION_DATA`): tools, arguments, bounds, time."""

from __future__ import annotations

import functools
import json
import os
import random
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cases import every
from differential.schema_samples import is_open, value

from delegation.authority.arguments import NoCanonicalFormError
from delegation.authority.documents.forms import tools_from
from delegation.authority.documents.imported import Imported
from delegation.authority.documents.reading import read_document
from delegation.authority.documents.references import references_in

DATA = Path(os.environ.get("DELEGATION_DATA", "")) / "documents"
pytestmark = pytest.mark.skipif(
    not os.environ.get("DELEGATION_DATA"), reason="DELEGATION_DATA names no folder of documents"
)
OPERATIONS = {
    "discord/openapi.json": 242, "paypal/checkout_orders_v2.json": 8, "paypal/invoicing_v2.json": 20, "sendgrid/contactdb_v3.json": 36,
    "sendgrid/mail_v3.json": 3, "slack/web_api.json": 174, "twilio/api_v2010.json": 197, "github-mcp/tools_list.json": 117,
}  # fmt: skip
TOOK: list[tuple[int, float]] = []  # bytes and seconds of each document
LONG = 20 if os.environ.get("DELEGATION_LONG") else 1


@functools.cache
def found(name: str) -> Imported:
    """Return what comes of a document, and keep what it took."""
    start, text = time.process_time(), (DATA / name).read_text("utf-8")
    made = tools_from(read_document(text), prefix="x")
    TOOK.append((len(text.encode()), time.process_time() - start))
    return made


def holds_json(kind: Any) -> bool:
    """Return whether an argument is free JSON."""
    return kind == "json" or (isinstance(kind, dict) and kind["type"] == "json")


def test_of_680_operations_and_117_tools_all_are_tools() -> None:
    """At least 98 % of the operations, and every tool of the MCP server; nothing is lost without a word."""
    reached = 0
    for name, count in OPERATIONS.items():
        one = found(name)
        assert len(one.tools) + len(one.skipped) == count, name
        reached += len(one.tools) if "mcp" not in name else 0
    assert reached >= 0.98 * 680
    assert len(found("github-mcp/tools_list.json").tools) == 117


def test_at_most_two_of_a_hundred_arguments_are_free_json() -> None:
    """Unions and free objects are few; what else there is has a type."""
    kinds = [
        a.type.to_json()
        for name in OPERATIONS
        for t in found(name).tools
        for a in t.arguments.values()
    ]
    assert len(kinds) > 3_400
    assert sum(map(holds_json, kinds)) <= 0.02 * len(kinds)


def test_95_of_a_hundred_bounds_are_kept_and_the_rest_is_named() -> None:
    """A document whose bounds are not all kept has notes."""
    kept = sum(found(name).bounds_kept for name in OPERATIONS)
    lost = sum(found(name).bounds_lost for name in OPERATIONS)
    assert kept >= 0.95 * (kept + lost)
    assert all(found(name).notes for name in OPERATIONS if found(name).bounds_lost)


def test_each_tool_is_called_by_its_own_name_too() -> None:
    """The document's names are aliases, whatever characters they have."""
    for name in OPERATIONS:
        for tool in found(name).tools:
            assert len(tool.aliases) == 1, (name, tool.name)


def members(document: Any, key: str) -> set[str]:
    """Return every parameter, header and body member of an operation, as the document names it."""
    method, _, path = key.partition(" ")
    item = document["paths"][path]
    operation = item[method.lower()]

    def followed(one: Any) -> Any:
        while isinstance(one, dict) and "$ref" in one:
            reached = document
            for part in one["$ref"].split("/")[1:]:
                reached = reached[part.replace("~1", "/").replace("~0", "~")]
            one = reached
        return one

    names = set()

    def body(schema: Any) -> None:
        schema = followed(schema)
        for name in schema.get("properties", {}):
            names.add(f"body.{name}")
        for part in (part for word in ("allOf", "anyOf", "oneOf") for part in schema.get(word, [])):
            body(part)

    for entry in [*item.get("parameters", []), *operation.get("parameters", [])]:
        one = followed(entry)
        if one["in"] == "body":
            body(one.get("schema", {}))
        else:
            names.add(f"{'body' if one['in'] == 'formData' else one['in']}.{one['name']}")
    for content in followed(operation.get("requestBody", {})).get("content", {}).values():
        body(content.get("schema", {}))
    return names


@pytest.mark.parametrize("name", [n for n in OPERATIONS if "mcp" not in n])
def test_every_parameter_header_and_member_is_an_argument_or_is_named(name: str) -> None:
    """Counted by a walk of the test's own."""
    document, one = json.loads((DATA / name).read_text()), found(name)
    by_alias = {alias: tool for tool in one.tools for alias in tool.aliases}
    said = "\n".join(f"{where}: {what}" for where, what in (*one.notes, *one.skipped))
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method not in {"get", "put", "post", "delete", "options", "head", "patch", "trace"}:
                continue
            tool = by_alias[operation["operationId"]]
            for member in members(document, f"{method.upper()} {path}"):
                plain = member.partition(".")[2]
                assert plain in tool.arguments or member in tool.arguments or plain in said, (
                    path,
                    method,
                    member,
                )


def modern(schema: Any) -> Any:
    """Return a schema with what OpenAPI 3.0 says otherwise said as 2020-12 says it."""
    if isinstance(schema, list):
        return [modern(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(schema.get("$ref"), str):
        return {"$ref": schema["$ref"]}
    made = {key: modern(one) for key, one in schema.items()}
    if made.get("nullable") is True and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    return made


def named_at(one: Imported, document: Any, where: str, schema: Any) -> bool:
    """Return whether a note is about a schema or something that it refers to."""
    places, waiting = {where}, list(references_in(schema))
    while waiting:
        reference = waiting.pop()
        if reference in places:
            continue
        places.add(reference)
        reached = document
        for part in reference.split("/")[1:]:
            reached = reached[part.replace("~1", "/").replace("~0", "~")]
        waiting += references_in(reached)
    return any(note.startswith(place) for note, _ in one.notes for place in places)


@every("name", list(OPERATIONS))
def test_a_document_and_its_tools_refuse_the_same_or_it_is_named(name: str) -> None:
    """Members of bodies and of MCP's inputs against a validator; `DELEGATION_LONG=1` takes more of them."""
    document, one, rng = json.loads((DATA / name).read_text()), found(name), random.Random(name)
    by_alias = {alias: tool for tool in one.tools for alias in tool.aliases}
    cases = list(_cases(document))
    for alias, where, schema, whole_document in rng.sample(cases, min(len(cases), 25 * LONG)):
        root = modern(whole_document) if "$ref" in json.dumps(schema) else {}
        for member, part in schema.get("properties", {}).items():
            argument = by_alias[alias].arguments.get(member)
            if argument is None or part.get("readOnly"):
                continue
            whole = {
                **modern(part),
                **{k: v for k, v in root.items() if k in {"components", "definitions"}},
            }
            judge = jsonschema.Draft202012Validator(whole)
            for _ in range(4):
                sent = value(rng, part, root or schema)
                try:
                    canonical = argument.type.canonicalise(sent)
                except NoCanonicalFormError:
                    is_right = not judge.is_valid(sent) or is_open(whole, sent)
                else:
                    is_right = judge.is_valid(canonical)
                if not is_right:
                    assert named_at(one, document, f"{where}.{member}", part), (alias, member, sent)


def _cases(document: Any):
    for tool in document.get("tools", []):
        yield tool["name"], tool["name"], tool["inputSchema"], tool["inputSchema"]
    for path, item in document.get("paths", {}).items():
        for method, operation in item.items():
            if not isinstance(operation, dict) or "requestBody" not in operation:
                continue
            content = operation["requestBody"].get("content", {})
            schema = next(iter(content.values()), {}).get("schema", {})
            where = schema.get("$ref", f"{method.upper()} {path} body")
            if "$ref" in schema:
                schema = functools.reduce(lambda at, part: at[part], where.split("/")[1:], document)
            yield operation["operationId"], where, schema, document


def test_two_megabytes_take_less_than_two_seconds() -> None:
    """CPU of this process, as a rate over all documents (3 MB), with room for a busy machine."""
    for name in OPERATIONS:
        found(name)
    size, seconds = (sum(column) for column in zip(*TOOK, strict=True))
    assert seconds * 2e6 / size < 2
