"""Maps hints to types: bounds such as `Field(ge=1)`, unions of several, and Pydantic's own schemas."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Final, cast

from delegation.authority.arguments import parse_type, shape_of
from delegation.authority.arguments.either import either, kinds_of
from delegation.authority.arguments.free import JsonType
from delegation.authority.documents.numbers import Digits, pattern_of
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
_PLAIN: Final = frozenset({"text", "number"})  # kinds that one plain type reads whole, of that name
_EDGES: Final = {
    "ge": "formatMinimum", "gt": "formatExclusiveMinimum",
    "le": "formatMaximum", "lt": "formatExclusiveMaximum",
}  # fmt: skip


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
        raise MalformedError(
            f"The parameter {name}", wanted=f"bounds that {kind} keeps, without {min(lost)}"
        )


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
    if (pattern := bounds.get("pattern")) is not None:
        if (shape := shape_of(getattr(pattern, "pattern", pattern))) is None:
            raise MalformedError(
                f"The parameter {name}",
                wanted="a pattern that is a plain shape, or the type of the text beside it",
            )
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
        yield from (
            (ours, _decimal(bounds[theirs]))
            for ours, theirs in _OF_NUMBERS.items()
            if theirs in bounds
        )
        pairs = (("places", "decimal_places"), ("digits", "max_digits"))
        yield from ((ours, bounds[theirs]) for ours, theirs in pairs if theirs in bounds)
        if "decimal_places" in bounds and "max_digits" in bounds:
            yield from _whole_digits(bounds)


def _whole_digits(bounds: Mapping[str, Any]) -> Iterator[tuple[str, Json]]:
    """Yield the ends of numbers of as many digits before the point as are left of all."""
    places = bounds["decimal_places"]
    most = Decimal(10) ** max(bounds["max_digits"] - places, 0) - Decimal(1).scaleb(-places)
    ends = (("min", "ge", -most, Decimal.__gt__), ("max", "le", most, Decimal.__lt__))
    yield from (
        (name, _decimal(end))
        for name, key, end, is_stricter in ends
        if key not in bounds or is_stricter(end, Decimal(str(bounds[key])))
    )


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


def union_of(types: Sequence[Json], *, by_place: bool = False) -> tuple[Json, list[int]]:
    """Return the type of what one of several types reads, and which of them it does not keep as they are.

    Args:
        types: The JSON of each, one at least.
        by_place: Whether each is of its own place of a list, so that none reads what another does.
    """
    groups = list[tuple[frozenset[str], list[int]]]()
    plain = [_bare(one) for one in types]
    for number, one in enumerate(plain):
        kinds, members = kinds_of(parse_type(one)), [number]
        for group in [group for group in groups if group[0] & kinds]:
            groups.remove(group)
            kinds, members = group[0] | kinds, group[1] + members
        groups.append((kinds, members))
    found, lost = list[Json](), list[int]()
    for kinds, members in sorted(groups, key=lambda group: min(group[1])):
        made, unkept = _hull(
            kinds, {number: plain[number] for number in sorted(members)}, by_place=by_place
        )
        found += made
        lost += unkept
    whole = either(found)
    if plain == list(types):
        return whole, lost
    return {**(whole if isinstance(whole, dict) else {"type": whole}), "nullable": True}, lost


def _bare(kind: Json) -> Json:
    """Return a type without null."""
    if not isinstance(kind, dict) or "nullable" not in kind:
        return kind
    body = {key: value for key, value in kind.items() if key != "nullable"}
    return body["type"] if len(body) == 1 else body


def _hull(
    kinds: frozenset[str], types: Mapping[int, Json], *, by_place: bool
) -> tuple[list[Json], list[int]]:
    """Return what reads all that types read which share a kind of JSON, and which of them it widens."""
    first, *others = types.values()
    if all(one == first for one in others):
        return [first], []
    values = [value for one in types.values() for value in _fixed(one)]
    if all(map(_fixed, types.values())):
        every = {(type(v), v): v for v in values}
        return [{"type": "enum", "values": [*every.values()]}], list(types) if by_place else []
    wide = sorted(kinds) if kinds <= _PLAIN else [JsonType(kinds=tuple(kinds)).to_json()]
    covered = (
        frozenset()
        if by_place
        else frozenset(one for one in types.values() if isinstance(one, str)) & _PLAIN
    )
    lost = [number for number, one in types.items() if not kinds_of(parse_type(one)) <= covered]
    return cast("list[Json]", wide), lost


def _fixed(kind: Json) -> list[str | int | float]:
    """Return the values of a fixed set, none of other types."""
    is_set = isinstance(kind, dict) and kind["type"] == "enum"
    return cast("Any", kind)["values"] if is_set else []


def is_pydantic(hint: object) -> bool:
    """Return whether Pydantic alone knows what a type takes."""
    own = ("__pydantic_core_schema__", "__get_pydantic_core_schema__")
    known = any(hasattr(hint, name) for name in own)
    return known or str(getattr(hint, "__module__", "")).split(".")[0] == "pydantic"


def adapter(hint: object) -> Any | None:
    """Return what Pydantic makes of a hint; None where nobody imported it: no hint is its own then."""
    pydantic = sys.modules.get("pydantic")
    return None if pydantic is None else pydantic.TypeAdapter(hint)


def schema_of(hint: object) -> dict[str, Any]:
    """Return the JSON Schema of what one of Pydantic's types takes, by the names that a call uses.

    Beside what Pydantic writes itself it has the digits of decimals and the ends of times, which no
    keyword of JSON Schema says (`formatMinimum` and its like).

    Args:
        hint: A type that is Pydantic's (`is_pydantic`).
    """
    found: dict[str, Any] = adapter(hint).json_schema(  # type: ignore[union-attr]  # it is imported
        by_alias=True, mode="validation", schema_generator=_generator()
    )
    return found


@functools.cache
def _generator() -> Any:
    base: Any = sys.modules["pydantic"].json_schema.GenerateJsonSchema

    class Generator(base):  # type: ignore[misc]  # of a package that need not be there
        """Writes the bounds too that Pydantic does not write."""

        def decimal_schema(self, schema: Any) -> Any:
            """Return a number or its text, whose pattern says how many digits it has."""
            made = super().decimal_schema(schema)
            digits = Digits(schema.get("decimal_places"), schema.get("max_digits"))
            for branch in made.get("anyOf", [made]):
                if branch.get("type") == "string":
                    branch["pattern"] = pattern_of(digits)
            return made

        def date_schema(self, schema: Any) -> Any:
            """Return a date with its ends."""
            return _edged(super().date_schema(schema), schema)

        def datetime_schema(self, schema: Any) -> Any:
            """Return a moment with its ends."""
            return _edged(super().datetime_schema(schema), schema)

        def time_schema(self, schema: Any) -> Any:
            """Return a time of day with its ends."""
            return _edged(super().time_schema(schema), schema)

        def timedelta_schema(self, schema: Any) -> Any:
            """Return a duration with its ends."""
            return _edged(super().timedelta_schema(schema), schema)

    return Generator


def _edged(made: dict[str, Any], schema: Any) -> dict[str, Any]:
    edges = {name: str(schema[key]) for key, name in _EDGES.items() if key in schema}
    if schema.get("now_op") is not None:
        edges["formatMaximum" if schema["now_op"] == "past" else "formatMinimum"] = "now"
    return {**made, **edges}
