"""Reads finite JSON numbers, integers within 53 bits, decimals as text. No booleans among them.

All are compared by their exact value. Of a double, that is what its canonical spelling says
(`json_number`): `0.1` is one tenth.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar, Final, cast

from delegation.authority.arguments.argument_type import (
    NoCanonicalFormError,
    PlainType,
    refuse_type,
)
from delegation.authority.fields import integer
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.json_number import MAX_INTEGER, WideNumber, exact_value, number_text, read_number

DECIMAL: Final = re.compile(r"(-?)(\d{1,30})(?:\.(\d{1,18}))?", re.ASCII)
_PLACES: Final = 18  # the most digits after the point
_DIGITS: Final = 48  # the most digits in all
_EXACT: Final = (
    "Send a number of at most 15 digits, which a double holds; a longer one goes as text, where the "
    "argument is a decimal."
)


def json_number(value: object, wanted: str = "a number") -> int | float:
    """Return a JSON number with its exact value, an integer where it is one within 53 bits.

    Raises:
        NoCanonicalFormError: It is none, or none that a double holds.
    """
    if type(value) is int and abs(value) <= MAX_INTEGER:
        return value
    read: object = value
    if type(value) is int or type(value) is float:
        read = read_number(number_text(value))
    if isinstance(read, WideNumber):
        raise refuse_wide(read)
    if isinstance(read, bool) or not isinstance(read, int | float):
        raise refuse_type(cast("Json", value), wanted)
    return read


def refuse_wide(number: WideNumber) -> NoCanonicalFormError:
    """Return the error for a number that has other digits, or another size, than any double."""
    beyond = "it is larger than all numbers that JSON and a double hold, or infinite, or NaN"
    digits = "readers of JSON round it: it has more digits, or is nearer to zero, than a double"
    is_finite = math.isfinite(float(number.text))
    return NoCanonicalFormError("number_not_exact", digits if is_finite else beyond, remedy=_EXACT)


@dataclass(frozen=True, slots=True)
class IntegerType:
    """An integer between two bounds, both inclusive.

    Args:
        min: Least value.
        max: Greatest value.
        multiple: What it is a multiple of.
    """

    name: ClassVar[str] = "integer"
    min: int = -MAX_INTEGER
    max: int = MAX_INTEGER
    multiple: int = 1

    def __post_init__(self) -> None:
        integer("integer min", self.min, -MAX_INTEGER)
        integer("integer max", self.max, self.min)
        integer("integer multiple", self.multiple, 1)

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        return (
            "a whole number"
            + (f" from {self.min} to {self.max}" if self._is_bounded else "")
            + (f" that is a multiple of {self.multiple}" if self.multiple > 1 else "")
        )

    @property
    def _is_bounded(self) -> bool:
        return (self.min, self.max) != (-MAX_INTEGER, MAX_INTEGER)

    def canonicalise(self, value: Json) -> Json:
        """Return the integer; `5.0` is 5, `true` is none, nor is `"5"`."""
        number = value
        if type(value) is not int:
            number = json_number(value, "an integer")
            if type(number) is float and not number.is_integer():
                raise NoCanonicalFormError("integer_fraction", "it is no whole number")
        if not self.min <= number <= self.max:  # type: ignore[operator]  # a number
            raise NoCanonicalFormError(
                "integer_out_of_range", f"it is not from {self.min} to {self.max}"
            )
        if number % self.multiple:  # type: ignore[operator]  # an int by now
            raise _no_multiple(str(self.multiple))
        return number

    def to_json(self) -> Json:
        """Return the type's JSON."""
        if self == IntegerType():
            return self.name
        body: dict[str, Json] = {"type": self.name, "min": self.min, "max": self.max}
        return body if self.multiple == 1 else {**body, "multiple": self.multiple}


@dataclass(frozen=True, slots=True)
class _Bounded:
    """What numbers of any size are bounded by, compared exactly.

    Args:
        min: Least value, a decimal number as text; empty is open, as all below.
        max: Greatest value.
        above: What it is greater than.
        below: What it is less than.
        multiple: What it is a multiple of, greater than zero.
    """

    name: ClassVar[str]
    min: str = ""
    max: str = ""
    above: str = ""
    below: str = ""
    multiple: str = ""
    _bounds: tuple[Decimal | None, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        bounds = tuple(
            _bound(f"{self.name} {name}", getattr(self, name))
            for name in ("min", "max", "above", "below")
        )
        multiple = _bound(f"{self.name} multiple", self.multiple)
        if multiple is not None and multiple <= 0:
            raise MalformedError(f"{self.name} multiple", wanted="a decimal number above zero")
        object.__setattr__(self, "_bounds", bounds)

    def refuse_beyond(self, exact: Decimal) -> None:
        """Refuse a number that is not within the bounds.

        Raises:
            NoCanonicalFormError: It is not.
        """
        least, most, above, below = self._bounds
        if (
            (least is not None and exact < least)
            or (most is not None and exact > most)
            or (above is not None and exact <= above)
            or (below is not None and exact >= below)
        ):
            raise NoCanonicalFormError("number_out_of_range", "it is outside the bounds")
        if self.multiple and (Fraction(exact) / Fraction(self.multiple)).denominator != 1:
            raise _no_multiple(self.multiple)

    def bounds_json(self) -> dict[str, Json]:
        """Return the bounds that are stated, by name."""
        named = ("min", "max", "above", "below", "multiple")
        return {name: getattr(self, name) for name in named if getattr(self, name)}


@dataclass(frozen=True, slots=True)
class NumberType(_Bounded):
    """Any finite JSON number, within bounds."""

    name: ClassVar[str] = "number"

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        return bounds_in_words("a number", self)

    def canonicalise(self, value: Json) -> Json:
        """Return the number: an integer within 53 bits, else the double of exactly this value."""
        number = json_number(value, "a number")
        self.refuse_beyond(exact_value(number))
        return number

    def to_json(self) -> Json:
        """Return the type's JSON."""
        body = self.bounds_json()
        return {"type": self.name, **body} if body else self.name


@dataclass(frozen=True, slots=True)
class DecimalType(_Bounded):
    """A decimal number as text: `12.5`, never `12.50`, `1e3` or `+1`, so that equal means equal.

    Args:
        places: Most digits after the point.
        digits: Most digits in all; none that a lone zero before the point is.
    """

    name: ClassVar[str] = "decimal"
    places: int = _PLACES
    digits: int = _DIGITS

    def __post_init__(self) -> None:
        integer("decimal places", self.places, 0, _PLACES)
        integer("decimal digits", self.digits, 1, _DIGITS)
        _Bounded.__post_init__(self)

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        return bounds_in_words(f"a decimal number of at most {self.places} places", self)

    def canonicalise(self, value: Json) -> Json:
        """Return the number without superfluous zeros; `-0` is `0`, and the JSON number 12.5 `12.5`."""
        if type(value) is str:
            text = canonical_decimal(value)
        else:
            text = canonical_decimal(
                f"{exact_value(json_number(value, 'a decimal number, as text or as a number')):f}"
            )
        if text is None:
            raise NoCanonicalFormError(
                "decimal_form",
                "it is not a plain decimal number",
                remedy=f"Send {self.wanted}, in digits with a point and no exponent.",
            )
        whole, _, fraction = text.removeprefix("-").partition(".")
        if len(fraction) > self.places:
            raise NoCanonicalFormError("decimal_places", f"it has {len(fraction)} places")
        digits = len(whole.lstrip("0")) + len(fraction)
        if digits > self.digits:
            raise NoCanonicalFormError("decimal_digits", f"it has {digits} digits")
        self.refuse_beyond(Decimal(text))
        return text

    def to_json(self) -> Json:
        """Return the type's JSON."""
        body: dict[str, Json] = {} if self.places == _PLACES else {"places": self.places}
        body |= {} if self.digits == _DIGITS else {"digits": self.digits}
        body |= self.bounds_json()
        return {"type": self.name, **body} if body else self.name


def bounds_in_words(what: str, of: NumberType | DecimalType) -> str:
    """Return what a number is, with those of its bounds that are set."""
    words = {"min": "at least", "above": "above", "max": "at most", "below": "below",
             "multiple": "a multiple of"}  # fmt: skip
    said = [f"{word} {bound}" for name, word in words.items() if (bound := getattr(of, name, ""))]
    return f"{what} that is {' and '.join(said)}" if said else what


def _bound(what: str, text: object) -> Decimal | None:
    if text == "":
        return None
    if type(text) is not str or canonical_decimal(text) != text:
        raise MalformedError(what, wanted="a canonical decimal number as text")
    return Decimal(text)


def _no_multiple(of: str) -> NoCanonicalFormError:
    return NoCanonicalFormError(
        "number_no_multiple", f"it is no multiple of {of}", remedy=f"Send a multiple of {of}."
    )


def canonical_decimal(text: str) -> str | None:
    """Return a decimal number's canonical text, or None if it is none."""
    if (match := DECIMAL.fullmatch(text)) is None:
        return None
    sign, whole, fraction = match.groups()
    whole, fraction = whole.lstrip("0") or "0", (fraction or "").rstrip("0")
    number = f"{whole}.{fraction}" if fraction else whole
    return number if number == "0" else sign + number


def as_number(value: Json) -> Decimal | None:
    """Return the number that a canonical number or decimal states, exactly; None for others."""
    if type(value) is int or type(value) is float:
        return exact_value(value)
    return Decimal(value) if type(value) is str and canonical_decimal(value) == value else None


@dataclass(frozen=True, slots=True)
class BooleanType(PlainType):
    """True or false; `1`, `"true"` and null are neither."""

    name: ClassVar[str] = "boolean"

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        return "true or false"

    def canonicalise(self, value: Json) -> Json:
        """Return the boolean."""
        if type(value) is not bool:
            raise refuse_type(value, "a boolean")
        return value
