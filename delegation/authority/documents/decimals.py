"""Decimals: numbers that are sent as a number or as a text that spells one, as Pydantic writes `Decimal`."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Final, NamedTuple

from delegation.authority.documents.facts import Facts
from delegation.authority.documents.imported import Report
from delegation.authority.documents.numbers import NeverError, decimal_text, number_type
from delegation.canonical import Json

MAX_PLACES: Final = 18  # the most digits after the point that the type has
MAX_DIGITS: Final = 48  # the most digits in all
_BEGIN: Final = r"^(?!^[-+.]*$)[+-]?0*"  # how Pydantic's pattern begins, where it writes one
_PLAIN: Final = frozenset({
    rf"{_BEGIN}\d*\.?\d*$", r"^[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)$",
})  # fmt: skip
_PLACES: Final = re.compile(re.escape(_BEGIN) + r"\\d\*\\\.\?\\d\{0,(\d{1,4})\}0\*\$")
_DIGITS: Final = re.compile(
    re.escape(_BEGIN)
    + r"\(\?:\\d\{0,(\d{1,4})\}\|\(\?=\[\\d\.\]\{1,(\d{1,4})\}0\*\$\)"
    + r"\\d(?:\*\\\.\\d\*|\{0,(\d{1,4})\}\\\.\\d\{0,(\d{1,4})\})0\*\$\)"
)
_READ: Final = (
    "it is a decimal number, plainly spelled as text: without exponent, plus sign or bare point"
)
_BESIDE: Final = (
    "a text beside a bounded number is read as a decimal number; other texts are refused"
)


class Digits(NamedTuple):
    """How many digits a decimal number has at most; None is any number.

    Args:
        places: After the point.
        all: In all.
    """

    places: int | None = None
    all: int | None = None


def decimal_type(number: Facts, text: Facts, place: str, report: Report) -> Json:
    """Return the type of what is a number or a text that spells one, None where the text is of another kind.

    A text of which nothing is said spells a number where the number beside it is bounded: else a
    value beyond the bounds would be admitted as text.

    Args:
        number: What is said if it is a number.
        text: What is said if it is text.
        place: Where notes are.
        report: Takes what is kept and lost.

    Raises:
        NeverError: There is no such number.
    """
    others = replace(text, patterns=[], said={}, circles=frozenset())
    is_bare = others == Facts(types=text.types, is_read_only=text.is_read_only)
    if not is_bare or number.enum is not None or "fraction" not in (number.types or ()):
        return None
    digits = digits_of(text.patterns[0][0]) if len(text.patterns) == 1 else None
    if digits is None and (text.patterns or not number.bounds.keys() | number.multiples):
        return None
    made = number_type(number, place, report)
    body: dict[str, Json] = (
        {**made, "type": "decimal"} if isinstance(made, dict) else {"type": "decimal"}
    )
    if digits is not None:
        body |= _bounds(digits, body)
        report.keep(text.said.get("pattern", []), "pattern")
    report.note(place, _READ if text.patterns else _BESIDE)
    return body if len(body) > 1 else "decimal"


def _bounds(digits: Digits, body: dict[str, Json]) -> dict[str, Json]:
    """Return the options that hold a decimal to so many digits."""
    found: dict[str, Json] = {}
    places = MAX_PLACES if digits.places is None else min(digits.places, MAX_PLACES)
    if places < MAX_PLACES:
        found["places"] = places
    if digits.all is not None and digits.all < MAX_DIGITS:
        if digits.all == 0:
            raise NeverError("no number has no digits")
        found["digits"] = digits.all
        if digits.places is not None:  # then so many stand before the point
            most = Decimal(10) ** max(digits.all - digits.places, 0) - Decimal(1).scaleb(-places)
            if most < Decimal(str(body.get("max", most + 1))):
                found["max"] = decimal_text(most)
            if -most > Decimal(str(body.get("min", -most - 1))):
                found["min"] = decimal_text(-most)
    return found


def digits_of(pattern: str) -> Digits | None:
    """Return how many digits the texts have that match a pattern of Pydantic's; None for other patterns."""
    if pattern in _PLAIN:
        return Digits()
    if match := _PLACES.fullmatch(pattern):
        return Digits(places=int(match[1]))
    match = _DIGITS.fullmatch(pattern)
    if match is None or not match[3]:
        is_right = match is not None and int(match[2]) == int(match[1]) + 1
        return Digits(all=int(match[1])) if match is not None and is_right else None
    most, places = int(match[2]) - 1, int(match[4])
    is_right = match[1] == match[3] and int(match[1]) == max(0, most - places)
    return Digits(places, most) if is_right else None


def pattern_of(digits: Digits) -> str:
    """Return such a pattern."""
    places, most = digits
    if most is None:
        return rf"{_BEGIN}\d*\.?\d*$" if places is None else rf"{_BEGIN}\d*\.?\d{{0,{places}}}0*$"
    whole = most if places is None else max(0, most - places)
    parts = r"\d*\.\d*" if places is None else rf"\d{{0,{whole}}}\.\d{{0,{places}}}"
    return rf"{_BEGIN}(?:\d{{0,{whole}}}|(?=[\d.]{{1,{most + 1}}}0*$){parts}0*$)"
