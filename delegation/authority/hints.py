"""Reads hints: a Python annotation as the JSON of an argument type.

Everything that FastAPI and Pydantic take. Pydantic's own types are asked for their JSON Schema; what
the standard library has is read here, so that nothing depends on what happens to be imported.
"""

from __future__ import annotations

import collections
import collections.abc
import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path, PurePath, PurePosixPath
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin
from uuid import UUID

from delegation.authority.arguments import TYPES, parse_type
from delegation.authority.arguments.either import kinds_of
from delegation.authority.documents.imported import Report, UnmappableError, shown
from delegation.authority.documents.references import References, bounds_inside
from delegation.authority.documents.schema import type_of_schema
from delegation.authority.hint_types import (
    bounded,
    bounds_of,
    is_pydantic,
    keywords,
    lengths,
    refuse_lost,
    schema_of,
    union_of,
)
from delegation.canonical import Json
from delegation.errors import MalformedError

MAX_DEPTH: Final = 8  # hints within hints; what is deeper is free JSON
SOFT: Final = frozenset({"required", "format", "dependentRequired"})
"""Keywords whose loss refuses no hint: what is missing or odd in form reaches no further."""
_REMEDY: Final = (
    "give the parameter a type beside its hint, as Annotated[..., {'type': ...}], "
    "or a model's field what the tool keeps, with pydantic.WithJsonSchema"
)
_FREE: Final[Json] = "json"
_ABOVE: Final[Json] = [
    {"of": "-", "min": 0, "max": 1},
    {"of": "1-9", "min": 1, "max": 1},
    {"of": "0-9", "min": 0, "max": 15},
]
# Each integer is spelled once, so that no two names are one key.
_INTEGER_NAMES: Final[Json] = {
    "type": "text", "max": 17, "shape": [{"any_of": [[{"text": "0"}], _ABOVE]}],
}  # fmt: skip
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
            return bounded(self.name, _PLACED[place], bounds)
        if depth == 0:
            self._refuse_bounds([bare], "nested so deep")
            return _FREE
        return self._plain(bare, bounds) or self._made(bare, bounds, depth)

    def _plain(self, hint: object, bounds: Mapping[str, Any]) -> Json:
        try:
            found = _PLAIN.get(hint)
        except TypeError:  # a hint that has no hash
            return None
        if isinstance(found, str) and found != _FREE:
            return bounded(self.name, found, bounds)
        return None if bounds else found

    def _made(self, hint: object, bounds: Mapping[str, Any], depth: int) -> Json:
        origin, parts = get_origin(hint), get_args(hint)
        if origin in _FREE_OBJECTS or hint in _FREE_OBJECTS:
            return self._map(parts or (str, Any), bounds, depth)
        if origin is tuple or hint is tuple:
            return self._tuple(parts, bounds, depth)
        if origin in LISTS or hint in LISTS:
            of = self.of(parts[0], {}, depth - 1) if parts else _FREE
            return self._list(of, bounds, is_set=origin in SETS or hint in SETS)
        if is_pydantic(hint) and origin not in {Union, types.UnionType}:
            return self._of_schema({**schema_of(hint), **keywords(bounds)})
        refuse_lost(self.name, str(getattr(hint, "__name__", hint)), bounds)
        if origin is Literal:
            return self._enum([v.value if isinstance(v, Enum) else v for v in parts])
        if origin in {Union, types.UnionType}:
            return self._union(parts, depth)
        if hint in _BY_FORMAT:
            return self._of_schema({"type": "string", "format": _BY_FORMAT[cast("Any", hint)]})
        if isinstance(hint, type) and issubclass(hint, Enum):
            return self._enum([member.value for member in hint])
        if (fields := fields_of(hint)) is not None:
            read = {
                key + ("" if required else "?"): self.of(part, {}, depth - 1)
                for key, (part, required) in fields.items()
            }
            return {"type": "object", "fields": read}
        raise MalformedError(f"The parameter {self.name}", wanted="a hint with an argument type")

    def _enum(self, values: list[Any]) -> Json:
        plain = [value for value in values if value is not None]
        if not plain or not all(type(value) in {str, int, float, bool} for value in plain):
            raise MalformedError(
                f"The parameter {self.name}", wanted="choices that are texts, numbers or booleans"
            )
        body: dict[str, Json] = {
            "type": "enum",
            "values": [*{(type(v), v): v for v in plain}.values()],
        }
        return body if len(plain) == len(values) else {**body, "nullable": True}

    def _list(self, of: Json, bounds: Mapping[str, Any], *, is_set: bool = False) -> Json:
        refuse_lost(self.name, "list", bounds)
        unique: dict[str, Json] = {"unique": True} if is_set else {}
        return {"type": "list", "of": of, **lengths(bounds), **unique}

    def _tuple(self, parts: tuple[object, ...], bounds: Mapping[str, Any], depth: int) -> Json:
        if not parts:
            return self._list(_FREE, bounds)
        if len(parts) == 2 and parts[1] is Ellipsis:  # noqa: PLR2004
            return self._list(self.of(parts[0], {}, depth - 1), bounds)
        of, lost = union_of([self.of(part, {}, depth - 1) for part in parts], by_place=True)
        self._refuse_bounds([parts[number] for number in lost], "at one place of a list")
        return {"type": "list", "of": of, "min": len(parts), "max": len(parts)}

    def _map(self, parts: tuple[object, ...], bounds: Mapping[str, Any], depth: int) -> Json:
        refuse_lost(self.name, "map", bounds)
        names, of = self.of(parts[0], {}, depth - 1), self.of(parts[1], {}, depth - 1)
        if kinds_of(parse_type(names)) != {"text"}:
            self._refuse_bounds(parts[:1], "as names")
            names = self._spelled_names(names)
        if of == _FREE and names == "text" and not bounds:
            return _FREE
        said: dict[str, Json] = {} if names == "text" else {"names": names}
        # Of what is free, null is a value inside of it.
        of = {"type": "json", "nullable": True} if of == _FREE else of
        return {"type": "map", "of": of, **said, **lengths(bounds)}

    def _union(self, parts: tuple[object, ...], depth: int) -> Json:
        where = "in a union with others of its kind"
        models = [part for part in parts if isinstance(part, type) and is_pydantic(part)]
        if len(models) > 1:  # several objects: what is common to them is in their schemas
            whole = self._of_schema(schema_of(Union[tuple(models)]))  # noqa: UP007  # of as many as there are
            rest = tuple(part for part in parts if part not in models)
            made, lost = union_of([whole, *(self.of(part, {}, depth - 1) for part in rest)])
            self._refuse_bounds([(whole, *rest)[n] for n in lost if n], where)
            return made
        made, lost = union_of([self.of(part, {}, depth - 1) for part in parts])
        self._refuse_bounds([parts[number] for number in lost], where)
        return made

    def _spelled_names(self, names: Json) -> Json:
        """Return the type of names that spell values of another type: text where that is anything."""
        if names == _FREE:
            return "text"
        if names != "integer":
            raise MalformedError(
                f"The parameter {self.name}",
                wanted="a mapping by texts or integers: JSON has names of no other kind",
            )
        return _INTEGER_NAMES

    def _refuse_bounds(self, hints: Iterable[object], where: str) -> None:
        """Refuse hints that state bounds, where no type keeps them."""
        for hint in hints:
            if states_bounds(hint):
                raise MalformedError(
                    f"The parameter {self.name}",
                    wanted=f"a hint whose bounds argument types keep, without those {where}; {_REMEDY}",
                )

    def _of_schema(self, schema: dict[str, Any]) -> Json:
        report = Report()
        try:
            made = type_of_schema(schema, None, report)
        except UnmappableError as error:
            wanted = f"a hint with a type; {error}"
            raise MalformedError(f"The parameter {self.name}", wanted=wanted) from error
        lost = [(place, key) for place, key in report.lost if key not in SOFT]
        if lost:
            (place, key), more = lost[0], len(lost) - 1
            said = f"{key} of {shown(place.removeprefix('#'))}" if place != "#" else key
            wanted = f"a hint whose bounds argument types keep, without {said}"
            wanted += f" and {more} more; {_REMEDY}" if more else f"; {_REMEDY}"
            raise MalformedError(f"The parameter {self.name}", wanted=wanted)
        return made


def states_bounds(hint: object, seen: frozenset[int] = frozenset()) -> bool:
    """Return whether a hint states bounds somewhere: in marks, in choices, in the fields of what it names."""
    bare, marks = split(hint)
    if bounds_of(marks) or any(
        isinstance(one, str | dict) or hasattr(one, "canonicalise") for one in marks
    ):
        return True
    if get_origin(bare) is Literal or (isinstance(bare, type) and issubclass(bare, Enum)):
        return True
    if id(bare) in seen:
        return False
    seen |= {id(bare)}
    if isinstance(bare, type) and is_pydantic(bare):
        schema = schema_of(bare)
        return any(key not in SOFT for _, key in bounds_inside([(schema, "#")], References(schema)))
    inner = [part for part, _ in (fields_of(bare) or {}).values()]
    return any(states_bounds(part, seen) for part in (*get_args(bare), *inner))


def _place(mark: object) -> str:
    """Return where one of FastAPI's marks says that a value stands; empty if it says nothing."""
    where = getattr(mark, "in_", None)
    return str(getattr(where, "value", where or ""))
