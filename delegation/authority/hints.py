"""Hints: what a Python annotation says of a value, as the JSON of an argument type.

Everything that FastAPI and Pydantic take. Pydantic's own types are asked for their JSON Schema; what
the standard library has is read here, so that nothing depends on what happens to be imported.
"""

from __future__ import annotations

import collections
import collections.abc
import dataclasses
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path, PurePath, PurePosixPath
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin
from uuid import UUID

from delegation.authority.arguments import TYPES, shape_of
from delegation.authority.documents.imported import UnmappableError
from delegation.authority.documents.schema import type_of_schema
from delegation.canonical import Json
from delegation.errors import MalformedError

MAX_DEPTH: Final = 8  # hints within hints; what is deeper is free JSON
_FREE: Final[Json] = "json"
_PLACES: Final = 18  # the most digits after the point of a decimal
_PLAIN: Final[Mapping[object, Json]] = {
    str: "text", int: "integer", bool: "boolean", float: "number", Decimal: "decimal", bytes: "bytes",
    datetime: "datetime", date: "date", IPv4Address: "host", IPv6Address: "host",
    Path: "path", PurePath: "path", PurePosixPath: "path",
    Any: _FREE, object: _FREE, dict: _FREE, list: {"type": "list", "of": _FREE},
}  # fmt: skip
DEQUE: Final[Any] = collections.deque
_BY_FORMAT: Final = {UUID: "uuid", time: "time", timedelta: "duration"}
LISTS: Final = frozenset({
    list, set, frozenset, collections.abc.Sequence, collections.abc.MutableSequence, collections.abc.Iterable,
    collections.abc.Collection, collections.abc.Set, collections.abc.MutableSet, DEQUE,
})  # fmt: skip
SETS: Final = frozenset({set, frozenset, collections.abc.Set, collections.abc.MutableSet})
_FREE_OBJECTS: Final = frozenset({dict, collections.abc.Mapping, collections.abc.MutableMapping})
# What FastAPI's marks say of where a value stands: it cannot leave that place.
_PLACED: Final = {"path": "segment", "header": "line", "cookie": "line"}
_OF_NUMBERS: Final = {
    "min": "ge",
    "max": "le",
    "above": "gt",
    "below": "lt",
    "multiple": "multiple_of",
}
_KEPT: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(("text", "line", "segment"), frozenset({"min_length", "max_length", "pattern"})),
    "number": frozenset(_OF_NUMBERS.values()), "integer": frozenset(_OF_NUMBERS.values()),
    "decimal": frozenset({"ge", "gt", "le", "lt", "decimal_places", "max_digits"}),
}  # fmt: skip
_BOUNDS: Final = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern",
                  "decimal_places", "max_digits")  # fmt: skip


def type_json(name: str, hint: object) -> Json:
    """Return the JSON of the argument type that a hint stands for.

    Args:
        name: The parameter, for the error.
        hint: An annotation, resolved.

    Raises:
        MalformedError: It stands for none, or has a bound that no type keeps.
    """
    return _Reading(name).of(hint, {}, MAX_DEPTH)


def parameters_of(function: Callable[..., object]) -> dict[str, tuple[object, bool]]:
    """Return a function's parameters by name: the hint of each, and whether a call needs it.

    Raises:
        MalformedError: A parameter has no name of its own or no hint, or a hint does not resolve.
    """
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        raise MalformedError("A tool's hints", wanted="resolvable types") from error
    found: dict[str, tuple[object, bool]] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}:
            raise MalformedError(f"The parameter {parameter.name}", wanted="a named parameter")
        if parameter.name not in hints:
            raise MalformedError(f"The parameter {parameter.name}", wanted="a type hint")
        hint, default = hints[parameter.name], parameter.default
        is_required = default is parameter.empty
        if hasattr(
            default, "is_required"
        ):  # `= Query(...)`, which holds the bounds and the default
            hint, is_required = Annotated[hint, default], bool(default.is_required())
        found[parameter.name] = hint, is_required
    return found


def split(hint: object) -> tuple[object, tuple[object, ...]]:
    """Return what a hint is without the marks around it, and those marks, outermost last."""
    marks: tuple[object, ...] = ()
    while True:
        if get_origin(hint) is Annotated:
            hint, *own = get_args(hint)
            marks = (*own, *marks)
        elif hasattr(hint, "__supertype__"):  # a NewType
            hint = hint.__supertype__
        elif hasattr(hint, "__value__") and type(hint).__name__ == "TypeAliasType":
            hint = hint.__value__
        elif get_origin(hint) in {typing.Required, typing.NotRequired, typing.Final}:
            (hint,) = get_args(hint)
        else:
            return hint, marks


def without_none(hint: object) -> tuple[object, bool]:
    """Return the hint without None, and whether None was in it."""
    bare, _ = split(hint)
    if get_origin(bare) not in {Union, types.UnionType}:
        return hint, False
    rest = [part for part in get_args(bare) if part is not type(None)]
    if len(rest) == len(get_args(bare)):
        return hint, False
    return Union[tuple(rest)], True  # noqa: UP007  # of as many as there are


def fields_of(hint: object) -> dict[str, tuple[object, bool]] | None:
    """Return the fields of a dataclass, TypedDict or NamedTuple with whether each is required."""
    if not isinstance(hint, type):
        return None
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint, include_extras=True)
        missing = dataclasses.MISSING
        return {
            one.name: (hints[one.name], one.default is one.default_factory is missing)
            for one in dataclasses.fields(hint)
            if one.init
        }
    if typing.is_typeddict(hint):
        required = cast("frozenset[str]", hint.__required_keys__)  # type: ignore[attr-defined]
        hints = typing.get_type_hints(hint, include_extras=True)
        # Written as text, the marks are seen in the hints alone.
        said = {typing.Required: True, typing.NotRequired: False}
        return {k: (h, said.get(get_origin(h), k in required)) for k, h in hints.items()}
    names = getattr(hint, "_fields", None)
    if issubclass(hint, tuple) and names is not None:
        hints = typing.get_type_hints(hint, include_extras=True)
        defaults = getattr(hint, "_field_defaults", {})
        return {name: (hints.get(name, Any), name not in defaults) for name in names}
    return None


def is_pydantic(hint: object) -> bool:
    """Return whether Pydantic alone knows what a type takes."""
    own = ("__pydantic_core_schema__", "__get_pydantic_core_schema__")
    known = any(hasattr(hint, name) for name in own)
    return known or str(getattr(hint, "__module__", "")).split(".")[0] == "pydantic"


def adapter(hint: object) -> Any | None:
    """Return what Pydantic makes of a hint; None where nobody imported it: no hint is its own then."""
    pydantic = sys.modules.get("pydantic")
    return None if pydantic is None else pydantic.TypeAdapter(hint)


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


@dataclasses.dataclass(frozen=True, slots=True)
class _Reading:
    name: str

    def of(self, hint: object, bounds: Mapping[str, Any], depth: int) -> Json:
        bare, marks = split(hint)
        for mark in reversed(marks):
            if (isinstance(mark, str) and mark in TYPES) or isinstance(mark, dict):
                return cast("Json", mark)
            if hasattr(mark, "canonicalise"):
                return cast("Any", mark).to_json()  # type: ignore[no-any-return]
        bounds = {**bounds, **bounds_of(marks)}
        rest, is_nullable = without_none(bare)
        if is_nullable:
            inner = self.of(Annotated[rest, *marks] if marks else rest, bounds, depth)
            return {**(inner if isinstance(inner, dict) else {"type": inner}), "nullable": True}
        place = next((p for m in reversed(marks) if (p := _place(m)) in _PLACED), None)
        if bare is str and place is not None:
            return self._bounded(_PLACED[place], bounds)
        if depth == 0:
            return _FREE
        return self._plain(bare, bounds) or self._made(bare, bounds, depth)

    def _plain(self, hint: object, bounds: Mapping[str, Any]) -> Json:
        try:
            found = _PLAIN.get(hint)
        except TypeError:  # a hint that has no hash
            return None
        return self._bounded(found, bounds) if isinstance(found, str) else found

    def _made(self, hint: object, bounds: Mapping[str, Any], depth: int) -> Json:
        origin, parts = get_origin(hint), get_args(hint)
        if origin is Literal:
            return self._enum([v.value if isinstance(v, Enum) else v for v in parts])
        if origin in {Union, types.UnionType} or origin in _FREE_OBJECTS:
            return _FREE
        if hint in _BY_FORMAT:
            return _of_schema(
                self.name, {"type": "string", "format": _BY_FORMAT[cast("Any", hint)]}
            )
        if origin is tuple or hint is tuple:
            return self._tuple(parts, bounds, depth)
        if origin in LISTS or hint in LISTS:
            of = self.of(parts[0], {}, depth - 1) if parts else _FREE
            is_set = origin in SETS or hint in SETS
            return {
                "type": "list",
                "of": of,
                **_lengths(bounds),
                **({"unique": True} if is_set else {}),
            }
        if isinstance(hint, type) and issubclass(hint, Enum):
            return self._enum([member.value for member in hint])
        if hint in _FREE_OBJECTS:
            return _FREE
        fields = None if is_pydantic(hint) else fields_of(hint)
        if fields is not None:
            read = {
                key + ("" if required else "?"): self.of(part, {}, depth - 1)
                for key, (part, required) in fields.items()
            }
            return {"type": "object", "fields": read}
        if is_pydantic(hint):
            schema = cast("Any", adapter(hint)).json_schema(by_alias=True, mode="validation")
            return _of_schema(self.name, {**schema, **_keywords(bounds)})
        raise MalformedError(f"The parameter {self.name}", wanted="a hint with an argument type")

    def _enum(self, values: list[Any]) -> Json:
        plain = [value for value in values if value is not None]
        if not plain or not all(type(value) in {str, int, float, bool} for value in plain):
            wanted = "choices that are texts, numbers or booleans"
            raise MalformedError(f"The parameter {self.name}", wanted=wanted)
        body: dict[str, Json] = {
            "type": "enum",
            "values": [*{(type(v), v): v for v in plain}.values()],
        }
        return body if len(plain) == len(values) else {**body, "nullable": True}

    def _tuple(self, parts: tuple[object, ...], bounds: Mapping[str, Any], depth: int) -> Json:
        if not parts:
            return {"type": "list", "of": _FREE, **_lengths(bounds)}
        if len(parts) == 2 and parts[1] is Ellipsis:  # noqa: PLR2004
            return {"type": "list", "of": self.of(parts[0], {}, depth - 1), **_lengths(bounds)}
        if all(part == parts[0] for part in parts):
            of = self.of(parts[0], {}, depth - 1)
            return {"type": "list", "of": of, "min": len(parts), "max": len(parts)}
        return _FREE

    def _bounded(self, kind: str, bounds: Mapping[str, Any]) -> Json:
        lost = bounds.keys() - _KEPT.get(kind, frozenset())
        if lost:
            wanted = f"bounds that {kind} keeps, without {min(lost)}"
            raise MalformedError(f"The parameter {self.name}", wanted=wanted)
        options: dict[str, Json] = dict(_options(kind, bounds))
        pattern = bounds.get("pattern")
        if kind in {"text", "line", "segment"} and pattern is not None:
            shape = shape_of(getattr(pattern, "pattern", pattern))
            if shape is None:
                wanted = "a pattern that is a plain shape, or the type of the text beside it"
                raise MalformedError(f"The parameter {self.name}", wanted=wanted)
            options["shape"] = shape.to_json()
        return {"type": kind, **options} if options else kind


def _of_schema(name: str, schema: dict[str, Any]) -> Json:
    try:
        return type_of_schema(schema)
    except UnmappableError as error:
        raise MalformedError(
            f"The parameter {name}", wanted=f"a hint with a type; {error}"
        ) from error


def _place(mark: object) -> str:
    """Return where one of FastAPI's marks says that a value stands; empty if it says nothing."""
    where = getattr(mark, "in_", None)
    return str(getattr(where, "value", where or ""))


def _lengths(bounds: Mapping[str, Any]) -> dict[str, Json]:
    pairs = (("min", "min_length"), ("max", "max_length"))
    return {ours: bounds[theirs] for ours, theirs in pairs if theirs in bounds}


def _options(kind: str, bounds: Mapping[str, Any]) -> Iterator[tuple[str, Json]]:
    if kind in {"text", "line", "segment"}:
        yield from _lengths(bounds).items()
    elif kind in {"integer", "decimal"}:
        places = 0 if kind == "integer" else int(bounds.get("decimal_places", _PLACES))
        yield from (("places", places),) if kind == "decimal" and places != _PLACES else ()
        low, high = _edges(bounds, places)
        said: Callable[[Decimal], Json] = int if kind == "integer" else _decimal
        yield from (("min", said(low)),) if low is not None else ()
        yield from (("max", said(high)),) if high is not None else ()
        if kind == "integer" and "multiple_of" in bounds:
            yield "multiple", int(bounds["multiple_of"])
    elif kind == "number":
        for ours, theirs in _OF_NUMBERS.items():
            if theirs in bounds:
                yield ours, _decimal(bounds[theirs])


def _edges(bounds: Mapping[str, Any], places: int) -> tuple[Decimal | None, Decimal | None]:
    """Return the least and the greatest value with so many digits after the point."""
    step = Decimal(1).scaleb(-places)
    exact = {
        key: Decimal(str(value)) for key, value in bounds.items() if key in {"ge", "gt", "le", "lt"}
    }
    low = [exact["ge"].quantize(step, ROUND_CEILING)] if "ge" in exact else []
    low += [exact["gt"].quantize(step, ROUND_FLOOR) + step] if "gt" in exact else []
    high = [exact["le"].quantize(step, ROUND_FLOOR)] if "le" in exact else []
    high += [exact["lt"].quantize(step, ROUND_CEILING) - step] if "lt" in exact else []
    if "max_digits" in bounds and "decimal_places" in bounds:
        most = Decimal(10) ** (bounds["max_digits"] - places) - step
        low, high = [*low, -most], [*high, most]
    return max(low, default=None), min(high, default=None)


def _decimal(value: object) -> str:
    text = f"{Decimal(str(value)):f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def _keywords(bounds: Mapping[str, Any]) -> dict[str, Any]:
    """Return bounds as JSON Schema has them, for a type of Pydantic's that they stand beside."""
    names = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum",
             "multiple_of": "multipleOf", "min_length": "minLength", "max_length": "maxLength",
             "pattern": "pattern"}  # fmt: skip
    return {names[key]: value for key, value in bounds.items() if key in names}
