"""Reads values of several types, one for each kind of JSON, so that the kind tells which reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, cast

from delegation.authority.arguments.argument_type import (
    ArgumentType,
    NoCanonicalFormError,
    read_part,
)
from delegation.authority.arguments.enum import EnumType
from delegation.authority.arguments.families import KINDS_OF
from delegation.authority.arguments.free import KINDS, JsonType
from delegation.authority.arguments.nullable import NullableType
from delegation.canonical import Json
from delegation.errors import MalformedError

ALL_KINDS: Final = frozenset(KINDS.values())


@dataclass(frozen=True, slots=True)
class EitherType:
    """What one of several types reads, each of its own kinds of JSON: a number or a text, a text or a list.

    No value is of two kinds, so none is read in two ways.

    Args:
        of: The types, two at least; none nullable, no two that read values of one kind.
    """

    name: ClassVar[str] = "either"
    of: tuple[ArgumentType, ...]

    def __post_init__(self) -> None:
        kinds = [kind for one in self.of for kind in kinds_of(one)]
        if (
            len(self.of) < 2  # noqa: PLR2004  # one is no choice
            or len(set(kinds)) != len(kinds)
            or any(isinstance(one, NullableType) for one in self.of)
        ):
            raise MalformedError(
                "either", wanted="two types or more, not nullable, each of its own kinds of JSON"
            )

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        return ", or ".join(one.wanted for one in self.of)

    def canonicalise(self, value: Json) -> Json:
        """Return the canonical form under the type that reads such values."""
        kind = "null" if value is None else KINDS.get(type(value), "number")
        for one in self.of:
            if kind in kinds_of(one):
                return read_part(one, value, "")
        raise NoCanonicalFormError("wrong_type", f"it is a {kind}")

    def to_json(self) -> Json:
        """Return the type's JSON."""
        return {"type": self.name, "of": [one.to_json() for one in self.of]}


def kinds_of(of: ArgumentType) -> frozenset[str]:
    """Return which kinds of JSON values a type reads, null aside."""
    plain = of.of if isinstance(of, NullableType) else of
    if isinstance(plain, EnumType):
        return frozenset(KINDS[type(value)] for value in plain.values)
    if isinstance(plain, JsonType):
        return frozenset(plain.kinds) or ALL_KINDS
    if isinstance(plain, EitherType):
        return frozenset().union(*map(kinds_of, plain.of))
    return KINDS_OF.get(plain.name, frozenset({"text"}))


def parts_of(of: ArgumentType) -> tuple[ArgumentType, ...]:
    """Return the types that an argument's value may be read by: those of an `either`, or the type alone."""
    plain = of.of if isinstance(of, NullableType) else of
    return plain.of if isinstance(plain, EitherType) else (of,)


def either(types: list[Json]) -> Json:
    """Return the JSON of what is read by one of these types, that type alone where there is one."""
    return types[0] if len(types) == 1 else {"type": "either", "of": cast("Json", types)}
