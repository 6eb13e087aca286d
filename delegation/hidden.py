"""Finds characters that are not seen where they stand, or that move or cover what stands around them.

Each has a place in honest writing: joiners in Persian and in emoji, spaces of no width in Khmer.
There they are shown as escapes all the same (`delegation.shown`), but nobody is warned of them.
Everywhere else somebody is, and where so many stand that they can spell something
(`delegation.selectors`). Not found here: look-alike letters; letters drawn in the colour of paper.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from delegation.ignorable import IGNORABLE, odd_ignorables
from delegation.selectors import spelled_by

# Blank in every font, or not drawn at all, though no ignorable code points.
_BLANK: Final = "\u2028\u2029\u2800\ufff9-\ufffc\U00016fe4\U0001d159"
_UNSEEN: Final = re.compile(f"{IGNORABLE.pattern[:-1]}{_BLANK}]")
# Controls but for those of white space, and lone surrogates.
_ODD: Final = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff{_BLANK}]")
# Khmer, Thai, Lao and Burmese break lines at spaces without width.
_SPACELESS: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]\u200b(?=[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff])"
)
_MAX_MARKS: Final = 4  # on one character
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
        if found := hidden_characters(value):
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
    if text.isascii() and text.isprintable():
        return []
    found = {match.start() for match in _ODD.finditer(text)}
    if not text.isascii():
        breaks = {m.start() + 1 for m in _SPACELESS.finditer(text)}
        found |= set(odd_ignorables(text)) - breaks | set(_piled(text)) | set(spelled_by(text))
    return [text[at] for at in sorted(found)]


def _told(found: list[str], where: str) -> Hidden:
    kinds = list(dict.fromkeys(map(_kind, found)))
    spells = "".join(chr(ord(c) - 0xE0000) for c in found if ord(c) in _TAGS)
    return Hidden(where, len(found), tuple(kinds[:_MAX_KINDS]), spells)


def _kind(character: str) -> str:
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X}" + (f" {name}" if name else "")


def _piled(text: str) -> Iterator[int]:
    """Yield where marks stand beyond what one character of honest writing carries."""
    piled = 0
    for at, character in enumerate(text):
        piled = piled + 1 if unicodedata.category(character) == "Mn" else 0
        if piled > _MAX_MARKS and not is_unseen(character):
            yield at
