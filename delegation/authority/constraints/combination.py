"""Combines constraints: `all` of several, `any_of` several."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import ClassVar

from delegation.authority.arguments import ArgumentType
from delegation.authority.constraints.constraint import MAX_MEMBERS, Constraint, Value
from delegation.authority.constraints.wording import MOST, Wording, first_of
from delegation.canonical import Json, encode
from delegation.errors import MalformedError


@dataclass(frozen=True, slots=True)
class _Combination(Constraint):
    """What both combinations share.

    Args:
        parts: 1 to 64 constraints; sorted, each once.
    """

    parts: tuple[Constraint, ...]

    def __post_init__(self) -> None:
        unique = {encode(part.to_json(), what=self.kind): part for part in self.parts}
        if not 0 < len(unique) <= MAX_MEMBERS:
            raise MalformedError(self.kind, wanted=f"1 to {MAX_MEMBERS} constraints")
        object.__setattr__(self, "parts", tuple(unique[key] for key in sorted(unique)))

    def fits(self, of: ArgumentType) -> bool:
        """Return whether every part fits the type."""
        return all(part.suits(of) for part in self.parts)

    def special_parts(self) -> tuple[Constraint, ...]:
        """Return those of all parts."""
        return tuple(piece for part in self.parts for piece in part.special_parts())

    def members(self) -> tuple[Constraint, ...]:
        """Return the parts."""
        return self.parts

    def opened(self, at: int) -> Constraint:
        """Return it with the relative bounds of its parts fixed."""
        return replace(self, parts=tuple(part.opened(at) for part in self.parts))

    def body(self) -> Json:
        """Return the parts as JSON."""
        return [part.to_json() for part in self.parts]

    def probes(self) -> Iterable[Value]:
        """Return some probes of each part."""
        for part in self.parts:
            yield from islice(part.probes(), 16)

    def _wording(self, of: ArgumentType | None) -> Wording:
        between, alone = (" and ", "all of ") if self.kind == "all" else (" or ", "any of ")
        parts = [part.wording(of) for part in self.parts]
        must = first_of([part.must for part in parts[:MOST]], len(parts))
        short = between.join(f"({part.short})" for part in parts)
        return Wording(between.join(must), short if len(parts) > 1 else alone + short)


@dataclass(frozen=True, slots=True)
class AllOf(_Combination):
    """Every part admits the value."""

    kind: ClassVar[str] = "all"

    def admits(self, value: Value) -> bool:
        """Return whether every part admits it."""
        return all(part.admits(value) for part in self.parts)

    def names_special(self, value: Value) -> bool:
        """Return whether every part admits it and one names it."""
        return self.admits(value) and any(part.names_special(value) for part in self.parts)

    def holds_special(self, part: Constraint) -> bool:
        """Return whether one part names all that the other does, and no part refuses it."""
        return all(part.is_covered(mine) for mine in self.parts) and any(
            mine.holds_special(part) for mine in self.parts
        )

    def finite(self) -> tuple[Json, ...] | None:
        """Return the values of a part that lists them, as far as all parts admit them."""
        for part in self.parts:
            values = part.finite()
            if values is not None:
                return tuple(value for value in values if self.admits(value))
        return None


@dataclass(frozen=True, slots=True)
class AnyOf(_Combination):
    """At least one part admits the value."""

    kind: ClassVar[str] = "any_of"

    def admits(self, value: Value) -> bool:
        """Return whether one part admits it."""
        return any(part.admits(value) for part in self.parts)

    def names_special(self, value: Value) -> bool:
        """Return whether one part names it."""
        return any(part.names_special(value) for part in self.parts)

    def holds_special(self, part: Constraint) -> bool:
        """Return whether one part admits and names all that the other does."""
        return any(part.is_within(mine) for mine in self.parts)
