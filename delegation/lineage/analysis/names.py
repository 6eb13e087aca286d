"""Finds names that deceive: look-alikes, mixed scripts, marks that hide.

A small table of our own, not the whole of Unicode's: it has the letters that pass for Latin ones in
common fonts. What it misses is still told apart by the fingerprint that stands beside every name.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

# For each letter the Cyrillic, Greek and other ones that pass for it in common fonts.
_PASS_FOR: Final = {
    "3": "\u0437",
    "a": "\u0430\u03b1\u0251",
    "b": "\u0432\u03b2\u00df",
    "c": "\u0441\u03f2",
    "d": "\u0501",
    "e": "\u0435\u03b5",
    "g": "\u0261",
    "h": "\u04bb",
    "i": "\u0456\u03b9",
    "j": "\u0458",
    "k": "\u043a\u03ba",
    "l": "\u04cf\u01311|i",
    "m": "\u043c",
    "n": "\u043f\u03b7",
    "o": "\u043e\u03bf0",
    "p": "\u0440\u03c1",
    "q": "\u051b",
    "r": "\u0433",
    "s": "\u04555",
    "t": "\u0442\u03c4",
    "u": "\u0446\u03c5",
    "v": "\u0475\u03bd",
    "w": "\u051d\u03c9",
    "x": "\u0445\u03c7",
    "y": "\u0443\u03b3",
}
_CONFUSABLE: Final = str.maketrans(
    {letter: plain for plain, letters in _PASS_FOR.items() for letter in letters}
)
_PAIRS: Final = (("rn", "m"), ("vv", "w"), ("cl", "d"))
_UNSEEN: Final = frozenset({"Cf", "Cs", "Co", "Cn"})
_BLANK: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800")  # letters by category, blank to the eye
_TOGETHER: Final = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"})


@lru_cache(maxsize=16_384)
def skeleton(name: str) -> str:
    """Return a text that is the same for names which look alike; never shown to anybody."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    plain = "".join(c for c in folded if unicodedata.category(c)[0] in "LN" or c == "|")
    mapped = plain.translate(_CONFUSABLE)
    for pair, one in _PAIRS:
        mapped = mapped.replace(pair, one)
    return mapped


@lru_cache(maxsize=16_384)
def scripts(name: str) -> tuple[str, ...]:
    """Return the scripts of a name's letters, by name; those of East Asia count as one."""
    found: set[str] = set()
    for character in name:
        if character.isalpha():
            script = re.split("[ -]", unicodedata.name(character, "UNKNOWN"))[0]
            found.add("EAST ASIAN" if script in _TOGETHER else script)
    return tuple(sorted(found - {"FULLWIDTH", "MODIFIER", "MICRO", "FEMININE", "MASCULINE"}))


def hides(name: str) -> bool:
    """Return whether a name has marks that hide or reverse text, or nothing that can be seen."""
    hidden = any(unicodedata.category(c) in _UNSEEN or c in _BLANK for c in name)
    return hidden or not skeleton(name)
