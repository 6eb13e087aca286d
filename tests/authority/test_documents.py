"""Documents: each point of the grammars of OpenAPI and Swagger, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest
from cases import every

from delegation.authority.arguments import NoCanonicalFormError, parse_type
from delegation.authority.documents.forms import tools_from
from delegation.authority.documents.imported import Imported

JSON = {"type": "json", "bytes": 32768, "depth": 8, "count": 1024}
OBJECT = {**JSON, "kinds": ["object"]}


def api(
    operation: Any, *, method: str = "post", path: str = "/x", version: str = "3.1.0", **more: Any
) -> Imported:
    """Return what comes of a document with one operation."""
    return tools_from(
        {"openapi": version, "paths": {path: {method: operation}}, **more}, prefix="s"
    )


def arguments(found: Imported) -> dict[str, Any]:
    """Return the arguments of the only tool."""
    assert not found.skipped, found.skipped
    (tool,) = found.tools
    return tool.to_json()["arguments"]


def parameter(name: str, place: str, schema: Any, **more: Any) -> dict[str, Any]:
    """Return an operation with one parameter."""
    return {"parameters": [{"name": name, "in": place, "schema": schema, "required": True, **more}]}


STRING, STRINGS = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
PLACES = [
    (parameter("q", "path", STRING), "segment"), (parameter("q", "query", STRING), "line"), (parameter("q", "header", STRING), "line"),
    (parameter("q", "path", {"type": "string", "format": "email"}), "segment"), (parameter("q", "query", {"type": "string", "format": "email"}), "email"),
    (parameter("q", "path", {"type": "integer", "minimum": 1}), {"type": "integer", "min": 1}), (parameter("q", "path", {"type": "string", "maxLength": 9}), {"type": "segment", "max": 9}),
    (parameter("q", "query", {"anyOf": [STRING, {"type": "null"}]}), "line"), (parameter("q", "query", {"type": ["string", "integer"]}), {"type": "either", "of": ["integer", "line"]}), (parameter("q", "query", {"anyOf": [{"type": "number", "minimum": 0}, STRING]}), {"type": "decimal", "min": "0"}), (parameter("q", "query", {"type": ["string", "array"]}), "line"), (parameter("q", "query", {}), "line"),
    (parameter("q", "path", {"enum": ["a", "b/c"]}), {"type": "enum", "values": ["a"]}), (parameter("q", "query", STRINGS), {"type": "list", "of": "line"}),
    (parameter("q", "query", STRINGS, explode=False), {"type": "list", "of": {"type": "line", "shape": [{"of": "^,", "min": 0}]}}),
    (parameter("q", "query", STRINGS, style="pipeDelimited"), {"type": "list", "of": {"type": "line", "shape": [{"of": "^|", "min": 0}]}}),
    (parameter("q", "path", STRINGS), {"type": "list", "of": {"type": "segment", "shape": [{"of": "^,", "min": 0}]}}),
    (parameter("q", "query", {"type": "object", "properties": {"a": STRING}}, style="deepObject"), {"type": "object", "fields": {"a?": "line"}}),
    ({"parameters": [{"name": "q", "in": "query", "required": True, "content": {"application/json": {"schema": {"type": "object", "properties": {"a": STRING}}}}}]}, {"type": "object", "fields": {"a?": "text"}}),
]  # fmt: skip


@every(("operation", "wanted"), PLACES, ids=range(len(PLACES)))
def test_the_place_of_a_value_bounds_it(operation: Any, wanted: Any) -> None:
    """One segment of a path, one line of a query or header, no delimiter in an item."""
    path = "/x/{q}" if operation["parameters"][0]["in"] == "path" else "/x"
    assert arguments(api(operation, path=path)) == {"q": parse_type(wanted).to_json()}


@pytest.mark.parametrize(
    ("place", "more", "values"),
    [
        ("path", {}, ["a/b", "..", ".", "%2e%2e", "a?b", "a#b", "a\\b", "a%2fb", "", "a\nb"]),
        ("query", {}, ["a\r\nb", "a\x00"]),
        ("query", {"allowReserved": True}, ["a&b=c", "a#b", "a+b", "a%26b"]),
        ("header", {}, ["a\r\nX: y", "a\nb"]),
        ("cookie", {}, ["a;b=c", "a,b", 'a"b', "a b", "a\r\nb"]),
    ],
)
def test_no_value_leaves_its_place(place: str, more: dict[str, Any], values: list[str]) -> None:
    """A plain value is admitted there, one that would end or leave the place is not."""
    found = api(parameter("q", place, STRING, **more), path="/x/{q}" if place == "path" else "/x")
    (tool,) = found.tools
    assert tool.canonicalise({"q": "plain"}) == {"q": "plain"}
    for value in values:
        with pytest.raises(NoCanonicalFormError):
            tool.arguments["q"].type.canonicalise(value)


def body(
    schema: Any, media: str = "application/json", *, required: bool = True, **more: Any
) -> dict[str, Any]:
    """Return an operation with a body."""
    return {"requestBody": {"required": required, "content": {media: {"schema": schema, **more}}}}


AB = {"type": "object", "properties": {"a": STRING, "b": {"type": "integer"}}, "required": ["a"]}
FILE_FIELDS = ["digest", "media_type", "name?", "size"]


@every(
    ("operation", "wanted"),
    [
        (body(AB), {"a": "text", "b?": "integer"}), (body(AB, "application/vnd.api+json; charset=utf-8"), {"a": "text", "b?": "integer"}),
        (body(AB, "application/x-www-form-urlencoded"), {"a": "text", "b?": "integer"}), (body(AB, "application/xml"), {"a": "text", "b?": "integer"}), (body(AB, "*/*"), {"a": "text", "b?": "integer"}),
        (body(STRINGS), {"body": {"type": "list", "of": "text"}}), (body(STRING, required=False), {"body?": "text"}), (body({"type": "object"}), {"body": OBJECT}), (body(STRING, "text/plain"), {"body": "text"}),
        ({"requestBody": {"content": {"application/json": {}}}}, {"body?": {**JSON, "nullable": True}}), (body({"oneOf": [AB, {"type": "object", "properties": {"c": STRING}}]}), {"a?": "text", "b?": "integer", "c?": "text"}),
        (body({"type": "object", "properties": {"id": {"type": "string", "readOnly": True}, "n": STRING}, "required": ["id"]}), {"n?": "text"}),
        (body({"type": "object", "properties": {"t": STRINGS}}, "application/x-www-form-urlencoded", encoding={"t": {"explode": False}}), {"t?": {"type": "list", "of": {"type": "text", "shape": [{"of": "^,", "min": 0}]}}}),
        (body({"type": "object", "properties": {"what": {"type": "object", "properties": {"is?": STRING}}}}), {"what?": {"type": "object", "fields": {"is??": "text"}}}),
    ],
)  # fmt: skip
def test_a_body_is_arguments(operation: Any, wanted: Any) -> None:
    """Its members where it is an object with names, else one argument `body`."""
    assert arguments(api(operation)) == {
        key: parse_type(one).to_json() for key, one in wanted.items()
    }


def test_a_file_is_named_by_its_digest() -> None:
    """In a form of parts, as octets, and in Swagger; a call holds no file."""
    parts = {
        "type": "object",
        "properties": {
            "up": {"type": "string", "format": "binary"},
            "more": {"type": "array", "items": {"type": "string", "contentMediaType": "image/png"}},
            "note": STRING,
        },
    }
    made = arguments(api(body(parts, "multipart/form-data")))
    assert list(made["up?"]["fields"]) == list(made["more?"]["of"]["fields"]) == FILE_FIELDS
    assert made["note?"] == "text"
    octets = arguments(api(body({}, "application/octet-stream")))
    swagger = {
        "swagger": "2.0",
        "paths": {
            "/f": {
                "post": {
                    "parameters": [
                        {"name": "up", "in": "formData", "type": "file", "required": True}
                    ]
                }
            }
        },
    }
    assert (
        list(octets["body"]["fields"])
        == list(arguments(tools_from(swagger, prefix="s"))["up"]["fields"])
        == FILE_FIELDS
    )
    kept = {"name": "a.png", "size": 3, "media_type": "image/png", "digest": "sha256:" + "0" * 64}
    assert parse_type(octets["body"]).canonicalise(kept) == kept
    for odd in ({"name": "../a"}, {"digest": "sha256:x"}, {"size": -1}):
        with pytest.raises(NoCanonicalFormError):
            parse_type(octets["body"]).canonicalise({**kept, **odd})


def test_of_several_media_types_one_is_taken_and_the_others_are_named() -> None:
    """JSON first; members that only another one has are named."""
    form = {
        "type": "object",
        "properties": {"a": STRING, "file": {"type": "string", "format": "binary"}},
    }
    found = api(
        {
            "requestBody": {
                "content": {
                    "multipart/form-data": {"schema": form},
                    "application/json": {"schema": AB},
                }
            }
        }
    )
    assert arguments(found) == {"a": "text", "b?": "integer"}
    assert any("multipart/form-data" in what and "file" in what for _, what in found.notes)


def test_names_in_several_places_are_all_arguments() -> None:
    """The path's keeps its name, the others say where they go."""
    schema = {
        "type": "object",
        "properties": {"id": STRING, "query.id": {"type": "boolean"}, "ü": STRING},
    }
    operation = {**parameter("id", "query", {"type": "integer"}), **body(schema)}
    found = api(operation, path="/x/{id}")
    assert arguments(found) == {
        "id": "segment",
        "query.id": "integer",
        "body.id?": "text",
        "body.query.id?": "boolean",
        "_?": "text",
    }
    assert len([what for _, what in found.notes if what.startswith("it is the argument")]) == 4


def test_odd_names_stay_as_they_are() -> None:
    """Brackets, dots, dollars and spaces are names."""
    names = ["filter[name]", "X-Request-Id", "Name.First", "$top", "first name", "@type"]
    operation = {
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": "integer"}} for name in names
        ]
    }
    assert list(arguments(api(operation))) == sorted(f"{name}?" for name in names)


def test_every_method_is_a_tool_and_what_is_none_is_named() -> None:
    """OPTIONS, HEAD and TRACE too; callbacks and webhooks are requests of the service; 3.2's methods."""
    methods = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
    paths = {
        "/x": {
            **{m: {} for m in methods},
            "additionalOperations": {"COPY": {}},
            "fly": {},
            "x-y": {},
            "summary": "s",
        },
        "/odd": 5,
    }
    document = {"openapi": "3.2.0", "paths": paths, "webhooks": {"new": {"post": {}}}}
    document["paths"]["/y"] = {"get": {"callbacks": {"done": {}}}, "put": None}
    found = tools_from(document, prefix="s")
    effects = {t.name: t.effect for t in found.tools}
    assert effects == {
        "s.get_x": "read", "s.put_x": "write", "s.post_x": "write", "s.delete_x": "delete", "s.options_x": "read", "s.head_x": "read",
        "s.patch_x": "write", "s.trace_x": "read", "s.query_x": "read", "s.copy_x": "write", "s.get_y": "read",
    }  # fmt: skip
    assert {where for where, _ in found.skipped} == {"FLY /x", "ALL OF /odd", "PUT /y"}
    assert {where for where, _ in found.notes} == {"webhooks new", "GET /y callbacks done"}


def test_what_a_path_item_shares_holds_and_may_be_replaced() -> None:
    """Parameters by name and place; a path item may stand elsewhere; an undescribed placeholder is an argument."""
    item = {
        "parameters": [
            {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}},
            {"$ref": "#/components/parameters/L"},
        ],
        "get": {},
        "delete": {"parameters": [{"name": "l", "in": "query", "schema": STRING}]},
    }
    document = {
        "openapi": "3.1.0", "paths": {"/a/{id}": {"$ref": "#/components/pathItems/A"}, "/b/{who}": {"get": {}}},
        "components": {"pathItems": {"A": item}, "parameters": {"L": {"name": "l", "in": "query", "schema": {"type": "boolean"}}}},
    }  # fmt: skip
    made = {t.name: t.to_json()["arguments"] for t in tools_from(document, prefix="s").tools}
    assert made == {
        "s.get_a_id": {"id": "integer", "l?": "boolean"}, "s.delete_a_id": {"id": "integer", "l?": "line"}, "s.get_b_who": {"who": "segment"},
    }  # fmt: skip


def test_names_that_come_to_one_are_told_apart_whatever_the_order() -> None:
    """Both get a mark; the document's own names stay aliases; an id that two have is nobody's alias."""
    paths = {
        "/a": {"get": {"operationId": "getUser"}},
        "/b": {"get": {"operationId": "get_user"}},
        "/c": {"get": {"operationId": "same"}},
        "/d": {"get": {"operationId": "same"}},
        "/e": {"get": {"operationId": "獲取"}},
    }
    one = tools_from({"openapi": "3.0.0", "paths": paths}, prefix="s")
    two = tools_from({"openapi": "3.0.0", "paths": dict(reversed(paths.items()))}, prefix="s")
    assert one.tools == two.tools
    assert sorted(alias for tool in one.tools for alias in tool.aliases) == [
        "getUser",
        "get_user",
        "獲取",
    ]
    assert len({tool.name for tool in one.tools}) == 5
    long = tools_from(
        {"openapi": "3.0.0", "paths": {"/a": {"get": {"operationId": "word_" * 60 + "end"}}}},
        prefix="s",
    )
    assert len(long.tools) == 1


def test_ignored_and_unknown_parameters_are_named() -> None:
    """OpenAPI ignores three headers; a place that is not known is no tool."""
    found = api({"parameters": [{"name": "Authorization", "in": "header", "schema": STRING}]})
    assert arguments(found) == {}
    assert found.notes[0][0] == "POST /x header.Authorization"
    assert api(parameter("q", "elsewhere", STRING)).skipped[0][0] == "POST /x"
    assert api({"parameters": [{"in": "query"}]}).skipped
    assert api({"parameters": [{"$ref": "#/nowhere"}]}).skipped
    assert api({"requestBody": {"$ref": "https://evil.example/x.json"}}).skipped


def test_beside_a_reference_nothing_counts_in_old_dialects() -> None:
    """In 3.0 a note says so; in 3.1 it bounds."""
    operation = body(
        {"type": "object", "properties": {"a": {"$ref": "#/components/schemas/T", "maxLength": 3}}}
    )
    schemas = {"schemas": {"T": {"type": "string", "maxLength": 9}}}
    old = api(operation, version="3.0.3", components=schemas)
    assert arguments(old) == {"a?": {"type": "text", "max": 9}}
    assert any("maxLength" in what for _, what in old.notes)
    assert arguments(api(operation, components=schemas)) == {"a?": {"type": "text", "max": 3}}


def test_swagger_has_its_types_beside_the_names() -> None:
    """Bodies, forms, and lists by what stands between their items."""

    def one(*parameters: Any, **more: Any) -> Any:
        return arguments(
            tools_from(
                {
                    "swagger": "2.0",
                    "paths": {
                        "/x/{id}": {
                            "post": {
                                "parameters": [
                                    {"name": "id", "in": "path", "type": "integer"},
                                    *parameters,
                                ],
                                **more,
                            }
                        }
                    },
                },
                prefix="s",
            )
        )

    assert one({"name": "b", "in": "body", "schema": AB}) == {
        "id": "integer",
        "a": "text",
        "b?": "integer",
    }
    strings = {"type": "array", "items": {"type": "string"}}
    assert one({"name": "q", "in": "query", **strings}) == {
        "id": "integer",
        "q?": {"type": "list", "of": {"type": "line", "shape": [{"of": "^,", "min": 0}]}},
    }
    assert one({"name": "q", "in": "query", **strings, "collectionFormat": "multi"}) == {
        "id": "integer",
        "q?": {"type": "list", "of": "line"},
    }
    assert one({"name": "f", "in": "formData", "type": "string", "maxLength": 3}) == {
        "id": "integer",
        "f?": {"type": "text", "max": 3},
    }
    assert one(
        {"name": "n", "in": "header", "type": "number", "maximum": 5, "exclusiveMaximum": True}
    ) == {"id": "integer", "n?": {"type": "number", "max": "5", "below": "5"}}
