"""Spells numbers of JSON in one way, by their exact decimal value.

The layout is that of RFC 8785 section 3.2.2.3 (ECMAScript's `Number::toString`). A double has the
shortest digits that read back to it, and those digits *are* its value here: `0.1` is one tenth. What
is written with other digits (`9007199254740993`, `0.1000000000000000055`, `1e400`) has no double, and
is kept with all of them, in the same layout. So two texts are one number exactly if their values are
equal, and nothing is rounded.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

MAX_INTEGER: Final = 2**53 - 1  # RFC 8785 section 3.2.2.3: beyond it, readers disagree
NUMBER: Final = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?", re.ASCII)
_PLAIN_DIGITS: Final = 15  # so many are an integer that every reader holds
_MOST_PLAIN: Final = 21  # digits before the point, up to which no exponent is written
_LEAST_PLAIN: Final = -6
_MOST_EXPONENT: Final = 300  # characters
_BEYOND: Final = "1e+400"


@dataclass(frozen=True, slots=True)
class WideNumber:
    """A number of JSON that has more digits, or another size, than any double.

    Args:
        text: Its exact value, in the one spelling.
    """

    text: str

    def __str__(self) -> str:
        """Return the spelling."""
        return self.text


def read_number(text: str) -> int | float | WideNumber:
    """Return the number that a JSON number text states, exactly.

    Returns:
        An `int` within 53 bits; else the `float` whose canonical spelling has this value; else the
        digits themselves.
    """
    if len(text) <= _PLAIN_DIGITS and text.isdigit():
        return int(text)
    match = NUMBER.fullmatch(text)
    if match is None:  # a reader of JSON hands on nothing else
        raise ValueError(text[:40])
    sign, whole, fraction, exponent = match.groups()
    if not (digits := (whole + (fraction or "")).lstrip("0")):
        return 0
    if len(exponent or "") > _MOST_EXPONENT:
        return WideNumber(text.lower())  # as it was written: to count with such powers takes long
    point = len(whole) + int(exponent or "0") - (len(whole + (fraction or "")) - len(digits))
    spelled = sign + _laid_out(digits.rstrip("0"), point)
    nearest = float(text)
    if not math.isfinite(nearest) or number_text(nearest) != spelled:
        return WideNumber(spelled)
    return int(nearest) if nearest.is_integer() and abs(nearest) <= MAX_INTEGER else nearest


def number_text(value: float) -> str:
    """Return a number's one spelling.

    An integer keeps all its digits, however many. Infinity and NaN are no numbers of JSON: Python's
    reader makes them of `1e400` and `NaN`. They are spelled as a number that no double is.
    """
    if type(value) is int:
        return str(value) if abs(value) <= MAX_INTEGER else _wide_integer(value)
    if not math.isfinite(value):
        return "-" + _BEYOND if value < 0 else _BEYOND
    text = repr(value)
    if "e" not in text:
        return "0" if value == 0 else text.removesuffix(".0")
    mantissa, _, exponent = text.removeprefix("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    return ("-" if value < 0 else "") + _laid_out((whole + fraction).rstrip("0"), 1 + int(exponent))


def is_spelled(text: str) -> bool:
    """Return whether a text is the one spelling of a number that readers of JSON hold exactly."""
    if NUMBER.fullmatch(text) is None:
        return False
    number = read_number(text)
    return not isinstance(number, WideNumber) and number_text(number) == text


def decimal_text(value: Decimal) -> str:
    """Return the one spelling of a decimal number, as who reads JSON exactly holds them.

    Infinity and NaN as in `number_text`.
    """
    if not value.is_finite():
        return "-" + _BEYOND if value.is_signed() else _BEYOND
    read = read_number(str(value))
    return read.text if isinstance(read, WideNumber) else number_text(read)


def exact_value(value: float) -> Decimal:
    """Return a finite number's value: of a double, what its canonical spelling says."""
    return Decimal(value) if type(value) is int else Decimal(number_text(value))


def _wide_integer(value: int) -> str:
    sign, digits, _ = Decimal(value).as_tuple()
    text = "".join(map(str, digits))
    return ("-" if sign else "") + _laid_out(text.rstrip("0"), len(text))


def _laid_out(digits: str, point: int) -> str:
    """Return digits with their point: `point` of them stand before it."""
    if (count := len(digits)) <= point <= _MOST_PLAIN:
        return digits + "0" * (point - count)
    if 0 < point <= _MOST_PLAIN:
        return f"{digits[:point]}.{digits[point:]}"
    if _LEAST_PLAIN < point <= 0:
        return "0." + "0" * -point + digits
    power = point - 1
    fraction = f".{digits[1:]}" if count > 1 else ""
    return f"{digits[0]}{fraction}e{'-' if power < 0 else '+'}{abs(power)}"
