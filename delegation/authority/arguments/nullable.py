"""Reads values that may also be null, which is a value and not absence."""

from __future__ import annotations

from dataclasses import dataclass

from delegation.authority.arguments.argument_type import ArgumentType
from delegation.canonical import Json
from delegation.errors import MalformedError


@dataclass(frozen=True, slots=True)
class NullableType:
    """What another type reads, or null: a field that a call may clear.

    Args:
        of: The type of every other value; none that is nullable itself.
    """

    of: ArgumentType

    def __post_init__(self) -> None:
        if isinstance(self.of, NullableType):
            raise MalformedError("A nullable type", wanted="one that is not nullable already")

    @property
    def name(self) -> str:
        """The inner type's name."""
        return self.of.name

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        return f"{self.of.wanted}, or null"

    def canonicalise(self, value: Json) -> Json:
        """Return null, or the canonical form under the inner type."""
        return None if value is None else self.of.canonicalise(value)

    def to_json(self) -> Json:
        """Return the inner type's JSON as an object, and that it is nullable."""
        body = self.of.to_json()
        return {**(body if isinstance(body, dict) else {"type": body}), "nullable": True}


def is_nullable(of: ArgumentType) -> bool:
    """Return whether null is a value of the type."""
    return isinstance(of, NullableType)


def inner(of: ArgumentType) -> ArgumentType:
    """Return the type of every value that is not null."""
    return of.of if isinstance(of, NullableType) else of
