"""Numbers of a schema, with their bounds."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Any, Final

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
        text = decimal_text(bounds[key])
        if text is None:
            report.lose(facts.said.get(key, [place]), key, "it has more digits than bounds have")
        else:
            body[name] = text
            report.keep(facts.said.get(key, []), key)
    if facts.multiples:
        text = decimal_text(common_multiple(facts.multiples))
        if text is None:
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
