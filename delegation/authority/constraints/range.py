"""Ranges of numbers, both ends inclusive, compared exactly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar

from delegation.authority.arguments import ArgumentType
from delegation.authority.arguments.number import as_number
from delegation.authority.constraints.constraint import ABSENT, Constraint, Value
from delegation.authority.fields import closed_object
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.json_number import MAX_INTEGER


@dataclass(frozen=True, slots=True)
class Range(Constraint):
    """A number from `min` to `max`.

    Args:
        min: Least value: an integer, or a canonical decimal as text; None is open.
        max: Greatest value, likewise.

    Raises:
        MalformedError: A bound is no such number, both are open, or they admit nothing.
    """

    kind: ClassVar[str] = "range"
    min: int | str | None = None
    max: int | str | None = None
    _low: Decimal | None = field(init=False, repr=False, compare=False)
    _high: Decimal | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        low, high = _bound("range min", self.min), _bound("range max", self.max)
        if low is None and high is None:
            raise MalformedError("range", wanted="bounded at one end at least")
        if low is not None and high is not None and low > high:
            raise MalformedError("range", wanted="one whose min is not above its max")
        object.__setattr__(self, "_low", low)
        object.__setattr__(self, "_high", high)

    def admits(self, value: Value) -> bool:
        """Return whether it is a number within the bounds; a boolean is none."""
        number = None if value is ABSENT else as_number(value)
        return (
            number is not None
            and (self._low is None or number >= self._low)
            and (self._high is None or number <= self._high)
        )

    def fits(self, of: ArgumentType) -> bool:
        """Return whether the type is a number's."""
        return of.name in {"integer", "decimal", "number", "money"}

    def lies_within(self, parent: Constraint) -> bool:
        """Return whether the parent's bounds are no tighter."""
        if not isinstance(parent, Range):
            return False
        low, high = parent._low, parent._high  # noqa: SLF001  # of the same class
        return (low is None or (self._low is not None and self._low >= low)) and (
            high is None or (self._high is not None and self._high <= high)
        )

    def body(self) -> Json:
        """Return the bounds."""
        return {"min": self.min, "max": self.max}

    def probes(self) -> Iterable[Value]:
        """Return the bounds and their neighbours, as integers and as decimals."""
        for bound in (self._low, self._high, Decimal(0)):
            if bound is not None:
                whole = int(bound)
                for number in (whole, whole - 1, whole + 1):
                    if abs(number) <= MAX_INTEGER:
                        yield number
                    yield str(number)
        yield from (bound for bound in (self.min, self.max) if bound is not None)

    @classmethod
    def parse(cls, body: Json) -> Range:
        """Return the constraint that this body states.

        Raises:
            MalformedError: A field is missing, unknown or of another form.
        """
        fields = closed_object("range", body, frozenset({"min", "max"}))
        return cls(fields["min"], fields["max"])  # type: ignore[arg-type]  # checked by `_bound`


def _bound(what: str, value: object) -> Decimal | None:
    if value is None:
        return None
    number = as_number(value) if type(value) in {int, str} else None  # type: ignore[arg-type]
    if number is None or (type(value) is int and abs(value) > MAX_INTEGER):
        raise MalformedError(what, wanted="an integer, a canonical decimal as text, or null")
    return number
