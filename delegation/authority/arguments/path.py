"""Reads absolute POSIX paths of whole, plain segments.

Nothing is resolved: a text that would need it (dot segments, doubled slashes, escapes, backslashes)
is refused, since the system behind may resolve it differently from us. So is what only another
reader resolves: one that normalises to NFKC or fits to a code page, a Windows one that knows drives,
streams and devices, one that drops what is drawn as nothing, a shell that expands a pattern, a URL
parser that ends a path at a number sign. A value is an argument, never a shell's source: `&` and
`'` are characters of names. Not refused, since it names the same place to all of them: another
case, another normal form. Nor what stays in its folder: `a#b`, which a URL parser reads as `a`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Final

from delegation.authority.arguments.argument_type import (
    NoCanonicalFormError,
    PlainType,
    text_in,
)
from delegation.authority.arguments.character import (
    character_at,
    character_found,
    first_refused,
    holding,
)
from delegation.authority.arguments.text import refuse_unplain
from delegation.canonical import Json
from delegation.ignorable import odd_ignorable
from delegation.lookalikes import fits, readings

MAX_PATH: Final = 4096  # characters, as PATH_MAX
_FOREIGN: Final = re.compile(r"[\\%;*?\"<>|~$`\n]")
# Brace expansion, the patterns that match `..` in shells that let a dot be written, and dots that
# stand alone to whoever ends or cuts a name at a sign: `..#x` climbs in a file: URL.
_EXPANDED: Final = re.compile(r"\{.*(?:,|\.\.).*\}|/\.[@+!]?[(\[]|/\.{2,}(?![./_-])[ -/:-@\[-`{-~]")
# Windows takes the first character for a drive, and what follows one colon for a stream. More
# colons name a stream's type, and every type there is holds a dollar sign.
_DRIVE_OR_STREAM: Final = re.compile(r"/(?:.?:|[^/:]*:[^/:]*(?:/|\Z)|[^/]*:(?:/|\Z))")
# Reserved in every folder, whatever the case and the extension: COM0 to COM9, LPT0 to LPT9, and
# their superscript digits, by the same rule as full-width ones.
_DEVICES: Final = ("CON", "PRN", "AUX", "NUL", "COM#", "LPT#")
_DEVICE: Final = re.compile(
    rf"/(?:{'|'.join(_DEVICES).replace('#', '[0-9]')}) *(?:[.:/]|\Z)", re.IGNORECASE | re.ASCII
)


@dataclass(frozen=True, slots=True)
class PathType(PlainType):
    """An absolute path such as `/reports/2026/q3.csv`; `/` alone is the top."""

    name: ClassVar[str] = "path"

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        return "an absolute path such as /reports/q3.csv"

    def canonicalise(self, value: Json) -> Json:
        """Return the path as it is, if it is plain."""
        value = text_in(value, "a path")
        refuse_odd_path(value)
        return value


def refuse_odd_path(value: str, before: int = 0) -> None:
    """Refuse a path that is not absolute and plain.

    Args:
        value: The path.
        before: How many characters at its beginning are not of the value, for the places in messages.

    Raises:
        NoCanonicalFormError: With the code of the first oddity.
    """
    refuse_unplain(value, MAX_PATH, before)
    if not value.startswith("/"):
        raise NoCanonicalFormError("path_not_absolute", "it does not begin with a slash")
    if value == "/":
        return
    if "%" in value:
        raise NoCanonicalFormError(
            "path_escape",
            f"it holds {character_at(value, value.index('%'), before)}, as percent escapes do",
            remedy="Send the characters that the escapes stand for, without percent signs.",
        )
    _refuse_odd_reading(value, before)
    if not value.isascii():
        try:
            for seen in readings(value):
                _refuse_odd_reading(seen, before, value.count("/"))
        except NoCanonicalFormError as error:
            raise _foreign(value, before) from error
    if (device := _names_device(value)) is not None:
        raise NoCanonicalFormError(
            "path_device",
            f"its segment {device} names a device on Windows",
            remedy="Send a path in which no segment is called CON, PRN, AUX, NUL, COM1 or LPT1, or "
            "begins so before a dot.",
        )
    refuse_odd_ignorable(value, before)


def refuse_odd_ignorable(value: str, before: int = 0) -> None:
    """Refuse a character that is shown as nothing, outside its standard sequences.

    Raises:
        NoCanonicalFormError: It has one.
    """
    if not value.isascii() and (index := odd_ignorable(value)) is not None:
        raise NoCanonicalFormError(
            "ignorable_character",
            f"it holds {character_at(value, index, before)}, which is shown as nothing",
            remedy="Leave that character out.",
        )


def _foreign(value: str, before: int) -> NoCanonicalFormError:
    found = _FOREIGN.search(value)
    what = (
        character_found(value, found, before) if found else first_refused(value, _is_guise, before)
    )
    return NoCanonicalFormError(
        "path_foreign_character",
        holding(what, "it holds characters")
        + ", which some systems read as something else: a separator, a wildcard, a drive or a stream",
        remedy="Send a path of letters and digits of whatever script, spaces and . - _ + @ = ( ).",
    )


def _is_guise(character: str) -> bool:
    if character == ":":
        return True
    return not character.isascii() and any(
        _FOREIGN.search(seen) or "/" in seen or ":" in seen for seen in readings(character)
    )


def _refuse_odd_reading(seen: str, before: int, slashes: int | None = None) -> None:
    """Refuse what one reader sees, if it is not plain or has another number of segments."""
    if (
        _FOREIGN.search(seen)
        or (":" in seen and _DRIVE_OR_STREAM.search(seen))
        or (("{" in seen or "/." in seen) and _EXPANDED.search(seen))
        or (slashes is not None and seen.count("/") != slashes)
    ):
        raise _foreign(seen, before)
    for number, segment in enumerate(seen[1:].split("/"), 1):
        if not segment:
            raise NoCanonicalFormError(
                "path_empty_segment",
                f"its segment {number} is empty",
                remedy="Send it with single slashes between its segments and none at its end.",
            )
        if segment in {".", ".."}:
            raise NoCanonicalFormError(
                "path_dot_segment",
                f"its segment {number} is made of dots",
                remedy="Send the whole path that is meant, without . and .. in it.",
            )
        if segment[-1] == "." or segment[-1].isspace() or segment[0].isspace():
            raise NoCanonicalFormError(
                "path_trailing_dot",
                f"its segment {number} begins with a space or ends with a dot or space",
                remedy="Send it without spaces at the ends of segments, and without dots at their end.",
            )


def _names_device(value: str) -> int | None:
    """Return which segment, counted from 1, names a device; None if none does."""
    if (found := _DEVICE.search(value)) is None and not value.isascii():
        normal = unicodedata.normalize("NFKC", value)
        found = _fitted_device().search(value) or _fitted_device().search(normal)
    return None if found is None else 1 + found.string.count("/", 0, found.start())


@cache
def _fitted_device() -> re.Pattern[str]:
    r"""Return what finds devices in letters that a code page fits to theirs, such as `\xd1UL`."""
    letters = {c: f"[{c}{c.lower()}{fits(c)}]" for c in "ACLMNOPRTUX"}
    letters["#"] = "[0-9" + "".join(map(fits, "0123456789")) + "]"
    names = ("".join(map(letters.__getitem__, name)) for name in _DEVICES)
    return re.compile(rf"/(?:{'|'.join(names)}) *(?:[.:/]|\Z)")


def is_under(path: str, top: str) -> bool:
    """Return whether a plain path is the other or below it, by whole segments.

    A relative path is below no absolute one, not even `/`, and the other way round.
    """
    return path == top or path.startswith(top if top == "/" else top + "/")
