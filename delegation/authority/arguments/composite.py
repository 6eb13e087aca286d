"""Reads lists and objects: every item and field by its own type, nothing beyond what is declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import ClassVar, Final

from delegation import sent_json
from delegation.authority.arguments.argument_type import (
    ArgumentType,
    NoCanonicalFormError,
    read_part,
    refuse_type,
)
from delegation.authority.arguments.character import counted
from delegation.authority.arguments.either import EitherType
from delegation.authority.arguments.host import HostType
from delegation.authority.arguments.member import most_alike, place_of, shown_name
from delegation.authority.arguments.nullable import NullableType, is_nullable
from delegation.authority.arguments.url import UrlType
from delegation.authority.fields import integer
from delegation.canonical import Json
from delegation.errors import MalformedError

MAX_ITEMS: Final = 1024
MAX_FIELDS: Final = 256
MAX_NAME: Final = 200
_SHOWN: Final = 12  # members that a remedy names


@dataclass(frozen=True, slots=True)
class ListType:
    """A list of values of one type; order and repetition are kept.

    Args:
        of: The items' type.
        max: Most items.
        min: Least items.
        unique: Whether no two items may be equal, in canonical form and with their types.
    """

    name: ClassVar[str] = "list"
    of: ArgumentType
    max: int = MAX_ITEMS
    min: int = 0
    unique: bool = False

    def __post_init__(self) -> None:
        integer("list max", self.max, 0, MAX_ITEMS)
        integer("list min", self.min, 0, self.max)
        if type(self.unique) is not bool:
            raise MalformedError("list unique", wanted="a boolean")

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        least = f"{self.min} to " if self.min else "at most "
        bounds = (self.min, self.max) != (0, MAX_ITEMS)
        said = f"a list of {least}{counted(self.max, 'item')}" if bounds else "a list"
        return f"{said}, each {self.of.wanted}" + (", each once" if self.unique else "")

    def canonicalise(self, value: Json) -> Json:
        """Return the list with each item in canonical form."""
        if type(value) is not list:
            raise refuse_type(value, "a list")
        if len(value) > self.max:
            raise NoCanonicalFormError(
                "list_too_long",
                f"it has {counted(len(value), 'item')}",
                remedy=f"Send at most {counted(self.max, 'item')}.",
            )
        if len(value) < self.min:
            raise NoCanonicalFormError(
                "list_too_short",
                f"it has {counted(len(value), 'item')}",
                remedy=f"Send at least {counted(self.min, 'item')}.",
            )
        items = [read_part(self.of, item, f"[{n}]") for n, item in enumerate(value)]
        if self.unique:
            self._refuse_repeats(items)
        return items

    def _refuse_repeats(self, items: list[Json]) -> None:
        seen: dict[str, int] = {}
        for number, item in enumerate(items):
            if (first := seen.setdefault(sent_json.text_of(item), number)) != number:
                raise NoCanonicalFormError(
                    "list_repeats",
                    f"it is the same item as [{first}]",
                    remedy="Send each item once.",
                    place=f"[{number}]",
                    part=item,
                )

    def to_json(self) -> Json:
        """Return the type's JSON."""
        body: dict[str, Json] = {"type": self.name, "of": self.of.to_json()}
        said = {"max": self.max, "min": self.min, "unique": self.unique}
        plain = {"max": MAX_ITEMS, "min": 0, "unique": False}
        return body | {key: value for key, value in said.items() if value != plain[key]}


def with_special(of: ArgumentType) -> ArgumentType:
    """Return the type that also reads special hosts, alone or in lists.

    Whether a call may name one is for the grant to say (`Constraint.names_special`).
    """
    if isinstance(of, ListType | NullableType):
        item = with_special(of.of)
        return of if item == of.of else replace(of, of=item)
    if isinstance(of, EitherType):
        parts = tuple(map(with_special, of.of))
        return of if parts == of.of else replace(of, of=parts)
    if isinstance(of, HostType | UrlType):
        return replace(of, unsafe_special_addresses=True)
    return of


@dataclass(frozen=True, slots=True)
class ObjectType:
    """An object of declared fields.

    Args:
        fields: Type by key: a field's name, 1 to 200 printable characters, with `?` behind it where
            it is optional; `!` behind it says required, as a name that itself ends in one of both
            needs (`member_key`).
    """

    name: ClassVar[str] = "object"
    fields: Mapping[str, ArgumentType]
    _members: tuple[tuple[str, bool, ArgumentType], ...] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if not 0 < len(self.fields) <= MAX_FIELDS:
            raise MalformedError("object fields", wanted=f"1 to {MAX_FIELDS} fields")
        members = sorted(
            ((*read_member(key), of) for key, of in self.fields.items()), key=lambda one: one[:2]
        )
        if len({name for name, _, _ in members}) != len(members):
            raise MalformedError("object fields", wanted="names that differ")
        for name, _, _ in members:
            _refuse_odd_name(name)
        fields = {member_key(name, required): of for name, required, of in members}
        object.__setattr__(self, "fields", MappingProxyType(fields))
        object.__setattr__(self, "_members", tuple(members))

    @property
    def members(self) -> dict[str, ArgumentType]:
        """The type of each field by its name alone."""
        return {name: of for name, _, of in self._members}

    def canonicalise(self, value: Json) -> Json:
        """Return the object with each field in canonical form; null is absence but where it is a value."""
        if type(value) is not dict:
            raise refuse_type(value, "an object")
        result: dict[str, Json] = {}
        known = 0
        for name, required, of in self._members:
            known += name in value
            if value.get(name) is not None or (name in value and is_nullable(of)):
                result[name] = read_part(of, value[name], place_of(name))
            elif required:
                raise self._missing(name, of, is_null=name in value)
        if known != len(value):
            raise self._unknown(value)
        return result

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        said = [
            f"{shown_name(name)} ({of.name}{'' if required else ', optional'})"
            for name, required, of in self._members[:_SHOWN]
        ]
        more = len(self._members) - _SHOWN
        return "an object of " + ", ".join(said) + (f" and {more} more" if more > 0 else "")

    def _missing(self, name: str, of: ArgumentType, *, is_null: bool) -> NoCanonicalFormError:
        said = "it is null, which is absence," if is_null else "it is missing"
        return NoCanonicalFormError(
            "object_field_missing",
            f"{said} and the object needs it",
            remedy=f"Send {of.wanted}.",
            place=place_of(name),
            part=None,
        )

    def _unknown(self, value: dict[str, Json]) -> NoCanonicalFormError:
        name = next(one for one in value if one not in self.members)
        near = most_alike(name, self.members)
        remedy = f"Leave it out, or name it {shown_name(near)}. " if near else "Leave it out. "
        return NoCanonicalFormError(
            "object_field_unknown",
            "the object has no such member",
            remedy=f"{remedy}Send {self.wanted}.",
            place=place_of(name),
            part=value[name],
        )

    def to_json(self) -> Json:
        """Return the type's JSON."""
        return {"type": self.name, "fields": {key: of.to_json() for key, of in self.fields.items()}}


def read_member(key: str) -> tuple[str, bool]:
    """Return the name that a key of a definition states, and whether the field is required."""
    if type(key) is not str:
        raise MalformedError("A field's name", wanted="text")
    return (key[:-1], key[-1] == "!") if key.endswith(("?", "!")) else (key, True)


def member_key(name: str, required: bool) -> str:  # noqa: FBT001  # the two facts of a key
    """Return the key of a definition that states this field: the way back of `read_member`."""
    if not required:
        return name + "?"
    return name + "!" if name.endswith(("?", "!")) else name


def _refuse_odd_name(name: str) -> None:
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise MalformedError("A field's name", wanted=f"1 to {MAX_NAME} printable characters")
