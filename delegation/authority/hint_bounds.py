"""Bounds in annotations: what marks such as `Field(ge=1)` state, as options of an argument type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Final, cast

from delegation.authority.arguments import shape_of
from delegation.canonical import Json
from delegation.errors import MalformedError

LENGTHS: Final = frozenset({"min_length", "max_length"})
_OF_NUMBERS: Final = {
    "min": "ge",
    "max": "le",
    "above": "gt",
    "below": "lt",
    "multiple": "multiple_of",
}
_KEPT: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(("text", "line", "segment"), LENGTHS | {"pattern"}),
    **dict.fromkeys(("list", "map"), LENGTHS),
    "number": frozenset(_OF_NUMBERS.values()), "integer": frozenset(_OF_NUMBERS.values()),
    "decimal": frozenset(_OF_NUMBERS.values()) | {"decimal_places", "max_digits"},
}  # fmt: skip
_BOUNDS: Final = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern",
                  "decimal_places", "max_digits")  # fmt: skip


def bounds_of(marks: Iterable[object]) -> dict[str, Any]:
    """Return the bounds that marks state, the last of each kind."""
    found: dict[str, Any] = {}
    for mark in marks:
        inner = getattr(mark, "metadata", None)
        if isinstance(inner, list | tuple):  # a Field, Query, Path, Body, Header
            found |= bounds_of(inner)
        elif not isinstance(mark, str | bytes | Mapping) and isinstance(mark, Iterable):
            found |= bounds_of(cast("Iterable[object]", mark))  # a group of them
        given = {key: getattr(mark, key, None) for key in _BOUNDS}
        found |= {key: value for key, value in given.items() if value is not None}
    return found


def refuse_lost(name: str, kind: str, bounds: Mapping[str, Any]) -> None:
    """Refuse bounds that a type does not keep.

    Args:
        name: The parameter, for the error.
        kind: The type's name.
        bounds: What marks state.

    Raises:
        MalformedError: It keeps one of them not.
    """
    lost = bounds.keys() - _KEPT.get(kind, frozenset())
    if lost:
        wanted = f"bounds that {kind} keeps, without {min(lost)}"
        raise MalformedError(f"The parameter {name}", wanted=wanted)


def bounded(name: str, kind: str, bounds: Mapping[str, Any]) -> Json:
    """Return a type's JSON with the bounds that marks state.

    Args:
        name: The parameter, for the error.
        kind: The name of a type of plain values.
        bounds: What the marks state.

    Raises:
        MalformedError: It does not keep one of them.
    """
    refuse_lost(name, kind, bounds)
    options: dict[str, Json] = dict(_options(kind, bounds))
    pattern = bounds.get("pattern")
    if pattern is not None:
        shape = shape_of(getattr(pattern, "pattern", pattern))
        if shape is None:
            wanted = "a pattern that is a plain shape, or the type of the text beside it"
            raise MalformedError(f"The parameter {name}", wanted=wanted)
        options["shape"] = shape.to_json()
    return {"type": kind, **options} if options else kind


def lengths(bounds: Mapping[str, Any]) -> dict[str, Json]:
    """Return the least and greatest length that marks state."""
    pairs = (("min", "min_length"), ("max", "max_length"))
    return {ours: bounds[theirs] for ours, theirs in pairs if theirs in bounds}


def keywords(bounds: Mapping[str, Any]) -> dict[str, Any]:
    """Return bounds as JSON Schema has them, for a type of Pydantic's that they stand beside."""
    names = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum",
             "multiple_of": "multipleOf", "min_length": "minLength", "max_length": "maxLength",
             "pattern": "pattern"}  # fmt: skip
    return {names[key]: value for key, value in bounds.items() if key in names}


def _options(kind: str, bounds: Mapping[str, Any]) -> Iterator[tuple[str, Json]]:
    if kind in {"text", "line", "segment"}:
        yield from lengths(bounds).items()
    elif kind == "integer":
        low, high = _edges(bounds)
        yield from (("min", low),) if low is not None else ()
        yield from (("max", high),) if high is not None else ()
        if "multiple_of" in bounds:
            yield "multiple", int(bounds["multiple_of"])
    elif kind in {"number", "decimal"}:
        for ours, theirs in _OF_NUMBERS.items():
            if theirs in bounds:
                yield ours, _decimal(bounds[theirs])
        pairs = (("places", "decimal_places"), ("digits", "max_digits"))
        yield from ((ours, bounds[theirs]) for ours, theirs in pairs if theirs in bounds)
        if "decimal_places" in bounds and "max_digits" in bounds:
            yield from _whole_digits(bounds)


def _whole_digits(bounds: Mapping[str, Any]) -> Iterator[tuple[str, Json]]:
    """Yield the ends of numbers of as many digits before the point as are left of all."""
    places = bounds["decimal_places"]
    most = Decimal(10) ** max(bounds["max_digits"] - places, 0) - Decimal(1).scaleb(-places)
    for name, key, end, is_stricter in (
        ("min", "ge", -most, Decimal.__gt__),
        ("max", "le", most, Decimal.__lt__),
    ):
        if key not in bounds or is_stricter(end, Decimal(str(bounds[key]))):
            yield name, _decimal(end)


def _edges(bounds: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Return the least and the greatest integer."""

    def whole(key: str, rounding: str, step: int = 0) -> list[int]:
        exact = bounds.get(key)
        return (
            [] if exact is None else [int(Decimal(str(exact)).to_integral_value(rounding)) + step]
        )

    low = whole("ge", ROUND_CEILING) + whole("gt", ROUND_FLOOR, 1)
    high = whole("le", ROUND_FLOOR) + whole("lt", ROUND_CEILING, -1)
    return max(low, default=None), min(high, default=None)


def _decimal(value: object) -> str:
    text = f"{Decimal(str(value)):f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"
