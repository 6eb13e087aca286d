"""Constrains lists: `each` item, `contains` at least these, `subset` of these."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from delegation.authority.arguments import ArgumentType, ListType, NoCanonicalFormError
from delegation.authority.arguments.nullable import inner
from delegation.authority.arguments.url import is_special_target
from delegation.authority.constraints.constraint import (
    ABSENT,
    MAX_PROBES,
    Constraint,
    Value,
    contains_same,
)
from delegation.authority.constraints.equality import _Literals, are_canonical
from delegation.authority.constraints.wording import Wording, item_of, joined, one_of_values
from delegation.canonical import Json


def item_type(of: ArgumentType) -> ArgumentType | None:
    """Return the type of a list's items, or of a command line's words; None for other types."""
    whole = inner(of)
    return whole.of if isinstance(whole, ListType) else None


def _holds_special(value: Json) -> bool:
    """Return whether a text is a special host or target, or a list of any depth holds one."""
    if isinstance(value, list):
        return any(map(_holds_special, value))
    try:
        return isinstance(value, str) and is_special_target(value)
    except (
        NoCanonicalFormError
    ):  # text that another part of an `either` read: no URL, if with a ://
        return False


@dataclass(frozen=True, slots=True)
class Each(Constraint):
    """A list whose every item is admitted; the empty list is.

    Args:
        item: The constraint on each item.
    """

    kind: ClassVar[str] = "each"
    item: Constraint

    def admits(self, value: Value) -> bool:
        """Return whether it is a list of admitted items."""
        return type(value) is list and all(self.item.admits(item) for item in value)

    def names_special(self, value: Value) -> bool:
        """Return whether each item that is special is named, and each other one admitted."""
        return type(value) is list and all(
            self.item.names_special(item) or (self.item.admits(item) and not _holds_special(item))
            for item in value
        )

    def special_parts(self) -> tuple[Constraint, ...]:
        """Return itself, if its items may be special: one list may hold several."""
        return (self,) if self.item.special_parts() else ()

    def holds_special(self, part: Constraint) -> bool:
        """Return whether the other's items are within these."""
        return isinstance(part, Each) and part.item.is_within(self.item)

    def fits(self, of: ArgumentType) -> bool:
        """Return whether the type is a list of what the item's constraint fits."""
        item = item_type(of)
        return item is not None and self.item.suits(item)

    def lies_within(self, parent: Constraint) -> bool:
        """Return whether each item is within the parent's."""
        if isinstance(parent, Each):
            return self.item.is_within(parent.item)
        if isinstance(parent, Subset):
            values = self.item.finite()
            return values is not None and all(contains_same(parent.values, v) for v in values)
        return False

    def opened(self, at: int) -> Constraint:
        """Return it with the relative bounds of its items fixed."""
        return Each(self.item.opened(at))

    def members(self) -> tuple[Constraint, ...]:
        """Return the item's constraint."""
        return (self.item,)

    def body(self) -> Json:
        """Return the item's constraint as JSON."""
        return self.item.to_json()

    def probes(self) -> Iterable[Value]:
        """Return the empty list and lists of one item."""
        yield []
        yield from ([p] for p in islice(self.item.probes(), MAX_PROBES) if p is not ABSENT)

    def _wording(self, of: ArgumentType | None) -> Wording:
        item = self.item.wording(item_of(of))
        return Wording(f"a list, each item {item.must}", f"each {item.short}")


@dataclass(frozen=True, slots=True, eq=False)
class _Items(_Literals):
    """What kinds made of a list's literals share."""

    def fits(self, of: ArgumentType) -> bool:
        """Return whether the type is a list under which the literals are canonical."""
        item = item_type(of)
        return item is not None and are_canonical(self.values, item)


@dataclass(frozen=True, slots=True, eq=False)
class Contains(_Items):
    """A list that holds all of these values, and maybe others."""

    kind: ClassVar[str] = "contains"

    def admits(self, value: Value) -> bool:
        """Return whether it is a list that holds all of them."""
        return type(value) is list and all(contains_same(value, want) for want in self.values)

    def lies_within(self, parent: Constraint) -> bool:
        """Return whether all that the parent asks for is asked for here too."""
        return isinstance(parent, Contains) and all(
            contains_same(self.values, value) for value in parent.values
        )

    def probes(self) -> Iterable[Value]:
        """Return all the values, all with one more, and all but one."""
        values: list[Json] = [*self.values]
        yield values
        yield [*values, "x"]
        yield from (values[:i] + values[i + 1 :] for i in range(min(len(values), 16)))

    def _wording(self, of: ArgumentType | None) -> Wording:
        must = f"a list that holds {one_of_values(self.values, of)}"
        return Wording(must, f"with {joined(self.values, ', ')}")


@dataclass(frozen=True, slots=True, eq=False)
class Subset(_Items):
    """A list of none but these values; the empty list is one."""

    kind: ClassVar[str] = "subset"

    def admits(self, value: Value) -> bool:
        """Return whether it is a list of none but these."""
        return type(value) is list and all(contains_same(self.values, item) for item in value)

    def lies_within(self, parent: Constraint) -> bool:
        """Return whether each value is admitted by what the parent asks of items."""
        if isinstance(parent, Subset):
            return all(contains_same(parent.values, value) for value in self.values)
        return isinstance(parent, Each) and all(parent.item.admits(v) for v in self.values)

    def probes(self) -> Iterable[Value]:
        """Return the empty list, all the values, and each alone."""
        yield []
        yield [*self.values]
        yield from ([value] for value in self.values[:MAX_PROBES])

    def _wording(self, of: ArgumentType | None) -> Wording:
        must = f"a list of none but {one_of_values(self.values, of)}"
        return Wording(must, f"of {joined(self.values, ', ')}")
