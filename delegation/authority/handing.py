"""Hands a function exactly what was judged: canonical arguments, each converted to its annotation."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from pathlib import PurePath
from typing import Any, Final, Literal, Union, cast, get_args, get_origin
from uuid import UUID

from delegation import sent_json
from delegation.authority.hint_types import adapter, is_pydantic
from delegation.authority.hints import (
    DEQUE,
    LISTS,
    SETS,
    fields_of,
    parameters_of,
    split,
    without_none,
)
from delegation.canonical import Json, unb64u
from delegation.errors import MalformedError

# Made of the canonical text by their own constructors.
_OF_TEXT: Final = (UUID, IPv4Address, IPv6Address, PurePath, Decimal)
_DURATION: Final = re.compile(
    r"(-)?P(?=.)(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)


def handed(function: Callable[..., object], arguments: Mapping[str, Json]) -> dict[str, Any]:
    """Return what to call a function with, as keywords: each argument as its annotation has it.

    A `UUID`, `Enum`, `datetime`, dataclass or model is made of its canonical value; null is None. What
    the call left out is left out, so that the function's own default stands.

    Not checked here: anything that a grant says. Give it the arguments of an allowed decision alone.

    Args:
        function: A function that `@tool` decorated.
        arguments: A decision's canonical arguments.

    Raises:
        MalformedError: The function has no such parameter, or cannot be given such a value: it is
            not the function whose tool was judged.
    """
    parameters = parameters_of(function)
    if arguments.keys() - parameters.keys():
        raise MalformedError("The arguments", wanted="those of the function's own tool")
    made = {}
    for name, value in arguments.items():
        try:
            made[name] = _made(parameters[name][0], value)
        except (TypeError, ValueError, ArithmeticError, KeyError) as error:
            raise MalformedError(
                f"The argument {name}", wanted="a value that the function's annotation takes"
            ) from error
    return made


def _made(hint: object, value: Json) -> Any:
    bare, _ = split(hint)
    rest, is_nullable = without_none(bare)
    if value is None:
        return None
    if is_nullable:
        return _made(rest, value)
    origin, parts = get_origin(bare), get_args(bare)
    if (
        is_pydantic(bare)
        or origin in {Union, types.UnionType}
        or (
            origin is not None and is_pydantic(origin)  # a generic model
        )
    ):
        return _of_pydantic(bare, value)
    if origin is Literal:
        return next((p for p in parts if isinstance(p, Enum) and p.value == value), value)
    if origin is tuple and parts and parts[-1] is not Ellipsis:
        pairs = zip(parts, cast("list[Json]", value), strict=True)
        return tuple(_made(part, item) for part, item in pairs)
    if (kind := origin or bare) in LISTS or kind is tuple:
        items = [_made(parts[0] if parts else Any, item) for item in cast("list[Json]", value)]
        return _collected(kind, items)
    if isinstance(value, dict) and len(parts) == 2:  # noqa: PLR2004  # a mapping of names to values
        return {_key(parts[0], key): _made(parts[1], item) for key, item in value.items()}
    if (fields := fields_of(bare)) is not None:
        given = {k: _made(fields[k][0], v) for k, v in cast("dict[str, Json]", value).items()}
        return cast("Any", bare)(**given)
    return _plain(bare, value)


def _key(hint: object, name: str) -> Any:
    made = _made(hint, name)
    return int(made) if split(hint)[0] is int else made


def _plain(hint: object, value: Any) -> Any:
    if not isinstance(hint, type) or hint in {str, int, bool, object}:
        return value
    if issubclass(hint, Enum):
        return _member(hint, value)
    if issubclass(hint, _OF_TEXT):
        return cast("Any", hint)(value)
    if hint is float:
        return float(value)
    if hint is bytes:
        return unb64u(value)
    if hint in {datetime, date, time}:
        return cast("Any", hint).fromisoformat(value)
    return _duration(value) if hint is timedelta else value


def _member(kind: type[Enum], value: Json) -> Enum:
    for one in kind:
        if type(one.value) is type(value) and one.value == value:
            return one
    raise ValueError(value)


def _collected(kind: object, items: list[Any]) -> Any:
    if kind is tuple:
        return tuple(items)
    if kind in SETS:
        return frozenset(items) if kind is frozenset else set(items)
    return cast("Any", DEQUE)(items) if kind is DEQUE else items


def _of_pydantic(hint: object, value: Json) -> Any:
    found = adapter(hint)
    return value if found is None else found.validate_json(sent_json.encode(value))


def _duration(text: str) -> timedelta:
    if (found := _DURATION.fullmatch(text)) is None:
        raise ValueError(text)
    sign, *parts = found.groups()
    weeks, days, hours, minutes, seconds = (float(part or 0) for part in parts)
    made = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    return -made if sign else made
