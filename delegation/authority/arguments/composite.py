"""Lists and objects: every item and field by its own type, nothing beyond what is declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar, Final

from delegation.authority.arguments.argument_type import (
    ArgumentType,
    NoCanonicalFormError,
    refuse_type,
)
from delegation.authority.arguments.host import HostType
from delegation.authority.arguments.nullable import NullableType, is_nullable
from delegation.authority.arguments.url import UrlType
from delegation.authority.fields import ARGUMENT_NAME, integer, matching_text
from delegation.canonical import Json
from delegation.errors import MalformedError

MAX_ITEMS: Final = 1024
MAX_FIELDS: Final = 64


@dataclass(frozen=True, slots=True)
class ListType:
    """A list of values of one type; order and repetition are kept.

    Args:
        of: The items' type.
        max: Most items.
    """

    name: ClassVar[str] = "list"
    of: ArgumentType
    max: int = MAX_ITEMS

    def __post_init__(self) -> None:
        integer("list max", self.max, 0, MAX_ITEMS)

    def canonicalise(self, value: Json) -> Json:
        """Return the list with each item in canonical form."""
        if type(value) is not list:
            raise refuse_type(value, "a list")
        if len(value) > self.max:
            raise NoCanonicalFormError("list_too_long", f"it has more than {self.max} items")
        return [self.of.canonicalise(item) for item in value]

    def to_json(self) -> Json:
        """Return the type's JSON."""
        body: dict[str, Json] = {"type": self.name, "of": self.of.to_json()}
        return body if self.max == MAX_ITEMS else {**body, "max": self.max}


def with_special(of: ArgumentType) -> ArgumentType:
    """Return the type that also reads special hosts, alone or in lists.

    Whether a call may name one is for the grant to say (`Constraint.names_special`).
    """
    if isinstance(of, ListType | NullableType):
        return replace(of, of=with_special(of.of))
    if isinstance(of, HostType | UrlType):
        return replace(of, unsafe_special_addresses=True)
    return of


@dataclass(frozen=True, slots=True)
class ObjectType:
    """An object of declared fields.

    Args:
        fields: Type by field name; a name that ends in `?` is optional.
    """

    name: ClassVar[str] = "object"
    fields: Mapping[str, ArgumentType]

    def __post_init__(self) -> None:
        if not 0 < len(self.fields) <= MAX_FIELDS:
            raise MalformedError("object fields", wanted=f"1 to {MAX_FIELDS} fields")
        for key in self.fields:
            matching_text("A field's name", key.removesuffix("?"), ARGUMENT_NAME, "an identifier")
        if len({key.removesuffix("?") for key in self.fields}) != len(self.fields):
            raise MalformedError("object fields", wanted="names that differ")
        object.__setattr__(self, "fields", MappingProxyType(dict(sorted(self.fields.items()))))

    def canonicalise(self, value: Json) -> Json:
        """Return the object with each field in canonical form; null is absence but where it is a value."""
        if type(value) is not dict:
            raise refuse_type(value, "an object")
        result: dict[str, Json] = {}
        known = 0
        for key, of in self.fields.items():
            name = key.removesuffix("?")
            known += name in value
            if value.get(name) is not None or (name in value and is_nullable(of)):
                result[name] = of.canonicalise(value[name])
            elif name == key:
                raise NoCanonicalFormError("object_field_missing", f"its field {name} is missing")
        if known != len(value):
            raise NoCanonicalFormError(
                "object_field_unknown", "it has a field that is not declared"
            )
        return result

    def to_json(self) -> Json:
        """Return the type's JSON."""
        return {"type": self.name, "fields": {key: of.to_json() for key, of in self.fields.items()}}
