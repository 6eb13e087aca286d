"""Matches names by patterns of whole segments.

Tools are `crm.contacts.read` (separator `.`), resources `mail:acme/inbox` (separator `/`). `*` is
exactly one segment, `**` at the end is one or more. There is no partial wildcard: `report*` would
also match `report_finance`, the classic look-alike tool.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from delegation.errors import MalformedError

# Characters; a pattern is shown to reviewers and stored on every link. Operations of real documents
# have names of up to 132 characters where they are made of method and path.
MAX_PATTERN: Final = 512
TOOL_NAME: Final = re.compile(
    r"(?=.{1,512}\Z)[a-z0-9_][a-z0-9_-]{0,255}(\.[a-z0-9_][a-z0-9_-]{0,255}){0,15}"
)
_TOOL_SEGMENT: Final = re.compile(r"[a-z0-9_][a-z0-9_-]{0,255}")
_MAX_FIRST: Final = 256  # characters of a pattern in payload version 1
_FIRST_SEGMENT: Final = 64  # and of a tool's segment
_RESOURCE_SEGMENT: Final = re.compile(r"[A-Za-z0-9._~:@+%-]{1,200}")


@dataclass(frozen=True, slots=True)
class SegmentPattern:
    """A pattern over names made of segments.

    Args:
        text: The pattern, at most `MAX_PATTERN` characters.
        separator: `.` for tools, `/` for resources.

    Raises:
        MalformedError: An empty or foreign segment, or `**` before the end.
    """

    text: str
    separator: Literal[".", "/"]
    _segments: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        segments = tuple(self.text.split(self.separator))
        allowed = _TOOL_SEGMENT if self.separator == "." else _RESOURCE_SEGMENT
        wanted = "whole segments, of which only the last may be **"
        if len(self.text) > MAX_PATTERN:
            raise MalformedError("A pattern", wanted=f"at most {MAX_PATTERN} characters")
        for index, segment in enumerate(segments):
            if segment == "*" or (segment == "**" and index == len(segments) - 1):
                continue
            if allowed.fullmatch(segment) is None or segment in {".", ".."}:
                raise MalformedError("A pattern", wanted=wanted)
        object.__setattr__(self, "_segments", segments)

    @property
    def version(self) -> int:
        """The lowest payload version that has such a pattern."""
        longest = max(map(len, self._segments)) if self.separator == "." else 0
        return 2 if len(self.text) > _MAX_FIRST or longest > _FIRST_SEGMENT else 1

    @property
    def is_literal(self) -> bool:
        """Whether the pattern has no wildcard, and so matches one name only."""
        return "*" not in self.text

    def matches(self, name: str) -> bool:
        """Return whether the name is one that the pattern stands for."""
        if self.is_literal:
            return name == self.text
        return segments_match(self._segments, name.split(self.separator))

    def is_within(self, parent: SegmentPattern) -> bool:
        """Return whether every name that this pattern matches is matched by the parent."""
        return self.separator == parent.separator and segments_within(
            self._segments, parent._segments
        )

    def overlaps(self, other: SegmentPattern) -> bool:
        """Return whether some name is matched by both patterns."""
        return self.separator == other.separator and segments_overlap(
            self._segments, other._segments
        )


def segments_match(pattern: Sequence[str], name: Sequence[str]) -> bool:
    """Return whether the segments of a name match those of a pattern.

    An empty segment, as before a leading slash, is matched by an empty literal alone.

    Args:
        pattern: Literals, `*` for one segment, `**` as the last for one or more.
        name: The name's segments.
    """
    if pattern[-1] == "**":
        pattern = pattern[:-1]
        if len(name) <= len(pattern):
            return False
    elif len(name) != len(pattern):
        return False
    return all(name[len(pattern) :]) and all(
        want == segment or (want == "*" and segment != "")
        for want, segment in zip(pattern, name, strict=False)
    )


def segments_within(child: Sequence[str], parent: Sequence[str]) -> bool:
    """Return whether every name that the child's segments match is matched by the parent's."""
    for index, want in enumerate(parent):
        if want == "**":
            return len(child) > index and all(child[index:])
        if (
            index >= len(child)
            or child[index] == "**"
            or (want != child[index] and (want != "*" or child[index] == ""))
        ):
            return False
    return len(child) == len(parent)


def segments_overlap(left: Sequence[str], right: Sequence[str]) -> bool:
    """Return whether some name is matched by the segments of both."""
    for index in range(max(len(left), len(right))):
        if index >= min(len(left), len(right)):
            return False
        mine, theirs = left[index], right[index]
        if "**" in {mine, theirs}:
            # It stands last, for one or more; the other has one or more from here on.
            return all(left[index:]) and all(right[index:])
        if mine != theirs and ("*" not in {mine, theirs} or "" in {mine, theirs}):
            return False
    return True


def tool_pattern(text: str) -> SegmentPattern:
    """Return a pattern over tool names.

    Raises:
        MalformedError: The text is no such pattern.
    """
    try:
        return SegmentPattern(text, ".")
    except MalformedError as error:
        if "*" in text or len(text) > MAX_PATTERN:
            raise
        raise MalformedError(
            "A tool", wanted="named by its own dotted lower-case name, not by an alias "
            "(`delegation catalogue show ALIAS` says whose it is)",
        ) from error  # fmt: skip


def resource_pattern(text: str) -> SegmentPattern:
    """Return a pattern over resource names.

    Raises:
        MalformedError: The text is no such pattern.
    """
    return SegmentPattern(text, "/")
