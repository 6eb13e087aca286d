"""Names in segments, and patterns that match them by whole segment.

Tools are `crm.contacts.read` (separator `.`), resources `mail:acme/inbox` (separator `/`). `*` is
exactly one segment, `**` at the end is one or more. There is no partial wildcard: `report*` would
also match `report_finance`, the classic look-alike tool.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal

from delegation.errors import MalformedError

MAX_PATTERN: Final = 256  # characters; a pattern is shown to reviewers and stored on every link
TOOL_NAME: Final = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}(\.[a-z0-9_][a-z0-9_-]{0,63}){0,7}")
_TOOL_SEGMENT: Final = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")
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
            last = index == len(segments) - 1
            if segment == "*" or (segment == "**" and last):
                continue
            if allowed.fullmatch(segment) is None or segment in {".", ".."}:
                raise MalformedError("A pattern", wanted=wanted)
        object.__setattr__(self, "_segments", segments)

    @property
    def is_literal(self) -> bool:
        """Whether the pattern has no wildcard, and so matches one name only."""
        return "*" not in self.text

    def matches(self, name: str) -> bool:
        """Return whether the name is one that the pattern stands for."""
        if self.is_literal:
            return name == self.text
        segments = name.split(self.separator)
        mine = self._segments
        if mine[-1] == "**":
            mine = mine[:-1]
            if len(segments) <= len(mine):
                return False
        elif len(segments) != len(mine):
            return False
        return all(
            bool(segment) and want in {"*", segment}
            for want, segment in zip(mine, segments, strict=False)
        )

    def is_within(self, parent: SegmentPattern) -> bool:
        """Return whether every name that this pattern matches is matched by the parent."""
        if self.separator != parent.separator:
            return False
        mine, theirs = self._segments, parent._segments
        for index, want in enumerate(theirs):
            if want == "**":
                return len(mine) > index
            if index >= len(mine) or mine[index] == "**":
                return False
            if want not in {"*", mine[index]}:
                return False
        return len(mine) == len(theirs)


def tool_pattern(text: str) -> SegmentPattern:
    """Return a pattern over tool names.

    Raises:
        MalformedError: The text is no such pattern.
    """
    return SegmentPattern(text, ".")


def resource_pattern(text: str) -> SegmentPattern:
    """Return a pattern over resource names.

    Raises:
        MalformedError: The text is no such pattern.
    """
    return SegmentPattern(text, "/")
