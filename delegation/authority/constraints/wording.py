"""Words constraints: what a value must be, for who is denied, and in short, for who compares grants."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from delegation import canonical
from delegation.authority.arguments import ArgumentType, ListType, MoneyType, ObjectType
from delegation.authority.arguments.nullable import inner
from delegation.authority.constraints.literal import shown
from delegation.canonical import Json
from delegation.shown import shown_text

MOST: Final = 12  # values or entries that are said; of more, how many there are
_LONG: Final = 120  # characters of one of them
_PLAIN: Final = re.compile(r"[^\s,\"“”()]+")


class Wording(NamedTuple):
    """A constraint in words.

    Args:
        must: What a value must be: `at most 50`, `an e-mail address at acme.example`.
        short: A few words, no two of one argument alike: what it holds is JSON where it could be taken
            for a word of ours or for another type, and the parts of a combination stand in brackets.
    """

    must: str
    short: str


def item_of(of: ArgumentType | None) -> ArgumentType | None:
    """Return the type of a list's items."""
    of = None if of is None else inner(of)
    return of.of if isinstance(of, ListType) else None


def members_of(of: ArgumentType | None) -> Mapping[str, ArgumentType]:
    """Return the types of an object's members."""
    of = None if of is None else inner(of)
    return of.members if isinstance(of, ObjectType) else {}


def said(value: Json, of: ArgumentType | None) -> str:
    """Return a value as JSON, an amount of money with its currency."""
    of = None if of is None else inner(of)
    return of.shown(value) if isinstance(of, MoneyType) and type(value) is int else shown(value)


def one_of_values(values: Iterable[Json], of: ArgumentType | None) -> str:
    """Return values with "or" before the last, long ones cut."""
    of = item_of(of) or of
    return _few([said(value, of) for value in values])


def one_of_texts(texts: Iterable[str]) -> str:
    """Return texts with "or" before the last, long ones cut."""
    return _few([shown_text(text) for text in texts])


def _few(texts: list[str]) -> str:
    shown_ = [cut(one, _LONG) for one in texts[:MOST]]
    more = len(texts) - len(shown_)
    if more:
        return f"{', '.join(shown_)} and {more} more"
    return " or ".join(filter(None, (", ".join(shown_[:-1]), *shown_[-1:])))


def span(least: int, most: int, text: str = "") -> str:
    """Return how many there may be; `text` says the most otherwise."""
    return f"{least} to {text or most}" if least else f"at most {text or most}"


def first_of(parts: list[str], number: int) -> list[str]:
    """Return the parts that are said, and how many there are beside them of all."""
    return [*parts, f"{number - len(parts)} more"] if number > len(parts) else parts


def joined(values: Iterable[Json], between: str, of: ArgumentType | None = None) -> str:
    """Return values as JSON, so between."""
    return between.join(said(value, of) for value in values)


def names(entries: Iterable[str]) -> str:
    """Return entries as they are, those that hold a separator or a word of ours as JSON."""
    return (
        ", ".join(e if _PLAIN.fullmatch(e) and e != "none" else as_json(e) for e in entries)
        or "none"
    )


def as_json(value: Json) -> str:
    """Return a value as canonical JSON."""
    return canonical.encode(value).decode()


def cut(text: str, most: int) -> str:
    """Return a text, its end left out where it is longer."""
    return text if len(text) <= most else text[: most - 1] + "…"
