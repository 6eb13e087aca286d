"""Schemas: each keyword of JSON Schema, and the type that it becomes."""

from __future__ import annotations

from typing import Any

import pytest
from cases import every

from delegation.authority.arguments import parse_type
from delegation.authority.documents.imported import Report, UnmappableError
from delegation.authority.documents.schema import type_of_schema

JSON = {"type": "json", "bytes": 32768, "depth": 8, "count": 1024}
OBJECT = {**JSON, "kinds": ["object"]}
HEX = "0-9A-Fa-f"


def either(*kinds: Any) -> Any:
    """Return a type for each kind of JSON."""
    return {"type": "either", "of": [*kinds]}


def kind(schema: Any) -> Any:
    """Return the type of a schema, and the notes where there are any."""
    report = Report()
    made = type_of_schema(schema, None, report)
    parse_type(made)
    return made if not report.notes else (made, len(report.notes))


SCHEMAS: list[tuple[Any, Any]] = [
    ({"type": "string"}, "text"), ({"type": "string", "minLength": 1, "maxLength": 9}, {"type": "text", "max": 9, "min": 1}),
    ({"type": "string", "pattern": "^[a-z]{2}$"}, {"type": "text", "shape": [{"of": "a-z", "min": 2, "max": 2}]}),
    ({"type": "string", "pattern": "(?=x)"}, ("text", 1)), ({"type": "string", "format": "email"}, ("email", 1)),
    ({"type": "string", "format": "uri"}, ({"type": "url", "schemes": ["http", "https"]}, 1)), ({"type": "string", "format": "date"}, "date"),
    ({"type": "string", "format": "date-time"}, ("datetime", 1)), ({"type": "string", "format": "phone"}, ("text", 1)), ({"type": "string", "format": "password"}, "text"),
    ({"type": "string", "format": "byte"}, {"type": "text", "shape": [{"of": "+/-9A-Za-z", "min": 0}, {"of": "=", "min": 0, "max": 2}]}),
    ({"type": "integer"}, "integer"), ({"type": "integer", "minimum": 0.5, "exclusiveMaximum": 9}, {"type": "integer", "min": 1, "max": 8}),
    ({"type": "integer", "minimum": 0, "exclusiveMinimum": True}, {"type": "integer", "min": 1}), ({"type": "integer", "format": "int32", "minimum": 0}, {"type": "integer", "min": 0, "max": 2147483647}),
    ({"type": "integer", "multipleOf": 5}, {"type": "integer", "multiple": 5}), ({"type": "integer", "multipleOf": 2.5}, {"type": "integer", "multiple": 5}),
    ({"type": "number", "minimum": 0.5, "exclusiveMaximum": 10, "multipleOf": 0.01}, {"type": "number", "min": "0.5", "below": "10", "multiple": "0.01"}),
    ({"type": "boolean"}, "boolean"), ({"enum": [True, False]}, "boolean"), ({"type": "integer", "enum": [1, 2, "x"]}, {"type": "enum", "values": [1, 2]}),
    ({"const": "a"}, {"type": "enum", "values": ["a"]}), ({"enum": ["a", None]}, {"type": "enum", "values": ["a"], "nullable": True}),
    ({"type": "string", "nullable": True}, {"type": "text", "nullable": True}), ({"type": ["string", "null"]}, {"type": "text", "nullable": True}),
    ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "text", "nullable": True}), ({"oneOf": [{"type": "null"}, {"type": "integer", "minimum": 1}]}, {"type": "integer", "min": 1, "nullable": True}),
    ({"oneOf": [{"const": 1, "title": "one"}, {"const": 2}]}, {"type": "enum", "values": [1, 2]}), ({"anyOf": [{"enum": ["a"]}, {"enum": ["b"]}, {"type": "null"}]}, {"type": "enum", "values": ["a", "b"], "nullable": True}),
    ({"type": ["string", "integer"]}, either("integer", "text")), ({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}, either("text", {"type": "list", "of": "text"})),
    ({"type": ["string", "integer", "null"], "minimum": 1, "maxLength": 3}, {**either({"type": "integer", "min": 1}, {"type": "text", "max": 3}), "nullable": True}),
    ({"anyOf": [{"const": "auto"}, {"enum": ["off", 5]}, {"type": "array", "items": {"type": "boolean"}}]}, either({"type": "enum", "values": [5]}, {"type": "enum", "values": ["auto", "off"]}, {"type": "list", "of": "boolean"})),
    ({"anyOf": [{"type": "string", "const": "auto"}, {"type": "string", "enum": ["off"]}, {"type": "integer", "minimum": 0}]}, either({"type": "integer", "min": 0}, {"type": "enum", "values": ["auto", "off"]})),
    ({"anyOf": [{"type": "string", "format": "date"}, {"type": "string"}, {"type": "boolean"}]}, either("boolean", "text")),
    ({"anyOf": [{"type": "integer", "maximum": 5}, {"type": "object"}, {"type": "array"}]}, either({"type": "integer", "max": 5}, {"type": "list", "of": {**JSON, "nullable": True}}, OBJECT)),
    ({"oneOf": [{"type": "string"}, {"type": "object", "properties": {"a": {"type": "integer", "minimum": 2}}}]}, either("text", {"type": "object", "fields": {"a?": {"type": "integer", "min": 2}}})),
    ({"anyOf": [{"type": "number", "minimum": 0, "exclusiveMaximum": 9}, {"type": "string"}]}, ({"type": "decimal", "min": "0", "below": "9"}, 1)), ({"anyOf": [{"type": "number"}, {"type": "string"}]}, either("number", "text")),
    ({"anyOf": [{"type": "number", "multipleOf": 0.05}, {"type": "string", "pattern": r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d{0,2}0*$"}, {"type": "null"}]}, ({"type": "decimal", "multiple": "0.05", "places": 2, "nullable": True}, 1)),
    ({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "maxLength": 3}]}, either({"type": "number", "min": "0"}, {"type": "text", "max": 3})), ({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]}, either({"type": "integer", "min": 0}, "text")),
    ({"anyOf": [{"type": "integer"}, {"type": "number"}]}, "number"), ({}, {**JSON, "nullable": True}), (True, {**JSON, "nullable": True}),
    ({"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2, "uniqueItems": True}, {"type": "list", "of": "text", "max": 2, "min": 1, "unique": True}),
    ({"type": "array", "maxItems": 5000, "items": {"type": "boolean"}}, ({"type": "list", "of": "boolean"}, 1)), ({"type": "array", "prefixItems": [{"type": "string"}]}, ({"type": "list", "of": {**JSON, "nullable": True}}, 2)),
    ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "integer"}], "minItems": 2, "maxItems": 2}, {"type": "list", "of": "integer", "max": 2, "min": 2}), ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False}, ({"type": "list", "of": either("integer", "text")}, 1)),
    ({"type": "object"}, OBJECT), ({"type": "object", "additionalProperties": {"type": "string", "maxLength": 3}, "maxProperties": 4}, {"type": "map", "of": {"type": "text", "max": 3}, "max": 4}),
    ({"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}, "propertyNames": {"maxLength": 3}, "minProperties": 1}, {"type": "map", "of": {"type": "integer", "min": 0}, "names": {"type": "text", "max": 3}, "min": 1}),
    ({"type": "object", "properties": {"a": {"type": "boolean"}, "long": {"type": "boolean"}}, "propertyNames": {"maxLength": 3}}, ({"type": "object", "fields": {"a?": "boolean"}}, 1)), ({"type": "object", "properties": {"a": False}}, ({"type": "map", "of": "boolean", "max": 0}, 1)),
    ({"type": "object", "additionalProperties": False}, {**OBJECT, "depth": 1, "count": 0}),
    ({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "boolean"}}, "required": ["a"]}, {"type": "object", "fields": {"a": "text", "b?": "boolean"}}),
    ({"type": "object", "properties": {"what?": {"type": "boolean"}, "ü": {"type": "boolean"}}, "required": ["what?"]}, {"type": "object", "fields": {"what?!": "boolean", "ü?": "boolean"}}),
    ({"type": "object", "properties": {"a": {"type": "string"}}, "patternProperties": {"^x": {"type": "string"}}}, ({"type": "object", "fields": {"a?": "text"}}, 1)),
    ({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["b"]}, {"type": "object", "fields": {"a?": "text", "b": {**JSON, "nullable": True}}}),
    ({"properties": {"a": {"type": "string"}}}, ({"type": "object", "fields": {"a?": "text"}}, 1)),
    ({"allOf": [{"type": "object", "properties": {"a": {"type": "string", "maxLength": 9}}}, {"properties": {"a": {"maxLength": 5}, "b": {"type": "boolean"}}, "required": ["a"]}]}, {"type": "object", "fields": {"a": {"type": "text", "max": 5}, "b?": "boolean"}}),
    ({"oneOf": [{"type": "object", "properties": {"k": {"const": "cat"}, "n": {"type": "integer"}}, "required": ["k"]}, {"type": "object", "properties": {"k": {"const": "dog"}}, "required": ["k"]}], "discriminator": {"propertyName": "k"}},
     ({"type": "object", "fields": {"k": {"type": "enum", "values": ["cat", "dog"]}, "n?": "integer"}}, 1)),
    ({"type": "string", "not": {"const": "a"}}, ("text", 1)), ({"type": "string", "if": {"minLength": 2}, "then": {"pattern": "^a"}}, ("text", 2)),
    ({"type": "object", "properties": {"a": {"type": "string"}}, "dependentRequired": {"a": ["b"]}}, ({"type": "object", "fields": {"a?": "text"}}, 1)),
    ({"type": "array", "items": {"type": "integer"}, "contains": {"const": 1}}, ({"type": "list", "of": "integer"}, 1)),
    ({"$defs": {"T": {"type": "string", "maxLength": 3}}, "$ref": "#/$defs/T", "minLength": 1}, {"type": "text", "max": 3, "min": 1}),
    ({"$defs": {"N": {"type": "object", "properties": {"v": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/N"}, {"type": "null"}]}}}}, "$ref": "#/$defs/N"},
     ({"type": "object", "fields": {"v?": "integer", "next?": {**OBJECT, "nullable": True}}}, 1)),
    ({"type": "string", "default": "x", "examples": ["y"], "description": "z", "deprecated": True}, "text"),
]  # fmt: skip


@every(("schema", "wanted"), SCHEMAS, ids=range(len(SCHEMAS)))
def test_a_schema_is_a_type(schema: Any, wanted: Any) -> None:
    """Each keyword bounds the type, or is noted; the figure is how many notes there are."""
    assert kind(schema) == wanted


NEVER = [
    False, {"type": "integer", "minimum": 5, "maximum": 3}, {"enum": []}, {"type": "string", "enum": [1]}, {"allOf": [{"type": "string"}, {"type": "integer"}]},
    {"type": "string", "minLength": 5, "maxLength": 3}, {"$ref": "#/nowhere"}, {"$ref": "https://evil.example/x"}, {"$ref": "other.yaml#/X"}, {"$ref": "#"},
    {"type": "nothing"}, {"type": "string", "maxLength": "5"}, {"type": "string", "maxLength": -1}, {"type": "number", "multipleOf": 0}, {"required": "a"}, {"allOf": {}}, "x", None, 5,
    {"type": "string", "minLength": 1_000_000}, {"type": "object", "required": ["a"], "properties": {"a": False}}, {"type": "null"}, {"anyOf": []},
]  # fmt: skip


@every("schema", NEVER, ids=range(len(NEVER)))
def test_a_schema_that_admits_nothing_or_leads_elsewhere_is_no_type(schema: Any) -> None:
    """It is refused with a reason, never taken for anything."""
    with pytest.raises(UnmappableError):
        type_of_schema(schema)
