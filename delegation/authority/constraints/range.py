"""Constrains numbers to ranges, compared exactly; each end inclusive or exclusive."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar, Final, TypeAlias

from delegation.authority.arguments import ArgumentType
from delegation.authority.arguments.families import NUMBERS
from delegation.authority.arguments.number import as_number, canonical_decimal
from delegation.authority.constraints.constraint import ABSENT, Constraint, Value
from delegation.authority.constraints.wording import Wording, item_of, said
from delegation.authority.fields import closed_object
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.json_number import MAX_INTEGER, number_text

_FIRST: Final = frozenset({"min", "max"})
_FIELDS: Final = frozenset({"min", "max", "above", "below"})
_EXPONENT: Final = re.compile(r"-?[1-9](\.\d{0,16}[1-9])?e[+-][1-9]\d{0,2}", re.ASCII)
Bound: TypeAlias = int | str | None


@dataclass(frozen=True, slots=True)
class Range(Constraint):
    """A number from `min` to `max`, or between `above` and `below`, which are not admitted.

    Args:
        min: Least value: an integer, or a canonical decimal as text; None is open.
        max: Greatest value, likewise.
        above: What all values are greater than, likewise; not beside `min`.
        below: What all values are less than, likewise; not beside `max`.

    Raises:
        MalformedError: A bound is no such number, all are open, two stand at one end, or they admit
            nothing.
    """

    kind: ClassVar[str] = "range"
    min: Bound = None
    max: Bound = None
    above: Bound = None
    below: Bound = None
    _low: Decimal | None = field(init=False, repr=False, compare=False)
    _high: Decimal | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ends = {name: _bound(f"range {name}", getattr(self, name)) for name in _FIELDS}
        if (self.min is not None and self.above is not None) or (
            self.max is not None and self.below is not None
        ):
            raise MalformedError("range", wanted="one bound at each end")
        low = ends["min"] if self.above is None else ends["above"]
        high = ends["max"] if self.below is None else ends["below"]
        if low is None and high is None:
            raise MalformedError("range", wanted="bounded at one end at least")
        if low is not None and high is not None and (low > high or (low == high and self._is_open)):
            raise MalformedError("range", wanted="one whose min is not above its max")
        object.__setattr__(self, "_low", low)
        object.__setattr__(self, "_high", high)

    @property
    def _is_open(self) -> bool:
        return self.above is not None or self.below is not None

    @property
    def version(self) -> int:
        """2 with an exclusive bound, or one that only an exponent writes."""
        bounds = (self.min, self.max)
        return 2 if self._is_open or any("e" in b for b in bounds if isinstance(b, str)) else 1

    def admits(self, value: Value) -> bool:
        """Return whether it is a number within the bounds; a boolean is none."""
        number = None if value is ABSENT else as_number(value)
        low, high = self._low, self._high
        return (
            number is not None
            and (low is None or number > low or (number == low and self.above is None))
            and (high is None or number < high or (number == high and self.below is None))
        )

    def fits(self, of: ArgumentType) -> bool:
        """Return whether the type is a number's."""
        return of.name in NUMBERS

    def lies_within(self, parent: Constraint) -> bool:
        """Return whether the parent's bounds are no tighter."""
        if not isinstance(parent, Range):
            return False
        low, high = parent._low, parent._high  # noqa: SLF001  # of the same class
        mine = (self._low, self._high)
        return (
            low is None
            or (mine[0] is not None and mine[0] > low)
            or (mine[0] == low and (parent.above is None or self.above is not None))
        ) and (
            high is None
            or (mine[1] is not None and mine[1] < high)
            or (mine[1] == high and (parent.below is None or self.below is not None))
        )

    def body(self) -> Json:
        """Return the bounds; the exclusive ones only where there is one."""
        body: dict[str, Json] = {"min": self.min, "max": self.max}
        return {**body, "above": self.above, "below": self.below} if self._is_open else body

    def probes(self) -> Iterable[Value]:
        """Return the bounds and their neighbours, as integers and as decimals."""
        for bound in (self._low, self._high, Decimal(0)):
            if bound is not None and bound.adjusted() < 2 * len(str(MAX_INTEGER)):
                whole = int(bound)
                for number in (whole, whole - 1, whole + 1):
                    if abs(number) <= MAX_INTEGER:
                        yield number
                    yield str(number)
                yield float(bound)
        yield from (end for end in (self.min, self.max, self.above, self.below) if end is not None)

    @classmethod
    def parse(cls, body: Json) -> Range:
        """Return the constraint that this body states.

        Raises:
            MalformedError: A field is missing, unknown or of another form.
        """
        names = _FIELDS if isinstance(body, dict) and not body.keys() <= _FIRST else _FIRST
        fields = closed_object("range", body, names)
        return cls(**fields)  # type: ignore[arg-type]  # checked by `_bound`

    def _wording(self, of: ArgumentType | None) -> Wording:
        low = self.min if self.above is None else self.above
        high = self.max if self.below is None else self.below
        item = item_of(of) or of
        must = [
            f"{word} {said(end, item)}"
            for word, end in (
                ("at least" if self.above is None else "above", low),
                ("at most" if self.below is None else "below", high),
            )
            if end is not None
        ]
        if self.min is not None and self.max is not None:
            must = [f"from {said(low, item)} to {said(high, item)}"]
        short = (
            "" if low is None else "> " * (self.above is not None) + said(low, of),
            "" if high is None else "< " * (self.below is not None) + said(high, of),
        )
        return Wording(" and ".join(must), " … ".join(short).strip())


def bound_of(value: float | str | Decimal | None) -> Bound:
    """Return a number that people write as a bound: integers as they are, others as decimal text.

    Raises:
        MalformedError: It is no finite number.
    """
    if value is None or type(value) is int or type(value) is str:
        return value
    number = Decimal(str(value)) if isinstance(value, float | Decimal) else None
    if number is None or not number.is_finite():
        raise MalformedError("A bound", wanted="a finite number")
    if number == int(number) and abs(number) <= MAX_INTEGER:
        return int(number)
    plain = canonical_decimal(format(number, "f"))
    return number_text(float(number)) if plain is None else plain


def _bound(what: str, value: object) -> Decimal | None:
    if value is None:
        return None
    wanted = "an integer, a canonical decimal as text, or null"
    if type(value) is int and abs(value) <= MAX_INTEGER:
        return Decimal(value)
    number = as_number(value) if type(value) is str else None
    if number is None and type(value) is str and _EXPONENT.fullmatch(value):
        # Where plain text would be too long: one spelling for each number all the same.
        number = Decimal(value)
        double = float(number)
        is_plain = canonical_decimal(format(number, "f")) is not None
        if is_plain or not double or double == float("inf") or number_text(double) != value:
            number = None
    if number is None:
        raise MalformedError(what, wanted=wanted)
    return number
