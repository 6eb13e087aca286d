"""Names the character for which a text was refused, and its place."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

_CONTROLS: Final = {
    0: "NULL", 8: "BACKSPACE", 9: "TAB", 10: "LINE FEED", 11: "VERTICAL TAB", 12: "FORM FEED",
    13: "CARRIAGE RETURN", 27: "ESCAPE", 127: "DELETE",
}  # fmt: skip


def character_at(text: str, index: int, before: int = 0) -> str:
    """Return the character at an index of a text as `U+002F SOLIDUS at character 3`, counted from 1.

    Args:
        text: The text.
        index: Where the character stands in it.
        before: How many characters at its beginning are not of the value, which are not counted.
    """
    return f"{named(text[index])} at character {index + 1 - before}"


def character_found(text: str, found: re.Match[str], before: int = 0) -> str:
    """Return the character at which a match in a text begins, and its place."""
    return character_at(text, found.start(), before)


def counted(number: int, what: str) -> str:
    """Return a number of things: `1 item`, `2 items`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def first_refused(text: str, is_refused: Callable[[str], bool], before: int = 0) -> str:
    """Return the first character that is refused when it stands alone, and its place; empty for none.

    For rules that look at readings of the whole text, where none of its characters alone may be to
    blame.
    """
    return next(
        (character_at(text, at, before) for at, one in enumerate(text) if is_refused(one)), ""
    )


def holding(what: str, otherwise: str) -> str:
    """Return that it holds a named character, or the other words where none could be named."""
    return f"it holds {what}" if what else otherwise


def named(character: str) -> str:
    """Return a character as `U+002F SOLIDUS`."""
    point = ord(character)
    if 0xD800 <= point < 0xE000:  # noqa: PLR2004  # surrogates
        said = "half of a surrogate pair"
    else:
        said = _CONTROLS.get(point, "") or unicodedata.name(character, "")
        said = said or ("a control character" if point < 0xA0 else "no assigned character")  # noqa: PLR2004
    return f"U+{point:04X} {said}"
