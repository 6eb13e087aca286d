"""Matches the parts of a shape, and finds where in a text each can end."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from delegation.authority.arguments.character_class import CharacterClass, Ranges, merged
from delegation.authority.fields import integer, matching_text
from delegation.canonical import Json
from delegation.errors import MalformedError

MAX_LENGTH: Final = 32_768  # characters, as the longest text has
MAX_CHOICE: Final = 64  # repetitions of a choice
_LITERAL: Final = re.compile(r"[ -~]{1,256}")

Ends: TypeAlias = Ranges
"""Positions where a match may have ended: sorted intervals, apart from each other."""


@dataclass(frozen=True, slots=True)
class Literal:
    """These characters, one after the other.

    Args:
        text: 1 to 256 printable ASCII characters.
    """

    text: str

    def __post_init__(self) -> None:
        matching_text("shape text", self.text, _LITERAL, "1 to 256 printable ASCII characters")

    def ends(self, text: str, at: Ends) -> Ends:
        """Return where this can end, begun where `at` says."""
        size, found = len(self.text), []
        start = text.find(self.text, at[0][0])
        for low, high in at:
            while 0 <= start <= high:
                if start >= low:
                    found.append((start + size, start + size))
                start = text.find(self.text, start + 1)
        return merged(found)

    def to_json(self) -> Json:
        """Return the part's JSON."""
        return {"text": self.text}

    def __str__(self) -> str:
        """Return the part in words."""
        return f"“{self.text}”"


@dataclass(frozen=True, slots=True)
class Run:
    """So many characters of one class.

    Args:
        of: The class, as `CharacterClass` reads it.
        min: Least characters.
        max: Most characters; None is as many as there are.
    """

    of: CharacterClass
    min: int = 1
    max: int | None = 1

    def __post_init__(self) -> None:
        integer("shape min", self.min, 0, MAX_LENGTH)
        if self.max is not None:
            integer("shape max", self.max, max(self.min, 1), MAX_LENGTH)

    def ends(self, text: str, at: Ends) -> Ends:
        """Return where this can end, begun where `at` says."""
        most = len(text) if self.max is None else self.max
        found = list(at) if self.min == 0 else []
        number = 0
        for run in self.of.runs(text, at[0][0]):
            start, end = run.span()
            while number < len(at) and at[number][1] < start:
                number += 1
            inside = number
            while inside < len(at) and at[inside][0] < end:
                low, high = at[inside]
                first, last = max(low, start) + self.min, min(high + most, end)
                if first <= last:
                    found.append((first, last))
                inside += 1
        return merged(found)

    def to_json(self) -> Json:
        """Return the part's JSON; without `max` it is not bounded."""
        body: dict[str, Json] = {"of": self.of.text, "min": self.min}
        return body if self.max is None else {**body, "max": self.max}

    def __str__(self) -> str:
        """Return the part in words."""
        of = "any character" if self.of.text == "^" else f"[{self.of.text}]"
        return f"{_times(self.min, self.max)} of {of}"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several sequences of parts, so many times.

    Args:
        any_of: The sequences.
        min: Least times.
        max: Most times, at most 64.
    """

    any_of: tuple[tuple[Part, ...], ...]
    min: int = 1
    max: int = 1

    def __post_init__(self) -> None:
        integer("shape min", self.min, 0, MAX_CHOICE)
        integer("shape max", self.max, max(self.min, 1), MAX_CHOICE)
        if not self.any_of:
            raise MalformedError("shape any_of", wanted="one sequence at least")

    def ends(self, text: str, at: Ends) -> Ends:
        """Return where this can end, begun where `at` says."""
        found = list(at) if self.min == 0 else []
        for times in range(1, self.max + 1):
            at = merged(end for parts in self.any_of for end in after(parts, text, at))
            if times >= self.min:
                found += at
            if not at:
                break
        return merged(found)

    def to_json(self) -> Json:
        """Return the part's JSON."""
        sequences: list[Json] = [[part.to_json() for part in parts] for parts in self.any_of]
        return {"any_of": sequences, "min": self.min, "max": self.max}

    def __str__(self) -> str:
        """Return the part in words."""
        said = " or ".join(", ".join(map(str, parts)) or "nothing" for parts in self.any_of)
        return (
            f"({said})" if self.min == self.max == 1 else f"{_times(self.min, self.max)} ({said})"
        )


Part: TypeAlias = Literal | Run | Choice


def after(parts: Iterable[Part], text: str, at: Ends) -> Ends:
    """Return where a sequence of parts can end, begun where `at` says."""
    for part in parts:
        if not at:
            break
        at = part.ends(text, at)
    return at


def _times(least: int, most: int | None) -> str:
    if most is None:
        return f"{least} or more" if least else "any number"
    return str(least) if least == most else f"{least} to {most}"
