"""Counts calls over time: allowed and denied ones in equal spans, for choosing an instant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

SPANS: Final = 48
MOST: Final = 5000  # the newest decisions that are looked at


@dataclass(frozen=True, slots=True)
class Span:
    """Decisions of one span.

    Args:
        until: The span's last second, Unix seconds.
        allowed: How many calls were allowed in it.
        denied: How many were denied.
    """

    until: int
    allowed: int
    denied: int


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Calls over time.

    Args:
        start: The first second, Unix seconds.
        spans: Spans of equal length, the oldest first; none without a decision.
        is_complete: Whether all decisions were looked at; else the newest.
    """

    start: int
    spans: tuple[Span, ...]
    is_complete: bool = True

    @property
    def total(self) -> tuple[int, int]:
        """All that were allowed, and all that were denied."""
        return sum(one.allowed for one in self.spans), sum(one.denied for one in self.spans)


def rhythm(made: Iterable[tuple[int, bool]], *, now: int, spans: int = SPANS) -> Rhythm:
    """Return decisions as spans from the first of them to now.

    Args:
        made: When each decision was made, and whether it allowed.
        now: Unix seconds; later ones, of a clock that is ahead, count in the last span.
        spans: How many spans at most; none is shorter than a second.
    """
    found = list(made)
    if not found:
        return Rhythm(now, ())
    start = min(*(at for at, _ in found), now)
    width = max(1, -(-(now - start + 1) // spans))
    number = -(-(now - start + 1) // width)
    allowed, denied = [0] * number, [0] * number
    for at, is_allowed in found:
        place = min(number - 1, (at - start) // width)
        (allowed if is_allowed else denied)[place] += 1
    return Rhythm(
        start,
        tuple(
            Span(min(now, start + (n + 1) * width - 1), allowed[n], denied[n])
            for n in range(number)
        ),
    )
