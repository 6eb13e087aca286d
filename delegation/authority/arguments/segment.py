"""Reads segments: text that fills one segment of a URL's path, and no more, to every reader.

Whoever builds the URL percent-encodes it. What is still a separator, the end of a path or a dot
segment once it is decoded again, normalised or fitted to a code page is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final

from delegation.authority.arguments.argument_type import NoCanonicalFormError, text_in
from delegation.authority.arguments.character import first_refused, holding
from delegation.authority.arguments.path import refuse_odd_ignorable
from delegation.authority.arguments.shape import refuse_misshapen
from delegation.authority.arguments.text import BoundedText, bounded_words, refuse_unplain
from delegation.canonical import Json
from delegation.lookalikes import readings

MAX_SEGMENT: Final = 2048
# `;` begins parameters of a segment, which some servers cut off before they look at its dots.
_FOREIGN: Final = re.compile(r"[/\\?#%;\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class SegmentType(BoundedText):
    """Text that stands in one segment of a URL's path.

    Args:
        max: Most characters, at most 2048.
        min: Least characters, 1 at least.
        shape: The shape of the whole text.
    """

    name: ClassVar[str] = "segment"
    least: ClassVar[int] = 1
    most: ClassVar[int] = MAX_SEGMENT
    max: int = MAX_SEGMENT
    min: int = 1

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        return bounded_words("text for one segment of a path", self)

    def canonicalise(self, value: Json) -> Json:
        """Return the text as it is, if it is one segment to every reader."""
        value = text_in(value, "text for one segment of a path")
        refuse_unplain(value, MAX_SEGMENT)
        if not self.min <= len(value) <= self.max:
            raise NoCanonicalFormError(
                "segment_length",
                f"it has {len(value)} characters",
                remedy=f"Send {self.min} to {self.max} characters.",
            )
        for seen in readings(value):
            if _FOREIGN.search(seen):
                what = first_refused(value, lambda c: any(map(_FOREIGN.search, readings(c))))
                raise NoCanonicalFormError(
                    "segment_foreign_character",
                    holding(what, "it holds one of / \\ ? # % ;")
                    + ", or what some readers take for that, which would not stay in one segment",
                    remedy="Send text without / \\ ? # % ; and control characters, in whatever guise.",
                )
            # Windows drops dots and spaces at the end in any order, others spaces at both ends.
            if all(character == "." or character.isspace() for character in seen):
                raise NoCanonicalFormError(
                    "segment_dots",
                    "it is made of dots or spaces alone",
                    remedy="Send text with a letter or digit in it.",
                )
        refuse_odd_ignorable(value)
        refuse_misshapen(self.shape, value)
        return value

    def to_json(self) -> Json:
        """Return the type's JSON."""
        if self == SegmentType():
            return self.name
        body: dict[str, Json] = {"type": self.name, "max": self.max, "min": self.min}
        return body if self.shape is None else {**body, "shape": self.shape.to_json()}
