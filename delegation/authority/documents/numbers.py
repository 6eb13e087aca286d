"""Imports numbers of a schema, with their bounds.

Decimals are sent as a number or as a text that spells one, as Pydantic writes `Decimal`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Any, Final, NamedTuple

from delegation.authority.arguments.number import canonical_decimal
from delegation.authority.documents.facts import Facts, common_multiple
from delegation.authority.documents.imported import Report
from delegation.canonical import Json
from delegation.json_number import MAX_INTEGER

_KEYWORDS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_INTEGER_FORMATS: Final = {
    f"{sign}int{bits}": (0, 2**bits - 1) if sign else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    for sign in ("", "u")
    for bits in (8, 16, 32, 64)
}
_OTHER_FORMATS: Final = frozenset({"double", "float", "double-int", "decimal", "decimal128"})
NUMBER_FORMATS: Final = _INTEGER_FORMATS.keys() | _OTHER_FORMATS
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


class NeverError(Exception):
    """No value is admitted by a schema; caught where that has a meaning."""


def number_type(facts: Facts, place: str, report: Report) -> Json:
    """Return the type of the numbers that the facts admit.

    Args:
        facts: Of a value that is a number.
        place: Where notes are.
        report: Takes what is kept and lost.

    Raises:
        NeverError: There is no such number.
    """
    bounds: dict[str, Any] = {key: facts.bounds[key] for key in _KEYWORDS if key in facts.bounds}
    for name, where in facts.formats:
        if name in _INTEGER_FORMATS:
            low, high = _INTEGER_FORMATS[name]
            bounds["minimum"] = max(low, bounds.get("minimum", low))
            bounds["maximum"] = min(high, bounds.get("maximum", high))
        elif name not in _OTHER_FORMATS:
            report.note(where, f"the format {name} is not known and bounds nothing")
            continue
        report.keep([where], "format")
    if facts.kinds == {"integer"}:
        return _integer(facts, bounds, place, report)
    return _number(facts, bounds, place, report)


def _integer(facts: Facts, bounds: dict[str, Any], place: str, report: Report) -> Json:
    lows = [-MAX_INTEGER]
    highs = [MAX_INTEGER]
    lows += [ceil(bounds["minimum"])] if "minimum" in bounds else []
    lows += [floor(bounds["exclusiveMinimum"]) + 1] if "exclusiveMinimum" in bounds else []
    highs += [floor(bounds["maximum"])] if "maximum" in bounds else []
    highs += [ceil(bounds["exclusiveMaximum"]) - 1] if "exclusiveMaximum" in bounds else []
    low, high = max(lows), min(highs)
    # The integers among the multiples of p/q, in lowest terms, are the multiples of p.
    multiple = common_multiple(facts.multiples).numerator if facts.multiples else 1
    if low > high or multiple > MAX_INTEGER:
        raise NeverError("no integer that is read lies within its bounds")
    for key in _KEYWORDS:
        report.keep(facts.said.get(key, []), key)
        if key in facts.bounds and abs(facts.bounds[key]) > MAX_INTEGER + 1:
            report.note(place, "integers beyond 53 bits are refused: readers of JSON round them")
    body: dict[str, Json] = {"type": "integer"}
    body |= {"min": low} if low > -MAX_INTEGER else {}
    body |= {"max": high} if high < MAX_INTEGER else {}
    body |= {"multiple": multiple} if multiple > 1 else {}
    return body if len(body) > 1 else "integer"


def _number(facts: Facts, bounds: dict[str, Any], place: str, report: Report) -> Json:
    ours = {
        "minimum": "min", "maximum": "max", "exclusiveMinimum": "above", "exclusiveMaximum": "below",
    }  # fmt: skip
    low = max(
        (bounds[key] for key in ("minimum", "exclusiveMinimum") if key in bounds), default=None
    )
    high = min(
        (bounds[key] for key in ("maximum", "exclusiveMaximum") if key in bounds), default=None
    )
    if low is not None and high is not None and low > high:
        raise NeverError("no number lies within its bounds")
    body: dict[str, Json] = {"type": "number"}
    for key, name in ours.items():
        if key not in bounds:
            continue
        if (text := decimal_text(bounds[key])) is None:
            report.lose(facts.said.get(key, [place]), key, "it has more digits than bounds have")
        else:
            body[name] = text
            report.keep(facts.said.get(key, []), key)
    if facts.multiples:
        if (text := decimal_text(common_multiple(facts.multiples))) is None:
            report.lose(
                facts.said.get("multipleOf", [place]),
                "multipleOf",
                "it has more digits than bounds have",
            )
        else:
            body["multiple"] = text
            report.keep(facts.said.get("multipleOf", [place]), "multipleOf")
    return body if len(body) > 1 else "number"


def decimal_text(value: int | Decimal | Fraction) -> str | None:
    """Return a number's exact canonical decimal text, None where bounds do not hold so many digits."""
    if isinstance(value, Fraction):
        units = value * 10**18
        whole, rest = divmod(abs(units.numerator), 10**18)
        if units.denominator != 1:
            return None
        return canonical_decimal(f"{'-' if value < 0 else ''}{whole}.{rest:018d}")
    if isinstance(value, Decimal) and not -40 <= value.adjusted() <= 40:  # noqa: PLR2004  # spelled out below
        return None
    return canonical_decimal(f"{Decimal(value):f}")


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
    if (match := _DIGITS.fullmatch(pattern)) is None or not match[3]:
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
