"""Reads maps: objects whose names nobody lists, all their values of one type."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from delegation.authority.arguments.argument_type import (
    ArgumentType,
    NoCanonicalFormError,
    read_part,
    refuse_type,
)
from delegation.authority.arguments.character import counted
from delegation.authority.arguments.composite import MAX_ITEMS
from delegation.authority.arguments.either import kinds_of
from delegation.authority.arguments.member import place_of
from delegation.authority.arguments.nullable import is_nullable
from delegation.authority.arguments.text import TextType
from delegation.authority.fields import integer
from delegation.canonical import Json
from delegation.errors import MalformedError


@dataclass(frozen=True, slots=True)
class MapType:
    """An object of any names, each value of one type.

    Args:
        of: The values' type.
        names: The names' type, one of text; a name is admitted as it was sent or not at all.
        max: Most members.
        min: Least members.
    """

    name: ClassVar[str] = "map"
    of: ArgumentType
    names: ArgumentType = field(default_factory=TextType)
    max: int = MAX_ITEMS
    min: int = 0

    def __post_init__(self) -> None:
        integer("map max", self.max, 0, MAX_ITEMS)
        integer("map min", self.min, 0, self.max)
        if kinds_of(self.names) != {"text"} or is_nullable(self.names):
            raise MalformedError("map names", wanted="a type of text")

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        said = f"an object of {self.min} to {counted(self.max, 'member')}, each {self.of.wanted}"
        return said if self.names == TextType() else f"{said}, each name {self.names.wanted}"

    def canonicalise(self, value: Json) -> Json:
        """Return the object with each value in canonical form."""
        if type(value) is not dict:
            raise refuse_type(value, "an object")
        if not self.min <= len(value) <= self.max:
            raise NoCanonicalFormError(
                "map_size",
                f"it has {counted(len(value), 'member')}",
                remedy=f"Send {self.min} to {counted(self.max, 'member')}.",
            )
        for name in value:
            self._read_name(name)
        return {name: read_part(self.of, member, place_of(name)) for name, member in value.items()}

    def _read_name(self, name: str) -> None:
        wanted, place = self.names.wanted, place_of(name)
        try:
            canonical = self.names.canonicalise(name)
        except NoCanonicalFormError as error:
            raise NoCanonicalFormError(
                error.code,
                f"its name will not do: {error}",
                remedy=f"Name it {wanted}.",
                place=place,
                part=name,
            ) from error
        if canonical != name:
            raise NoCanonicalFormError(
                "map_name",
                "its name is not in canonical form",
                remedy=f"Name it {wanted}, in its one spelling.",
                place=place,
                part=name,
            )

    def to_json(self) -> Json:
        """Return the type's JSON."""
        body: dict[str, Json] = {"type": self.name, "of": self.of.to_json()}
        body |= {} if self.names == TextType() else {"names": self.names.to_json()}
        body |= {} if self.max == MAX_ITEMS else {"max": self.max}
        return body | ({} if self.min == 0 else {"min": self.min})
