"""Forms of documents: lists of tools, schemas alone, and whatever is none of them."""

from __future__ import annotations

from typing import Any

import pytest
from cases import every
from hypothesis import given, settings
from hypothesis import strategies as st

from delegation.authority.documents.forms import form_of, tools_from
from delegation.authority.documents.imported import Imported
from delegation.errors import MalformedError

STRING = {"type": "string"}
AB = {"type": "object", "properties": {"a": STRING, "b": {"type": "integer"}}, "required": ["a"]}


def arguments(found: Imported) -> dict[str, Any]:
    """Return the arguments of the only tool."""
    assert not found.skipped, found.skipped
    (tool,) = found.tools
    return tool.to_json()["arguments"]


def mcp(**tool: Any) -> Imported:
    """Return what comes of a list with one tool."""
    return tools_from(
        {"tools": [{"name": "API-post-search", "inputSchema": {"type": "object"}, **tool}]},
        prefix="s",
    )


@every(
    ("annotations", "effect"),
    [(None, "write"), ({}, "write"), ({"readOnlyHint": True}, "read"), ({"readOnlyHint": False}, "write"), ({"destructiveHint": True}, "delete"),
     ({"readOnlyHint": True, "destructiveHint": True}, "delete"), ({"readOnlyHint": "yes"}, "write"), (5, "write")],
)  # fmt: skip
def test_annotations_are_effects_and_without_them_a_tool_writes(
    annotations: Any, effect: str
) -> None:
    """Nothing that is not said makes a tool harmless."""
    (tool,) = mcp(annotations=annotations).tools
    assert (tool.name, tool.effect, tool.aliases) == (
        "s.api_post_search",
        effect,
        ("API-post-search",),
    )


def test_lists_of_tools_in_other_envelopes() -> None:
    """An answer of JSON-RPC, pages, and lists as models' APIs take them."""
    tool = {"name": "user-profile/update", "inputSchema": AB}
    paged = tools_from(
        {"jsonrpc": "2.0", "id": 1, "result": {"tools": [tool], "nextCursor": "x"}}, prefix="s"
    )
    assert arguments(paged) == {"a": "text", "b?": "integer"}
    assert "page" in paged.notes[0][1]
    for entry in (
        {"type": "function", "function": {"name": "f", "parameters": AB}},
        {"name": "f", "input_schema": AB},
    ):
        assert arguments(tools_from([entry], prefix="s")) == {"a": "text", "b?": "integer"}
    assert mcp(inputSchema={"type": "array"}).skipped
    assert mcp(name=None).skipped == (("tools[0]", "it has no name"),)


def test_a_schema_alone_is_one_tool() -> None:
    """Named by its title."""
    found = tools_from(
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Send Mail", **AB},
        prefix="s",
    )
    assert [(t.name, t.effect, t.aliases) for t in found.tools] == [
        ("s.send_mail", "write", ("Send Mail",))
    ]
    with pytest.raises(MalformedError):
        tools_from({"$schema": "x", **AB}, prefix="s")


FORMS = [
    ({"openapi": "3.1.0"}, "openapi"), ({"swagger": "2.0"}, "swagger"), ({"tools": [{"name": "x", "inputSchema": {}}]}, "mcp"), ({"$schema": "x"}, "jsonschema"),
    ({"tools": [{"name": "x", "effect": "read"}]}, None), ([], None), ({}, None), (5, None),
]  # fmt: skip


@every(("document", "form"), FORMS, ids=range(len(FORMS)))
def test_a_form_is_recognised_by_what_is_in_it(document: Any, form: str | None) -> None:
    """Our own list is none of them."""
    assert form_of(document) == form


words = st.sampled_from(
    ["get", "operationId", "parameters", "schema", "$ref", "type", "properties", "requestBody", "content", "application/json", "in", "name", "items",
     "allOf", "anyOf", "oneOf", "enum", "required", "string", "object", "array", "path", "#", "#/paths", "minimum", "pattern", "format", "const", "title"]
)  # fmt: skip
anything = st.recursive(
    st.none() | st.booleans() | words | st.integers() | st.floats(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4), max_leaves=14
)  # fmt: skip


@settings(deadline=None)
@given(one=anything)
def test_no_document_raises_anything_but_malformed(one: Any) -> None:
    """A hostile document is refused or reported, never a crash."""
    for document in (
        {"openapi": "3.1.0", "paths": {"/x": one, "/y": {"get": one}, "/z": {"post": {"requestBody": {"content": {"application/json": {"schema": one}}}}}}},
        {"swagger": "2.0", "paths": {"/x": one, "/y": {"get": {"parameters": one}}}},
        {"tools": [{"name": "x", "inputSchema": one}]}, {"$schema": "x", "title": "x", "properties": one}, one,
    ):  # fmt: skip
        try:
            tools_from(document, prefix="x")
        except MalformedError:
            continue


def test_every_operation_is_a_tool_or_is_named() -> None:
    """Whatever is in it: as many as there are."""
    odd = [
        5,
        None,
        {"parameters": 5},
        {"requestBody": 5},
        {"requestBody": {"content": 5}},
        {"parameters": [5]},
        {"operationId": 5},
        {},
    ]
    paths = {f"/{n}": {"get": one} for n, one in enumerate(odd)}
    found = tools_from({"openapi": "3.1.0", "paths": paths}, prefix="s")
    assert len(found.tools) + len(found.skipped) == len(odd)


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"openapi": "2.0"}, {"swagger": "3.0"}, {"openapi": 3}, {"tools": []}],
)
def test_what_is_none_of_the_forms_is_refused(document: Any) -> None:
    """Other documents define no tools; nor does a prefix of the service's own requests."""
    with pytest.raises(MalformedError):
        tools_from(document, prefix="x")
    for prefix in ("delegation", "Crm", "a..b", "a b"):
        with pytest.raises(MalformedError):
            tools_from({"openapi": "3.0.0", "paths": {}}, prefix=prefix)
