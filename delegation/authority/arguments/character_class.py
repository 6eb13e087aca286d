"""Reads and spells classes of characters: `a-zA-Z0-9_-`, and `^"` for all but one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from delegation.authority.fields import matching_text
from delegation.errors import MalformedError

Ranges: TypeAlias = tuple[tuple[int, int], ...]  # code points, sorted, apart, both ends inclusive
LAST: Final = 0x10FFFF
MAX_RANGES: Final = 256
_HYPHEN: Final = (0x2D, 0x2D)
_TEXT: Final = re.compile(r"[ -~]{1,4096}")
_ATOM: Final = re.compile(r"\\u\{([0-9a-f]{1,6})\}|\\([\\^-])|([^\\])")


@dataclass(frozen=True, slots=True)
class CharacterClass:
    r"""A set of characters.

    Args:
        text: Characters and ranges, as they stand between the brackets of a regular expression: a
            hyphen stands first or last, `\` before `\`, `^` or `-` makes it a character, `\u{e9}`
            is one beyond printable ASCII; `^` in front means all others. Kept in its one order.

    Raises:
        MalformedError: It is no such text, or holds no character.
    """

    text: str
    ranges: Ranges = field(init=False, repr=False, compare=False)
    brackets: str = field(init=False, repr=False, compare=False)
    _runs: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ranges = _read(matching_text("A character class", self.text, _TEXT, "printable ASCII"))
        inside = "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)
        values = {
            "text": _spelled(ranges),
            "ranges": ranges,
            "brackets": f"[{inside}]",
            "_runs": re.compile(f"[{inside}]+"),
        }
        for key, value in values.items():
            object.__setattr__(self, key, value)

    @classmethod
    def of(cls, characters: str) -> CharacterClass:
        """Return the class of just these characters."""
        return cls.of_ranges((ord(c), ord(c)) for c in characters)

    @classmethod
    def of_ranges(cls, ranges: Iterable[tuple[int, int]]) -> CharacterClass:
        """Return the class of these ranges of code points."""
        return cls(_spelled(merged(ranges)))

    def runs(self, text: str, start: int) -> Iterator[re.Match[str]]:
        """Yield each longest run of these characters from a position on."""
        return self._runs.finditer(text, start)

    def meets(self, other: CharacterClass) -> bool:
        """Return whether some character is in both."""
        return any(a <= d and c <= b for a, b in self.ranges for c, d in other.ranges)


def merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Return ranges sorted and apart from each other."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return tuple(found)


def complement(ranges: Ranges) -> Ranges:
    """Return the ranges of all other code points."""
    edges = [-1, *(edge for low, high in ranges for edge in (low - 1, high)), LAST]
    # Between the end of one and the beginning of the next.
    pairs = zip([edges[0], *edges[2:-1:2]], [*edges[1:-1:2], edges[-1]], strict=True)
    return tuple((low + 1, high) for low, high in pairs if low + 1 <= high)


def _read(text: str) -> Ranges:
    is_others = text.startswith("^")
    atoms = list(_ATOM.finditer(text, int(is_others)))
    if "".join(atom[0] for atom in atoms) != text[int(is_others) :] or len(atoms) > 4 * MAX_RANGES:
        raise MalformedError("A character class", wanted="characters, ranges and known escapes")
    found, number = [], 0
    while number < len(atoms):
        low = high = _point(atoms[number])
        number += 1
        if number + 1 < len(atoms) and atoms[number][0] == "-":
            high = _point(atoms[number + 1])
            number += 2
        if not low <= high <= LAST:
            raise MalformedError("A character class", wanted="ranges from lower to higher")
        found.append((low, high))
    ranges = complement(merged(found)) if is_others else merged(found)
    if not 0 < len(ranges) <= MAX_RANGES:
        raise MalformedError("A character class", wanted=f"1 to {MAX_RANGES} ranges")
    return ranges


def _point(atom: re.Match[str]) -> int:
    return int(atom[1], 16) if atom[1] else ord(atom[2] or atom[3])


def _spelled(ranges: Ranges) -> str:
    is_others = bool(ranges) and ranges[-1][1] == LAST
    shown = complement(ranges) if is_others else ranges
    said = "".join(
        _character(low) + ("-" if high > low + 1 else "") + (_character(high) if high > low else "")
        for low, high in shown
        if (low, high) != _HYPHEN
    )
    return ("^" if is_others else "") + said + ("-" if _HYPHEN in shown else "")


def _character(point: int) -> str:
    if not 0x20 <= point < 0x7F:  # noqa: PLR2004  # printable ASCII
        return f"\\u{{{point:x}}}"
    return "\\" * (chr(point) in "\\^-") + chr(point)
