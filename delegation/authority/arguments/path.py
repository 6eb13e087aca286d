"""Paths: absolute POSIX paths of whole, plain segments.

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

from delegation.authority.arguments.argument_type import NoCanonicalFormError, refuse_type
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
class PathType:
    """An absolute path such as `/reports/2026/q3.csv`; `/` alone is the top."""

    name: ClassVar[str] = "path"

    def canonicalise(self, value: Json) -> Json:
        """Return the path as it is, if it is plain."""
        if type(value) is not str:
            raise refuse_type(value, "a path")
        refuse_odd_path(value)
        return value

    def to_json(self) -> Json:
        """Return the type's JSON."""
        return self.name


def refuse_odd_path(value: str) -> None:
    """Refuse a path that is not absolute and plain.

    Raises:
        NoCanonicalFormError: With the code of the first oddity.
    """
    refuse_unplain(value, MAX_PATH)
    if not value.startswith("/"):
        raise NoCanonicalFormError("path_not_absolute", "it does not begin with a slash")
    if value == "/":
        return
    if "%" in value:
        raise NoCanonicalFormError("path_escape", "it holds percent escapes")
    _refuse_odd_reading(value)
    if not value.isascii():
        try:
            for seen in readings(value):
                _refuse_odd_reading(seen, value.count("/"))
        except NoCanonicalFormError as error:
            raise _foreign() from error
    if _names_device(value):
        raise NoCanonicalFormError("path_device", "a segment names a device on Windows")
    if odd_ignorable(value) is not None:
        raise NoCanonicalFormError(
            "ignorable_character", "it holds a character that is shown as nothing"
        )


def _foreign() -> NoCanonicalFormError:
    return NoCanonicalFormError(
        "path_foreign_character", "it holds characters that some systems read as something else"
    )


def _refuse_odd_reading(seen: str, slashes: int | None = None) -> None:
    """Refuse what one reader sees, if it is not plain or has another number of segments."""
    if (
        _FOREIGN.search(seen)
        or (":" in seen and _DRIVE_OR_STREAM.search(seen))
        or (("{" in seen or "/." in seen) and _EXPANDED.search(seen))
        or (slashes is not None and seen.count("/") != slashes)
    ):
        raise _foreign()
    for segment in seen[1:].split("/"):
        if not segment:
            raise NoCanonicalFormError("path_empty_segment", "it has an empty segment or ends in /")
        if segment in {".", ".."}:
            raise NoCanonicalFormError("path_dot_segment", "it has a dot segment")
        if segment[-1] == "." or segment[-1].isspace() or segment[0].isspace():
            raise NoCanonicalFormError(
                "path_trailing_dot", "a segment begins with a space or ends with a dot or space"
            )


def _names_device(value: str) -> bool:
    if _DEVICE.search(value):
        return True
    if value.isascii():
        return False
    normal = unicodedata.normalize("NFKC", value)
    return any(_fitted_device().search(text) for text in (value, normal))


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
