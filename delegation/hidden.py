"""Finds characters that are not seen where they stand, or that move or cover what stands around them.

Each has a place in honest writing: joiners in Persian and in emoji, spaces of no width in Khmer.
There they are shown as escapes all the same (`delegation.shown`), but nobody is warned of them.
Everywhere else somebody is. Not found here: look-alike letters; letters drawn in the colour of paper.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

# Default_Ignorable_Code_Point of Unicode 14.0, and characters that a font draws blank.
_UNSEEN: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffc\U00016fe4\U0001bca0-\U0001bca3\U0001d159"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# What is looked at: also controls, lone surrogates, and marks, of which too many cover neighbours.
_LOOKED_AT: Final = re.compile(
    f"{_UNSEEN.pattern[:-1]}\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]"
)
_MAX_MARKS: Final = 4
_ENGLAND_SCOTLAND_WALES: Final = re.compile(
    "\U0001f3f4[\U000e0067][\U000e0062](?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074"
    "|\U000e0077\U000e006c\U000e0073)\U000e007f"
)
_KEYS: Final = frozenset("#*0123456789")  # drawn as keys of a telephone
_VIRAMA: Final = 9  # the combining class of marks that take a vowel away and join
_JOINERS: Final = "\u200c\u200d"
_MAX_KINDS: Final = 8
_TAGS: Final = range(0xE0020, 0xE007F)


@dataclass(frozen=True, slots=True)
class Hidden:
    """Characters of one text that are not seen.

    Args:
        where: Path of the text within the value, such as `body` or `to[0]`; empty for itself.
        count: How many.
        kinds: Which, as `U+200B ZERO WIDTH SPACE`, the first eight.
        spells: What tag characters among them spell in ASCII: a machine reads it; hostile text.
    """

    where: str
    count: int
    kinds: tuple[str, ...]
    spells: str = ""

    def __str__(self) -> str:
        """Return it in words: nothing in them is hostile but the place and what tags spell."""
        place = f" in {self.where}" if self.where else ""
        spelled = f", which spell “{self.spells}”" if self.spells else ""
        return f"{self.count:,}{place} ({', '.join(self.kinds)}{spelled})"


def is_unseen(character: str) -> bool:
    """Return whether a character is by itself invisible, blank, or a mark of direction."""
    return _UNSEEN.match(character) is not None


def hidden_in(value: Any, where: str = "") -> Iterator[Hidden]:
    """Yield what is hidden in each text of a JSON value, names of members included."""
    if isinstance(value, str):
        found = hidden_characters(value)
        if found:
            yield _told(found, where)
    elif isinstance(value, dict):
        for name, member in value.items():
            path = f"{where}.{name}" if where else str(name)
            if in_name := hidden_characters(str(name)):
                yield _told(in_name, f"the name {path}")
            yield from hidden_in(member, path)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from hidden_in(item, f"{where}[{number}]")


def hidden_characters(text: str) -> list[str]:
    """Return the characters of a text that are not seen, except where honest writing has them."""
    if text.isascii() and (text.isprintable() or _LOOKED_AT.search(text) is None):
        return []
    flags = {n for m in _ENGLAND_SCOTLAND_WALES.finditer(text) for n in range(m.start(), m.end())}
    found = [
        text[m.start()]
        for m in _LOOKED_AT.finditer(text)
        if m.start() not in flags and not _is_in_place(text, m.start())
    ]
    return found + list(_piled(text))


def _told(found: list[str], where: str) -> Hidden:
    kinds = list(dict.fromkeys(map(_kind, found)))
    spells = "".join(chr(ord(c) - 0xE0000) for c in found if ord(c) in _TAGS)
    return Hidden(where, len(found), tuple(kinds[:_MAX_KINDS]), spells)


def _kind(character: str) -> str:
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X}" + (f" {name}" if name else "")


def _piled(text: str) -> Iterator[str]:
    """Yield marks beyond what one character of honest writing carries."""
    piled = 0
    for character in text:
        piled = piled + 1 if unicodedata.category(character) == "Mn" else 0
        if piled > _MAX_MARKS and not is_unseen(character):
            yield character


def _is_in_place(text: str, at: int) -> bool:
    """Return whether an unseen character stands where honest writing has it."""
    character = text[at]
    before = text[at - 1] if at else ""
    after = text[at + 1] if at + 1 < len(text) else ""
    if not before:
        return False
    if character in "\ufe0e\ufe0f":  # says how an emoji is drawn
        return after == "\u20e3" if before in _KEYS else _is_symbol(before)
    if "\u180b" <= character <= "\u180d":
        return "\u1820" <= before <= "\u18aa"
    if character == "\u200b":  # where a line may be broken
        return _breaks_without_space(before) and _breaks_without_space(after)
    if character in _JOINERS:
        return _joins(text, at, before, after)
    return False


def _joins(text: str, at: int, before: str, after: str) -> bool:
    if not after:
        return False
    if _VIRAMA in {unicodedata.combining(before), unicodedata.combining(after)}:
        return True
    if text[at] == "\u200d" and _is_symbol(after):  # a sequence of emoji
        return before == "\ufe0f" or _is_symbol(before)
    return {unicodedata.bidirectional(c) for c in (_letter_before(text, at), after)} == {"AL"}


def _letter_before(text: str, at: int) -> str:
    """Return the letter before a place, without the marks that stand on it."""
    while at and unicodedata.category(text[at - 1]) == "Mn":
        at -= 1
    return text[at - 1] if at else " "


def _is_symbol(character: str) -> bool:
    # Some are punctuation or letters, and some are newer than the tables of this Python.
    of_emoji = character in "\u203c\u2049\u2139\u3030" or "\U0001f000" <= character <= "\U0001faff"
    return of_emoji or unicodedata.category(character) in {"So", "Sk", "Sm"}


def _breaks_without_space(character: str) -> bool:
    return bool(character) and (
        "\u0e00" <= character <= "\u0eff"
        or "\u1000" <= character <= "\u109f"
        or "\u1780" <= character <= "\u17ff"
    )
