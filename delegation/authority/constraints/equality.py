"""Compares with literals: `exact`, `one_of`, `not_one_of`. Typed: `1` is not `True`, nor `"1"`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from delegation.authority.arguments import ArgumentType, NoCanonicalFormError
from delegation.authority.arguments.text import reads_one_way
from delegation.authority.constraints.constraint import (
    ABSENT,
    MAX_VALUES,
    SPELLED,
    Constraint,
    Value,
    contains_same,
)
from delegation.authority.constraints.literal import is_plain, normal, ordered, same, spell
from delegation.authority.constraints.wording import Wording, item_of, joined, one_of_values, said
from delegation.canonical import Json


def are_canonical(values: Iterable[Json], of: ArgumentType) -> bool:
    """Return whether each literal is its own canonical form under the type.

    A literal that is not would never match, or match what means something else.
    """
    try:
        return all(same(of.canonicalise(value), value) for value in values)
    except NoCanonicalFormError:
        return False


@dataclass(frozen=True, slots=True, eq=False)
class Exact(Constraint):
    """Exactly one value.

    Args:
        value: Any JSON value that an argument may have; `5.0` is 5.
    """

    kind: ClassVar[str] = "exact"
    value: Json

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", normal(self.value, "exact"))

    def __eq__(self, other: object) -> bool:
        """Compare with types: `Exact(1) != Exact(True)`."""
        return isinstance(other, Exact) and same(self.value, other.value)

    def __hash__(self) -> int:
        """Hash the spelling."""
        return hash(spell(self.value))

    def admits(self, value: Value) -> bool:
        """Return whether it is that value."""
        return value is not ABSENT and same(value, self.value)

    def fits(self, of: ArgumentType) -> bool:
        """Return whether the literal is canonical under the type."""
        return are_canonical((self.value,), of)

    @property
    def version(self) -> int:
        """2 where the literal must be spelled."""
        return 1 if is_plain(self.value) else 2

    def body(self) -> Json:
        """Return the value, spelled in payload version 2."""
        return self.value if is_plain(self.value) else spell(self.value)

    def to_json(self) -> Json:
        """Return the constraint's JSON; a literal that must be spelled stands a level deeper."""
        return {"exact": self.body()} if is_plain(self.value) else {SPELLED: {"exact": self.body()}}

    def finite(self) -> tuple[Json, ...]:
        """Return the one value."""
        return (self.value,)

    def probes(self) -> Iterable[Value]:
        """Return the value."""
        return (self.value,)

    def _wording(self, of: ArgumentType | None) -> Wording:
        return Wording(f"exactly {said(self.value, item_of(of) or of)}", said(self.value, of))


@dataclass(frozen=True, slots=True, eq=False)
class _Literals(Constraint):
    """What kinds made of a set of literals share.

    Args:
        values: 1 to 256 values; sorted, each once.
    """

    values: tuple[Json, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", ordered(self.kind, self.values, MAX_VALUES))

    def fits(self, of: ArgumentType) -> bool:
        """Return whether every literal is canonical under the type."""
        return are_canonical(self.values, of)

    def __eq__(self, other: object) -> bool:
        """Compare kind and values, types included."""
        return (
            isinstance(other, _Literals)
            and self.kind == other.kind
            and same([*self.values], [*other.values])
        )

    def __hash__(self) -> int:
        """Hash the spelling."""
        return hash((self.kind, spell([*self.values])))

    @property
    def version(self) -> int:
        """2 where a literal must be spelled."""
        return 1 if is_plain([*self.values]) else 2

    def body(self) -> Json:
        """Return the values, in payload version 2 each spelled."""
        return [*self.values] if self.version == 1 else [spell(value) for value in self.values]

    def to_json(self) -> Json:
        """Return the constraint's JSON; literals that must be spelled stand a level deeper."""
        said: Json = {self.kind: self.body()}
        return said if self.version == 1 else {SPELLED: said}


@dataclass(frozen=True, slots=True, eq=False)
class OneOf(_Literals):
    """One of several values."""

    kind: ClassVar[str] = "one_of"

    def admits(self, value: Value) -> bool:
        """Return whether it is among the values."""
        return contains_same(self.values, value)

    def finite(self) -> tuple[Json, ...]:
        """Return the values."""
        return self.values

    def probes(self) -> Iterable[Value]:
        """Return the values."""
        return self.values

    def _wording(self, of: ArgumentType | None) -> Wording:
        word = "" if len(self.values) > 1 else "one of "
        return Wording(
            f"one of {one_of_values(self.values, of)}", word + joined(self.values, " or ", of)
        )


@dataclass(frozen=True, slots=True, eq=False)
class NotOneOf(_Literals):
    """Any value but these. Weak: name what is allowed wherever that is possible.

    Text that another reader normalises is not admitted: it might be one of these to that reader.
    """

    kind: ClassVar[str] = "not_one_of"

    def admits(self, value: Value) -> bool:
        """Return whether it is given and not among the values."""
        return (
            value is not ABSENT and not contains_same(self.values, value) and reads_one_way(value)
        )

    def lies_within(self, parent: Constraint) -> bool:
        """Return whether whatever the parent excludes is excluded here too."""
        return isinstance(parent, NotOneOf) and all(
            contains_same(self.values, value) for value in parent.values
        )

    def probes(self) -> Iterable[Value]:
        """Return the excluded values and some others."""
        return (*self.values, 0, 1, "x", "y", True, [])

    def _wording(self, of: ArgumentType | None) -> Wording:
        return Wording(
            f"anything but {one_of_values(self.values, of)}",
            f"not {joined(self.values, ', ', of)}",
        )
