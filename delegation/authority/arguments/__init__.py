"""Argument types: one canonical form for each value, one file for each family of types.

A value is canonicalised after the proof was checked over the access as sent. Only canonical values
are compared with constraints, and only they may be executed.
"""

from __future__ import annotations

from typing import Final

from delegation.authority.arguments.argument_type import (
    ArgumentType,
    NoCanonicalFormError,
    SpecialHostError,
)
from delegation.authority.arguments.composite import ListType, ObjectType
from delegation.authority.arguments.email import EmailType
from delegation.authority.arguments.host import HostType
from delegation.authority.arguments.nullable import NullableType
from delegation.authority.arguments.number import (
    BooleanType,
    DecimalType,
    IntegerType,
    NumberType,
)
from delegation.authority.arguments.opaque import BytesType, EnumType, OpaqueType
from delegation.authority.arguments.path import PathType
from delegation.authority.arguments.text import IdentifierType, LineType, TextType
from delegation.authority.arguments.url import UrlType
from delegation.canonical import Json
from delegation.errors import MalformedError

MAX_DEPTH: Final = 4  # types within types

_PLAIN: Final[dict[str, type[ArgumentType]]] = {
    "boolean": BooleanType,
    "bytes": BytesType,
    "decimal": DecimalType,
    "email": EmailType,
    "enum": EnumType,
    "host": HostType,
    "identifier": IdentifierType,
    "integer": IntegerType,
    "line": LineType,
    "number": NumberType,
    "opaque": OpaqueType,
    "path": PathType,
    "text": TextType,
    "url": UrlType,
}
TYPES: Final = frozenset(_PLAIN) | {"list", "object"}


def parse_type(value: Json, *, depth: int = MAX_DEPTH) -> ArgumentType:
    """Return the type that this JSON states.

    Args:
        value: A type's name, or an object of `type` and its options; `nullable: true` among them
            says that null is a value.
        depth: How many types may still be nested.

    Raises:
        MalformedError: An unknown type or option, an option of another form, or too deep.
    """
    if depth == 0:
        raise MalformedError("An argument type", wanted=f"nested at most {MAX_DEPTH} deep")
    options: dict[str, Json] = {"type": value} if isinstance(value, str) else {}
    if isinstance(value, dict):
        options = dict(value)
    if "nullable" in options:
        if options.pop("nullable") is not True:
            raise MalformedError("An argument type", wanted="nullable: true, or without it")
        return NullableType(parse_type(options, depth=depth))
    name = options.pop("type", None)
    if name == "text" and "multiline" in options:  # how a line was spelled before there was one
        name = {True: "text", False: "line"}.get(_flag(options.pop("multiline")))
    if name == "list" and options.keys() <= {"of", "max"} and "of" in options:
        options["of"] = parse_type(options["of"], depth=depth - 1)  # type: ignore[assignment]  # a type, for the constructor
        return ListType(**options)  # type: ignore[arg-type]  # checked by the constructor
    if name == "object" and options.keys() == {"fields"}:
        fields = options["fields"]
        if isinstance(fields, dict):
            return ObjectType({k: parse_type(v, depth=depth - 1) for k, v in fields.items()})
    if isinstance(name, str) and name in _PLAIN:
        lists = {k: tuple(v) for k, v in options.items() if isinstance(v, list)}
        try:
            return _PLAIN[name](**{**options, **lists})
        except TypeError as error:
            raise MalformedError("An argument type", wanted="a known type and options") from error
    raise MalformedError("An argument type", wanted="one of " + ", ".join(sorted(TYPES)))


def _flag(value: Json) -> bool:
    if type(value) is not bool:
        raise MalformedError("text multiline", wanted="a boolean")
    return value


__all__ = [
    "TYPES",
    "ArgumentType",
    "BooleanType",
    "BytesType",
    "DecimalType",
    "EmailType",
    "EnumType",
    "HostType",
    "IdentifierType",
    "IntegerType",
    "LineType",
    "ListType",
    "NoCanonicalFormError",
    "NullableType",
    "NumberType",
    "ObjectType",
    "OpaqueType",
    "PathType",
    "SpecialHostError",
    "TextType",
    "UrlType",
    "parse_type",
]
