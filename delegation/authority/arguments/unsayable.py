"""Refuses what no argument type reads, however deep it stands: what two readers of JSON read as two."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from delegation.authority.arguments.argument_type import NoCanonicalFormError
from delegation.authority.arguments.member import place_of
from delegation.authority.arguments.number import refuse_wide
from delegation.authority.arguments.text import refuse_surrogates
from delegation.canonical import Json
from delegation.json_number import WideNumber
from delegation.sent_json import MAX_DEPTH

_Place: TypeAlias = "tuple[_Place, str | int] | None"  # what stands around it, and where there


def refuse_unsayable(value: Json) -> None:
    """Refuse a value that some reader of JSON rounds, replaces or does not read.

    Asked once of each argument, so that no type has to ask it of what is inside.

    Raises:
        NoCanonicalFormError: A number that no double holds, half of a surrogate pair, or nesting
            deeper than any type has.
    """
    if type(value) is str and value.isascii():  # most are
        return
    waiting: list[tuple[object, int, _Place]] = [(value, MAX_DEPTH, None)]
    while waiting:
        one, depth, place = waiting.pop()
        try:
            if isinstance(one, str):
                _refuse_text(one)
            elif isinstance(one, WideNumber):
                raise refuse_wide(one)
            elif isinstance(one, dict | list):
                waiting += _parts(one, depth, place)
        except NoCanonicalFormError as error:
            raise error.within(_said(place), one)  # noqa: B904  # the same error, with its place


def _parts(
    value: dict[str, object] | list[object], depth: int, place: _Place
) -> Iterator[tuple[object, int, _Place]]:
    if depth == 0:
        raise NoCanonicalFormError(
            "value_too_deep",
            "it stands too deep",
            remedy=f"Send a value that is nested at most {MAX_DEPTH} deep.",
        )
    if isinstance(value, dict):
        for name in value:
            _refuse_text(name)
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    return ((part, depth - 1, (place, key)) for key, part in inner)


def _said(place: _Place) -> str:
    said = ""
    while place is not None:
        place, key = place
        said = (place_of(key) if isinstance(key, str) else f"[{key}]") + said
    return said


def _refuse_text(text: str) -> None:
    if not text.isascii():
        refuse_surrogates(text)
