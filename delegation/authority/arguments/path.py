"""Paths: absolute POSIX paths of whole, plain segments.

Nothing is resolved: a text that would need it (dot segments, doubled slashes, escapes, backslashes)
is refused, since the system behind may resolve it differently from us.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final

from delegation.authority.arguments.argument_type import NoCanonicalFormError, refuse_type
from delegation.authority.arguments.text import TextType
from delegation.canonical import Json

MAX_PATH: Final = 4096  # characters, as PATH_MAX
_TEXT: Final = TextType(MAX_PATH, multiline=False)
_FOREIGN: Final = re.compile(r"[\\%;*?\"<>|~$`]")
_DRIVE: Final = re.compile(r"/?[A-Za-z]:", re.ASCII)
# Compatibility forms that some systems fold to a dot or a slash.
_LOOKS_LIKE_DOT: Final = frozenset("\u2024\u2025\u2026\ufe52\uff0e\uff0f\u2044\u2215\u29f8")


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
    _TEXT.canonicalise(value)
    if not value.startswith("/"):
        raise NoCanonicalFormError("path_not_absolute", "it does not begin with a slash")
    if value == "/":
        return
    if "%" in value:
        raise NoCanonicalFormError("path_escape", "it holds percent escapes")
    if _FOREIGN.search(value) or _DRIVE.match(value) or not _LOOKS_LIKE_DOT.isdisjoint(value):
        raise NoCanonicalFormError(
            "path_foreign_character", "it holds characters that some systems read as something else"
        )
    for segment in value[1:].split("/"):
        if not segment:
            raise NoCanonicalFormError("path_empty_segment", "it has an empty segment or ends in /")
        if segment in {".", ".."}:
            raise NoCanonicalFormError("path_dot_segment", "it has a dot segment")
        if segment[-1] in ". " or segment[0] == " ":
            raise NoCanonicalFormError(
                "path_trailing_dot", "a segment begins with a space or ends with a dot or space"
            )


def is_under(path: str, top: str) -> bool:
    """Return whether a plain path is the other or below it, by whole segments."""
    return top in (path, "/") or path.startswith(top + "/")
