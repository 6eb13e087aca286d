"""Reads relative paths: whole, plain segments below a base that the service alone knows.

Everything that `path` refuses is refused here, since a base and a slash are put before it. Beside
that, a relative path has a beginning, and its first characters are where a reader looks for a
scheme, a drive or a host before a colon, an option, a home, or a file of arguments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final

from delegation.authority.arguments.argument_type import (
    NoCanonicalFormError,
    PlainType,
    text_in,
)
from delegation.authority.arguments.character import character_at
from delegation.authority.arguments.path import refuse_odd_path
from delegation.canonical import Json
from delegation.lookalikes import readings

_LEAD: Final = re.compile(r"[-~@]|[^/]*:", re.DOTALL)
# In guise these two may be a hyphen: Windows code pages differ about lines that boxes are drawn with.
_GUISED: Final = re.compile(r"[-~@+=]|[^/]*:", re.DOTALL)
_TILDE_MARK: Final = "\u0303"  # a mark that pages fit to a tilde; `lookalikes` keeps it elsewhere


@dataclass(frozen=True, slots=True)
class RelativePathType(PlainType):
    """A path such as `reports/2026/q3.csv` below a base; the base itself has no relative path."""

    name: ClassVar[str] = "relative_path"

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        return "a relative path such as reports/q3.csv"

    def canonicalise(self, value: Json) -> Json:
        """Return the path as it is, if it is plain and stays below whatever it is put behind."""
        value = text_in(value, "a relative path")
        refuse_odd_relative_path(value)
        return value


def refuse_odd_relative_path(value: str) -> None:
    """Refuse a path that is absolute, leaves its base, or is not plain.

    Raises:
        NoCanonicalFormError: With the code of the first oddity.
    """
    if value.startswith("/"):
        raise NoCanonicalFormError(
            "path_not_relative",
            "it begins with a slash",
            remedy="Leave the first slash out: send a path such as reports/q3.csv.",
        )
    refuse_odd_path(f"/{value}" if value else "//", 1)
    if leads(value):
        raise NoCanonicalFormError(
            "path_lead",
            f"it begins with {_name_first(value)}, which some readers take for an option, a scheme, a "
            "home or a file of arguments",
            remedy="Send a relative path such as reports/q3.csv, which begins with a letter or digit "
            "and has no colon in its first segment.",
        )


def _name_first(value: str) -> str:
    found = re.match(r"[A-Za-z0-9][^/:]*(?=:)", value)
    return character_at(value, found.end() if found else 0)


def leads(value: str) -> bool:
    """Return whether a text begins with what some reader looks at first.

    That is an option, a home, a file of arguments, or a scheme, host or drive before a colon in its
    first segment, in whatever guise.
    """
    return _LEAD.match(value) is not None or (
        not value.isascii()
        and (
            value[0] == _TILDE_MARK
            or any((_LEAD if s[0] == value[0] else _GUISED).match(s) for s in readings(value))
        )
    )
