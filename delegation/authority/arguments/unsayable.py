"""Refuses what no argument type reads, however deep it stands: what two readers of JSON read as two."""

from __future__ import annotations

from delegation.authority.arguments.argument_type import NoCanonicalFormError
from delegation.authority.arguments.number import refuse_wide
from delegation.authority.arguments.text import refuse_surrogates
from delegation.canonical import Json
from delegation.json_number import WideNumber
from delegation.sent_json import MAX_DEPTH


def refuse_unsayable(value: Json) -> None:
    """Refuse a value that some reader of JSON rounds, replaces or does not read.

    Asked once of each argument, so that no type has to ask it of what is inside.

    Raises:
        NoCanonicalFormError: A number that no double holds, half of a surrogate pair, or nesting
            deeper than any type has.
    """
    if type(value) is str and value.isascii():  # most are
        return
    waiting: list[tuple[object, int]] = [(value, MAX_DEPTH)]
    while waiting:
        one, depth = waiting.pop()
        if isinstance(one, str):
            _refuse_text(one)
        elif isinstance(one, WideNumber):
            raise refuse_wide()
        elif isinstance(one, dict | list):
            if depth == 0:
                raise NoCanonicalFormError(
                    "value_too_deep",
                    f"it is nested more than {MAX_DEPTH} deep",
                    remedy="Send a value that is nested less deep.",
                )
            if isinstance(one, dict):
                for name in one:
                    _refuse_text(name)
            inner = one.values() if isinstance(one, dict) else one
            waiting += [(part, depth - 1) for part in inner]


def _refuse_text(text: str) -> None:
    if not text.isascii():
        refuse_surrogates(text)
