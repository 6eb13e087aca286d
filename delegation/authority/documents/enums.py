"""Imports fixed sets of values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from delegation.authority.arguments import NoCanonicalFormError, parse_type
from delegation.authority.arguments.enum import MAX_ENUM
from delegation.authority.arguments.number import json_number
from delegation.authority.arguments.shape import shape_of
from delegation.authority.documents.facts import Facts
from delegation.authority.documents.imported import Report
from delegation.authority.documents.numbers import NeverError
from delegation.canonical import Json
from delegation.errors import MalformedError


def enum_type(
    facts: Facts, kinds: frozenset[str], base: Callable[[str], Json], place: str, report: Report
) -> Json:
    """Return the type of a fixed set of values, None where some of them are no plain values.

    Args:
        facts: Of a value of which an enumeration is known.
        kinds: The types that it may have; none says nothing.
        base: Returns the type of such a value of a type, without the enumeration.
        place: Where notes are.
        report: Takes what is kept and lost.

    Raises:
        NeverError: No value of the set is admitted.
    """
    bare = replace(facts, types=None, fields={}, items=[], others=[], prefixes=[], unsaid=[])
    known = [(one, fits(one, bare)) for one in facts.enum or [] if one is not None]
    values = [
        one for one, is_fit in known if is_fit is not False and (not kinds or kind_of(one) in kinds)
    ]
    if any(is_fit is None for _, is_fit in known):
        report.note(place, "its values are not held against its pattern")
    if not values:
        raise NeverError("none of its values is one that it admits")
    if any(isinstance(one, list | dict) for one in values) or len(values) > MAX_ENUM:
        return None
    admitted: list[Json] = []
    for value in values:
        if (made := _admitted(value, base)) is None:
            report.note(place, f"its value {str(value)[:80]!r} is refused where it goes")
        elif not any(type(made) is type(one) and made == one for one in admitted):
            admitted.append(made)
    if not admitted:
        raise NeverError("none of its values is one that it admits")
    for key in (*facts.said.keys(), "enum"):
        report.keep(facts.said.get(key, []), key)
    if all(isinstance(one, bool) for one in admitted) and len(admitted) == 2:  # noqa: PLR2004  # both
        return "boolean"
    return {"type": "enum", "values": admitted}


def kind_of(value: Any) -> str:
    """Return a value's type, as `facts.ALL_TYPES` has it."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return "integer" if value == value // 1 else "fraction"
    return {bool: "boolean", str: "string", list: "array", dict: "object"}.get(type(value), "null")


def fits(value: Any, facts: Facts) -> bool | None:
    """Return whether a plain value keeps to all that is said beside its set; None where that is not known.

    Of formats nothing is asked: values of a set are what the document means.
    """
    shapes = [shape_of(pattern) for pattern, _ in facts.patterns]
    if (
        None in shapes
        or facts.fields
        or facts.items
        or facts.others
        or facts.prefixes
        or facts.unsaid
    ):
        return None
    if facts.types is not None and kind_of(value) not in facts.types:
        return False
    bounds = facts.bounds
    if isinstance(value, str):
        least, most = bounds.get("minLength", 0), bounds.get("maxLength", len(value))
        return least <= len(value) <= most and all(s is None or s.matches(value) for s in shapes)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return True
    exact = Fraction(Decimal(repr(value)) if isinstance(value, float) else value)
    return (
        exact >= Fraction(bounds.get("minimum", exact))
        and exact <= Fraction(bounds.get("maximum", exact))
        and exact > Fraction(bounds.get("exclusiveMinimum", exact - 1))
        and exact < Fraction(bounds.get("exclusiveMaximum", exact + 1))
        and all((exact / Fraction(one)).denominator == 1 for one in facts.multiples)
    )


def _admitted(value: Any, base: Callable[[str], Json]) -> Json:
    """Return a value as types have it, None where its type or place refuses it."""
    try:
        plain: Json = value
        if not isinstance(value, bool | str):
            plain = json_number(int(value) if value == value // 1 else float(value))
            if Decimal(repr(plain)) != Decimal(str(value)):
                return None
        parse_type(base(kind_of(value))).canonicalise(plain)
        parse_type({"type": "enum", "values": [plain]})
    except (NoCanonicalFormError, MalformedError, NeverError, OverflowError):
        return None
    return plain
