"""Defines argument types: one canonical form for each value, one file for each family of types.

A value is canonicalised after the proof was checked over the access as sent. Only canonical values
are compared with constraints, and only they may be executed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from delegation.authority.arguments.argument_type import (
    ArgumentType,
    NoCanonicalFormError,
    SpecialHostError,
)
from delegation.authority.arguments.argv import ArgvType
from delegation.authority.arguments.composite import (
    ListType,
    ObjectType,
    member_key,
    read_member,
)
from delegation.authority.arguments.either import EitherType, parts_of
from delegation.authority.arguments.email import EmailType
from delegation.authority.arguments.enum import EnumType
from delegation.authority.arguments.free import JsonType
from delegation.authority.arguments.host import HostType
from delegation.authority.arguments.map import MapType
from delegation.authority.arguments.moment import DateTimeType, DateType
from delegation.authority.arguments.money import MoneyType
from delegation.authority.arguments.nullable import NullableType
from delegation.authority.arguments.number import (
    BooleanType,
    DecimalType,
    IntegerType,
    NumberType,
)
from delegation.authority.arguments.opaque import BytesType, OpaqueType
from delegation.authority.arguments.path import PathType
from delegation.authority.arguments.relative_path import RelativePathType
from delegation.authority.arguments.segment import SegmentType
from delegation.authority.arguments.shape import Shape, shape_of
from delegation.authority.arguments.text import IdentifierType, LineType, TextType
from delegation.authority.arguments.url import UrlType
from delegation.canonical import Json
from delegation.errors import MalformedError

MAX_DEPTH: Final = 16  # types within types; bodies of public documents have 10
MAX_TYPES: Final = 4096  # in one argument, at all depths; those of public documents have 585

_PLAIN: Final[Mapping[str, type[ArgumentType]]] = MappingProxyType(
    {
        "argv": ArgvType,
        "boolean": BooleanType,
        "bytes": BytesType,
        "date": DateType,
        "datetime": DateTimeType,
        "decimal": DecimalType,
        "email": EmailType,
        "enum": EnumType,
        "host": HostType,
        "identifier": IdentifierType,
        "integer": IntegerType,
        "json": JsonType,
        "line": LineType,
        "money": MoneyType,
        "number": NumberType,
        "opaque": OpaqueType,
        "path": PathType,
        "relative_path": RelativePathType,
        "segment": SegmentType,
        "text": TextType,
        "url": UrlType,
    }
)
TYPES: Final = frozenset(_PLAIN) | {"either", "list", "map", "object"}


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
    if depth == MAX_DEPTH and _count(value) > MAX_TYPES:
        raise MalformedError("An argument type", wanted=f"made of at most {MAX_TYPES} types")
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
    if name == "list" and options.keys() <= {"of", "max", "min", "unique"} and "of" in options:
        options["of"] = parse_type(options["of"], depth=depth - 1)  # type: ignore[assignment]  # a type, for the constructor
        return ListType(**options)  # type: ignore[arg-type]  # checked by the constructor
    if name == "map" and options.keys() <= {"of", "names", "max", "min"} and "of" in options:
        types = options.keys() & {"of", "names"}
        options |= {k: parse_type(options[k], depth=depth - 1) for k in types}  # type: ignore[misc]  # likewise
        return MapType(**options)  # type: ignore[arg-type]
    if name == "either" and options.keys() == {"of"} and isinstance(options["of"], list):
        return EitherType(tuple(parse_type(one, depth=depth - 1) for one in options["of"]))
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


def _count(value: Json) -> int:
    """Return how many types a type's JSON states, itself among them."""
    waiting, count = [value], 0
    while waiting and count <= MAX_TYPES:
        one = waiting.pop()
        count += 1
        if isinstance(one, dict):
            fields = one.get("fields")
            waiting += fields.values() if isinstance(fields, dict) else ()
            of = one.get("of")
            waiting += of if isinstance(of, list) else [of] if "of" in one else ()
            waiting += [one["names"]] if "names" in one else ()
    return count


def _flag(value: Json) -> bool:
    if type(value) is not bool:
        raise MalformedError("text multiline", wanted="a boolean")
    return value


__all__ = [
    "TYPES",
    "ArgumentType",
    "ArgvType",
    "BooleanType",
    "BytesType",
    "DateTimeType",
    "DateType",
    "DecimalType",
    "EitherType",
    "EmailType",
    "EnumType",
    "HostType",
    "IdentifierType",
    "IntegerType",
    "JsonType",
    "LineType",
    "ListType",
    "MapType",
    "MoneyType",
    "NoCanonicalFormError",
    "NullableType",
    "NumberType",
    "ObjectType",
    "OpaqueType",
    "PathType",
    "RelativePathType",
    "SegmentType",
    "Shape",
    "SpecialHostError",
    "TextType",
    "UrlType",
    "member_key",
    "parse_type",
    "parts_of",
    "read_member",
    "shape_of",
]
