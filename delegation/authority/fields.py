"""Reads the fields of a closed JSON object: every member present, none unknown, each of its form.

An unknown member is refused and not ignored: a verifier that skipped a restriction it does not know
would widen authority.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final, TypeVar, cast

from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.json_number import MAX_INTEGER

_T = TypeVar("_T")
AUDIENCE: Final = re.compile(r"[!-~]{1,300}")
PURPOSE: Final = re.compile(r"(?=.{0,200}\Z)([a-z0-9_-]+(/[a-z0-9_-]+)*)?")
UNIT: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
# As documents have them: `filter[name]`, `X-Request-Id`, `$top`, `first name`. A mark at the end says
# elsewhere that an argument is optional.
ARGUMENT_NAME: Final = re.compile(r"(?=[ -~]{1,200}\Z)[!-~](?:[ -~]*[!-~])?(?<!\?)")
ARGUMENT_WANTED: Final = "1 to 200 printable ASCII characters, no space or ? at the end"
PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")  # all that payload version 1 has
MAX_UNITS: Final = 16  # counters charged per link and call


def closed_object(what: str, value: Json, fields: frozenset[str]) -> dict[str, Json]:
    """Return the object if its members are exactly these.

    Raises:
        MalformedError: It is no object, lacks a member, or has another.
    """
    if not isinstance(value, dict) or value.keys() != fields:
        raise MalformedError(what, wanted=f"an object of exactly {', '.join(sorted(fields))}")
    return value


_compiled = lru_cache(maxsize=64)(re.compile)


def matching_text(what: str, value: object, form: re.Pattern[str] | str, wanted: str) -> str:
    """Return the text if the whole of it has the form.

    Raises:
        MalformedError: It is no text, or has another form.
    """
    # Called on the pattern itself: `re.fullmatch` looks a compiled one up in vain, which costs more.
    pattern = _compiled(form) if isinstance(form, str) else form
    if type(value) is not str or pattern.fullmatch(value) is None:
        raise MalformedError(what, wanted=wanted)
    if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
        raise MalformedError(what, wanted=wanted)  # a lone surrogate can be stored nowhere
    return value


def integer(what: str, value: object, least: int, most: int = MAX_INTEGER) -> int:
    """Return the integer if it lies within the bounds; a boolean is no integer.

    Raises:
        MalformedError: It does not.
    """
    if type(value) is not int or not least <= value <= most:
        raise MalformedError(what, wanted=f"an integer from {least} to {most}")
    return value


def listed(what: str, value: Iterable[_T]) -> Iterable[_T]:
    """Return several things, and refuse one in their place: of a text each letter would be one.

    Raises:
        MalformedError: It is one text, or one thing.
    """
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        shown = f"[{value[:65]!a}]" if isinstance(value, str) else "[...]"
        raise MalformedError(what, wanted="a list", remedy=f"Put it into a list: {shown}.")
    return value


def list_of(what: str, value: object, most: int) -> list[Json]:
    """Return the list if it has at most so many items.

    Raises:
        MalformedError: It is no list, or longer.
    """
    if not isinstance(value, list) or len(value) > most:
        raise MalformedError(what, wanted=f"a list of at most {most}")
    return cast("list[Json]", value)


def units(what: str, value: object) -> Mapping[str, int]:
    """Return a mapping of unit names to whole, non-negative amounts (minor units).

    Raises:
        MalformedError: It is another thing.
    """
    if not isinstance(value, Mapping) or len(value) > MAX_UNITS:
        raise MalformedError(what, wanted=f"an object of at most {MAX_UNITS} units")
    return MappingProxyType(
        {
            matching_text(f"{what} unit", unit, UNIT, "a lower-case word"): integer(
                f"{what}.{unit}", amount, 0
            )
            for unit, amount in sorted(value.items())
        }
    )
