"""Reads a text as those who decode it do: each decoding alone, and all of them together.

Whoever shows a text may undo escapes of HTML, URLs, Markdown, JSON, JavaScript, CSS and mail, drop
tags and marks, and map look-alikes. Not undone: what needs a header to be known (base64, UTF-7).
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable
from itertools import cycle, islice
from typing import Final
from urllib.parse import unquote

from delegation.ignorable import IGNORABLE

_MOST_ROUNDS: Final = 4  # who decodes more often than that reads what nobody wrote
_MOST_READINGS: Final = 64
_MOST_CHARACTERS: Final = 512 * 1024  # of all readings together
_CODE_POINTS: Final = 0x110000
_OTHER_DOTS: Final = str.maketrans("\u3002\uff0e\uff61", "...")  # IDNA reads them as dots
_DEFANGED: Final = re.compile(r"\s?[\[({<]\s?(?:\.|dot|punkt)\s?[\])}>]\s?", re.IGNORECASE)
_ESCAPED: Final = re.compile(r"\\([!-/:-@\[-`{-~])")  # Markdown's
_OF_SCRIPTS: Final = re.compile(
    r"\\(?:u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})"
    r"|([0-3]?[0-7]{1,2})|(.))",
    re.DOTALL,
)
_OF_STYLES: Final = re.compile(r"\\(?:([0-9a-f]{1,6})\s?|\n|(.))", re.IGNORECASE)
_OF_MAIL: Final = re.compile(r"=(?:([0-9a-f]{2})|[ \t]{0,80}\r?\n)", re.IGNORECASE)
_COMMENT_END: Final = re.compile(r"^-?>|--!?>")
_TAGS: Final = re.compile(r"(?:<[a-z/!?][^<>]*>)+", re.IGNORECASE)
_BLOCK: Final = re.compile(
    r"</?(?:p|div|br|hr|li|[uod]l|d[td]|t[drh]|t(?:able|head|body|foot)|h[1-6]|pre|blockquote|title|head"
    r"|body|html|section|article|header|footer|option|style|script)\b",
    re.IGNORECASE,
)
_MARKS: Final = re.compile(r"[*~`]+")


def readings_of(text: str) -> tuple[str, ...] | None:
    """Return a text and all its readings, or None where they are too many, or never end.

    Args:
        text: The text.
    """
    found = dict.fromkeys([text])
    for place, first in enumerate(_DECODERS):
        if (seen := first(text)) == text:
            continue
        found[seen] = None
        idle = 0
        rest = islice(cycle(_DECODERS), place + 1, place + _MOST_ROUNDS * len(_DECODERS))
        for decode in rest:
            before, seen = seen, decode(seen)
            idle = idle + 1 if seen == before else 0
            found[seen] = None
            if idle >= len(_DECODERS):
                break
        else:
            return None
        if len(found) > _MOST_READINGS or sum(map(len, found)) > _MOST_CHARACTERS:
            return None
    return tuple(found)


def _normal(text: str) -> str:
    if text.isascii():
        return text
    visible = IGNORABLE.sub("", unicodedata.normalize("NFKC", text))
    return unicodedata.normalize("NFKC", visible).translate(_OTHER_DOTS)


def _character(digits: str, base: int = 16) -> str:
    code = int(digits, base)
    return chr(code) if code < _CODE_POINTS else "\ufffd"


def _of_scripts(text: str) -> str:
    def meant(found: re.Match[str]) -> str:
        octal, itself = found[5], found[6]
        if itself is not None:
            return " " if itself in "bfnrtv" else itself.strip("\n")
        if octal is not None:
            return _character(octal, 8)
        return _character(found[1] or found[2] or found[3] or found[4])

    return _paired(_OF_SCRIPTS.sub(meant, text)) if "\\" in text else text


def _paired(text: str) -> str:
    """Return a text whose surrogates are joined to characters."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _of_styles(text: str) -> str:
    def meant(found: re.Match[str]) -> str:
        return _character(found[1]) if found[1] else found[2] or ""

    return _paired(_OF_STYLES.sub(meant, text)) if "\\" in text else text


def _of_mail(text: str) -> str:
    if _OF_MAIL.search(text) is None:
        return text
    kept = text.replace("%", "%25")
    escaped = _OF_MAIL.sub(lambda found: f"%{found[1]}" if found[1] else "", kept)
    return unquote(escaped, errors="ignore")  # half a character is none


def _without_tags(text: str) -> str:
    """Return a text without comments and tags; those of blocks divide what stands around them."""
    if "<" not in text:
        return text
    first, *others = text.split("<!--")
    kept = [first]
    for one in others:
        end = _COMMENT_END.search(one)
        kept.append("" if end is None else one[end.end() :])
    bare = "".join(kept)

    def between(found: re.Match[str]) -> str:
        after = bare[found.end() : found.end() + 1]
        return " " if after not in {".", "@", ":", "/"} and _BLOCK.search(found[0]) else ""

    return _TAGS.sub(between, bare)


_DECODERS: Final[tuple[Callable[[str], str], ...]] = (
    html.unescape,
    unquote,
    _normal,
    lambda text: _DEFANGED.sub(".", text),
    lambda text: _ESCAPED.sub(r"\1", text),
    _of_scripts,
    _of_styles,
    _of_mail,
    _without_tags,
    lambda text: _MARKS.sub("", text),
)
