"""Numbers: integers within 53 bits, and decimals as text. No floats, no booleans among them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Final

from delegation.authority.arguments.argument_type import NoCanonicalFormError, refuse_type
from delegation.authority.fields import integer
from delegation.canonical import MAX_INTEGER, Json

DECIMAL: Final = re.compile(r"(-?)(\d{1,30})(?:\.(\d{1,18}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class IntegerType:
    """An integer between two bounds, both inclusive.

    Args:
        min: Least value.
        max: Greatest value.
    """

    name: ClassVar[str] = "integer"
    min: int = -MAX_INTEGER
    max: int = MAX_INTEGER

    def __post_init__(self) -> None:
        integer("integer min", self.min, -MAX_INTEGER)
        integer("integer max", self.max, self.min)

    def canonicalise(self, value: Json) -> Json:
        """Return the integer; `true` is none, nor is `"5"`."""
        if type(value) is not int:
            raise refuse_type(value, "an integer")
        if not self.min <= value <= self.max:
            raise NoCanonicalFormError(
                "integer_out_of_range", f"it is not within {self.min} to {self.max}"
            )
        return value

    def to_json(self) -> Json:
        """Return the type's JSON."""
        if self == IntegerType():
            return self.name
        return {"type": self.name, "min": self.min, "max": self.max}


@dataclass(frozen=True, slots=True)
class DecimalType:
    """A decimal number as text: `12.5`, never `12.50`, `1e3` or `+1`, so that equal means equal.

    Args:
        places: Most digits after the point.
    """

    name: ClassVar[str] = "decimal"
    places: int = 18

    def __post_init__(self) -> None:
        integer("decimal places", self.places, 0, 18)

    def canonicalise(self, value: Json) -> Json:
        """Return the number without superfluous zeros; `-0` is `0`."""
        if type(value) is not str:
            raise refuse_type(value, "a decimal number as text")
        text = canonical_decimal(value)
        if text is None:
            raise NoCanonicalFormError("decimal_form", "it is not a plain decimal number")
        if len(text.partition(".")[2]) > self.places:
            raise NoCanonicalFormError("decimal_places", f"it has more than {self.places} places")
        return text

    def to_json(self) -> Json:
        """Return the type's JSON."""
        return self.name if self == DecimalType() else {"type": self.name, "places": self.places}


def canonical_decimal(text: str) -> str | None:
    """Return a decimal number's canonical text, or None if it is none."""
    match = DECIMAL.fullmatch(text)
    if match is None:
        return None
    sign, whole, fraction = match.groups()
    whole, fraction = whole.lstrip("0") or "0", (fraction or "").rstrip("0")
    number = f"{whole}.{fraction}" if fraction else whole
    return number if number == "0" else sign + number


def as_number(value: Json) -> Decimal | None:
    """Return the number that a canonical integer or decimal states, exactly; None for others."""
    if type(value) is int:
        return Decimal(value)
    if type(value) is str and canonical_decimal(value) == value:
        return Decimal(value)
    return None


@dataclass(frozen=True, slots=True)
class BooleanType:
    """True or false; `1`, `"true"` and null are neither."""

    name: ClassVar[str] = "boolean"

    def canonicalise(self, value: Json) -> Json:
        """Return the boolean."""
        if type(value) is not bool:
            raise refuse_type(value, "a boolean")
        return value

    def to_json(self) -> Json:
        """Return the type's JSON."""
        return self.name
