"""Finds members of values: their place, how a name is shown, and which other name it is most like."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from delegation.authority.fields import PLAIN_NAME
from delegation.shown import shown

MOST: Final = 64  # characters of a name; more would bury the sentence that it stands in


def place_of(name: str) -> str:
    """Return where a member stands in its object: `.zip`, or `["odd name"]`."""
    return f".{name}" if PLAIN_NAME.fullmatch(name) else f"[{shown_name(name)}]"


def shown_name(name: str) -> str:
    """Return a name as JSON in which nothing hides, cut where it is long."""
    text = shown(name[:MOST])
    return text if len(name) <= MOST else f'{text[:-1]}…"'


def most_alike(name: str, names: Iterable[str]) -> str:
    """Return the name that another one is most like, as a slip of it; empty if it is like none."""
    sought = name[:MOST].casefold()
    by_fold = {one[:MOST].casefold(): one for one in names}
    return next((by_fold[one] for one in get_close_matches(sought, by_fold, n=1)), "")
