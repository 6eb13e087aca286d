"""Terms: what flow rules speak of, and the marks that calls leave in their task's history.

A term is a label (`pii`) or one of `effect:write`, `system:crm`, `domain:finance` and
`tool:crm.**`, the last by pattern. A mark is a term without pattern: what one call was.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from delegation.authority.fields import list_of, matching_text
from delegation.authority.pattern import MAX_PATTERN, SegmentPattern, tool_pattern
from delegation.errors import MalformedError

LABEL: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
MAX_LABELS: Final = 32
_TERM: Final = re.compile(
    r"[a-z][a-z0-9_-]{0,63}"
    r"|effect:(read|write|delete|admin|actuate)"
    r"|(system|domain):[a-z0-9._-]{1,64}"
    rf"|tool:[a-z0-9_.*-]{{1,{MAX_PATTERN}}}"
)
_TOOL: Final = "tool:"


def terms(what: str, value: object) -> tuple[str, ...]:
    """Return terms sorted and without repetition, at least one.

    Raises:
        MalformedError: One has another form, or there are none, or more than `MAX_LABELS`.
    """
    items = list_of(what, list(value) if isinstance(value, tuple) else value, MAX_LABELS)
    found = {
        matching_text(what, item, _TERM, "a label, or a term such as effect:write")
        for item in items
    }
    for term in found:
        if term.startswith(_TOOL):
            _pattern(term)
    if not found:
        raise MalformedError(what, wanted="at least one label or term")
    return tuple(sorted(found))


def version_of(term: str) -> int:
    """Return the lowest payload version that has such a term."""
    return _pattern(term).version if term.startswith(_TOOL) else 1


def is_label(term: str) -> bool:
    """Return whether the term is a label, not a kind with a value."""
    return ":" not in term


def matches(term: str, mark: str) -> bool:
    """Return whether a call with this mark is one that the term speaks of."""
    if term == mark:
        return True
    if "*" not in term or not mark.startswith(_TOOL):
        return False
    return _pattern(term).matches(mark.removeprefix(_TOOL))


def covers(term: str, other: str) -> bool:
    """Return whether whatever the other term speaks of, this one speaks of too."""
    if term == other:
        return True
    if "*" not in term or not other.startswith(_TOOL):
        return False
    return _pattern(other).is_within(_pattern(term))


def all_covered(wider: tuple[str, ...], narrower: tuple[str, ...]) -> bool:
    """Return whether each term of the second is covered by one of the first."""
    return all(any(covers(mine, other) for mine in wider) for other in narrower)


@lru_cache(maxsize=4096)
def _pattern(term: str) -> SegmentPattern:
    return tool_pattern(term.removeprefix(_TOOL))
