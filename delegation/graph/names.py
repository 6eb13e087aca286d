"""Makes hostile text harmless to every drawing, and names nodes.

Source: reproduced attacks, listed in tests/attacks/test_hostile_names.py. Not done here: telling
look-alike names apart; the key's fingerprint is always drawn beside the name for that.
"""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from typing import Final

from delegation.lineage.entry import LinkEntry

MAX_TEXT: Final = 80
MAX_WHOLE: Final = 2048  # characters of the longest name of an agent
_MAX_MARKS: Final = 2  # combining marks on one character; more are piled up to cover neighbours
# Marks that reverse or hide text, and characters that are blank although "printable".
_INVISIBLE: Final = dict.fromkeys(
    [
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2070),
        *range(0xFE00, 0xFE10),
        *range(0xE0000, 0xE0080),
        0x00AD,
        0x061C,
        0x115F,
        0x1160,
        0x180E,
        0x2800,
        0x3164,
        0xFEFF,
        0xFFA0,
    ]
)
# An ellipsis in a folded name is ours: it says that something was folded there.
_ELLIPSES: Final = dict.fromkeys([0x2025, 0x2026, 0x22EF, 0xFE19, 0x1801], "...")


def clean(text: str, limit: int = MAX_TEXT) -> str:
    """Return text that every format can draw on one line; what cannot be shown is U+FFFD.

    Args:
        text: Anything, lone surrogates included.
        limit: Most characters; a longer text ends with an ellipsis.
    """
    out: list[str] = []
    marks = 0
    for character in text[: 4 * limit].translate(_INVISIBLE):
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _MAX_MARKS:
            out.append(character if character.isprintable() else "\ufffd")
    shown = "".join(out)
    return shown if len(shown) <= limit and len(text) <= 4 * limit else shown[: limit - 1] + "…"


def folded(name: str, limit: int = MAX_TEXT) -> str:
    """Return a name as `clean` does, one that is longer by both ends with its digest between.

    The ends of SPIFFE ids and ARNs are often alike; the digest tells two apart that differ between.

    Args:
        name: Anything.
        limit: Most characters, at least 16.
    """
    whole = clean(name.translate(_ELLIPSES), MAX_WHOLE)
    if len(whole) <= limit:
        return whole
    digest = base64.b32encode(hashlib.sha256(name.encode("utf-8", "replace")).digest()[:5])
    mark = f"…{digest.decode().lower()}…"
    tail = (limit - len(mark)) // 2
    return f"{whole[: limit - len(mark) - tail]}{mark}{whole[-tail:]}"


def holder(link: LinkEntry) -> str:
    """Return what a link's holder is called: its registered name, else that it has none."""
    return folded(link.holder_name) if link.registered else "unnamed"


def claim(link: LinkEntry) -> str:
    """Return the delegator's word for an unregistered holder, marked as a claim; else nothing."""
    return "" if link.registered else f"called “{folded(link.claimed_name, 48)}”"


def width(text: str) -> int:
    """Return how many columns a text takes on a terminal."""
    return sum(
        0
        if unicodedata.combining(character)
        else 2
        if unicodedata.east_asian_width(character) in {"W", "F"}
        else 1
        for character in text
    )


def cut(text: str, columns: int) -> str:
    """Return the text cut to a width in columns, with an ellipsis where it was cut."""
    if width(text) <= columns:
        return text
    out, used = "", 0
    for character in text:
        step = width(character)
        if used + step > columns - 1:
            break
        out, used = out + character, used + step
    return out + "…"
