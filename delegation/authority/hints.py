"""Hints: what a Python annotation says of a value, as the JSON of an argument type.

Everything that FastAPI and Pydantic take. Pydantic's own types are asked for their JSON Schema; what
the standard library has is read here, so that nothing depends on what happens to be imported.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import sys
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path, PurePath, PurePosixPath
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin
from uuid import UUID

from delegation.authority.arguments import TYPES, shape_of
from delegation.authority.openapi import type_of_schema
from delegation.canonical import Json
from delegation.errors import MalformedError

MAX_DEPTH: Final = 8  # hints within hints; what is deeper is free JSON
_FREE: Final[Json] = "json"
_PLACES: Final = 18  # the most digits after the point of a decimal
_PLAIN: Final[Mapping[object, Json]] = {
    str: "text", int: "integer", bool: "boolean", float: "number", Decimal: "decimal", bytes: "bytes",
    UUID: "opaque", datetime: "datetime", date: "date", IPv4Address: "host", IPv6Address: "host",
    Path: "path", PurePath: "path", PurePosixPath: "path", time: "line", timedelta: "line",
    Any: _FREE, object: _FREE, dict: _FREE, list: {"type": "list", "of": _FREE},
}  # fmt: skip
_LISTS: Final = frozenset({
    list, set, frozenset, collections.abc.Sequence, collections.abc.MutableSequence, collections.abc.Iterable,
    collections.abc.Collection, collections.abc.Set, collections.abc.MutableSet, collections.deque,
})  # fmt: skip
_SETS: Final = frozenset({set, frozenset, collections.abc.Set, collections.abc.MutableSet})
_FREE_OBJECTS: Final = frozenset({dict, collections.abc.Mapping, collections.abc.MutableMapping})
# What FastAPI's marks say of where a value stands: it cannot leave that place.
_PLACED: Final = {"path": "segment", "header": "line", "cookie": "line"}
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
        return {key: (part, key in required) for key, part in hints.items()}
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


def adapter(hint: object) -> Any:
    """Return what Pydantic makes of a hint; it is imported, since the hint is its own."""
    return sys.modules["pydantic"].TypeAdapter(hint)


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
        if origin is tuple or hint is tuple:
            return self._tuple(parts, bounds, depth)
        if origin in _LISTS or hint in _LISTS:
            of = self.of(parts[0], {}, depth - 1) if parts else _FREE
            is_set = origin in _SETS or hint in _SETS
            return {"type": "list", "of": of, **_lengths(bounds), **({"unique": True} if is_set else {})}
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
            schema = adapter(hint).json_schema(by_alias=True, mode="validation")
            return type_of_schema({**schema, **_keywords(bounds)})
        raise MalformedError(f"The parameter {self.name}", wanted="a hint with an argument type")

    def _enum(self, values: list[Any]) -> Json:
        plain = [value for value in values if value is not None]
        if not plain or not all(type(value) in {str, int, float, bool} for value in plain):
            wanted = "choices that are texts, numbers or booleans"
            raise MalformedError(f"The parameter {self.name}", wanted=wanted)
        body: dict[str, Json] = {"type": "enum", "values": list(dict.fromkeys(plain))}
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
        options: dict[str, Json] = dict(_options(kind, bounds))
        pattern = bounds.get("pattern")
        if kind in {"text", "line", "segment"} and pattern is not None:
            shape = shape_of(getattr(pattern, "pattern", pattern))
            if shape is None:
                wanted = "a pattern that is a plain shape, or the type of the text beside it"
                raise MalformedError(f"The parameter {self.name}", wanted=wanted)
            options["shape"] = shape.to_json()
        return {"type": kind, **options} if options else kind


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
    elif kind == "integer":
        least = [int(bounds["ge"])] if "ge" in bounds else []
        least += [int(bounds["gt"]) + 1] if "gt" in bounds else []
        most = [int(bounds["le"])] if "le" in bounds else []
        most += [int(bounds["lt"]) - 1] if "lt" in bounds else []
        yield from (("min", max(least)),) if least else ()
        yield from (("max", min(most)),) if most else ()
        yield from (("multiple", int(bounds["multiple_of"])),) if "multiple_of" in bounds else ()
    elif kind == "number":
        for ours, theirs in (("min", "ge"), ("max", "le"), ("above", "gt"), ("below", "lt"), ("multiple", "multiple_of")):  # fmt: skip
            if theirs in bounds:
                yield ours, _decimal(bounds[theirs])
    elif kind == "decimal":
        places = int(bounds.get("decimal_places", _PLACES))
        yield from (("places", places),) if places != _PLACES else ()
        # What has so many places and is greater than a bound is at least the next of them.
        step = Decimal(1).scaleb(-places)
        whole = Decimal(10) ** (bounds["max_digits"] - places) - step if "max_digits" in bounds else None
        low = [Decimal(str(bounds["ge"]))] if "ge" in bounds else []
        low += [Decimal(str(bounds["gt"])) + step] if "gt" in bounds else []
        high = [Decimal(str(bounds["le"]))] if "le" in bounds else []
        high += [Decimal(str(bounds["lt"])) - step] if "lt" in bounds else []
        if whole is not None and "decimal_places" in bounds:
            least, high = [*least, -whole], [*most, whole]
        yield from (("min", _decimal(max(low))),) if low else ()
        yield from (("max", _decimal(min(high))),) if high else ()


def _decimal(value: object) -> str:
    text = f"{Decimal(str(value)):f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def _keywords(bounds: Mapping[str, Any]) -> dict[str, Any]:
    """Return bounds as JSON Schema has them, for a type of Pydantic's that they stand beside."""
    names = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum",
             "multiple_of": "multipleOf", "min_length": "minLength", "max_length": "maxLength",
             "pattern": "pattern"}  # fmt: skip
    return {names[key]: value for key, value in bounds.items() if key in names}
