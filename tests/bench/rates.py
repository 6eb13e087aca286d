"""Rates: what the turns of one subject came to, and how it compares with a floor's turns."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.row import Row, compared, rounded


@dataclass(frozen=True, slots=True)
class Turn:
    """Calls that were made in one turn.

    Args:
        calls: How many were answered.
        seconds: How long that took.
        cpu: Processor time in seconds, of all processes that answered.
        p50_us: Median of one call in microseconds, where somebody says so.
        p99_us: Its 99th percentile.
        ended: Whether there was nothing left to send before the time was up.
    """

    calls: int
    seconds: float
    cpu: float
    p50_us: float | None = None
    p99_us: float | None = None
    ended: bool = False

    @property
    def per_second(self) -> float:
        """Calls in a second."""
        return self.calls / self.seconds

    @property
    def cpu_us(self) -> float:
        """Processor time of one call in microseconds.

        Raises:
            RuntimeError: None was answered.
        """
        if not self.calls:
            raise RuntimeError("a turn went by without an answer")
        return self.cpu / self.calls * 1e6


def share(turns: Sequence[Turn], workers: int = 1) -> float:
    """Return what each of so many workers used of a core."""
    return sum(one.cpu for one in turns) / sum(one.seconds for one in turns) / workers


def filled(row: Row, turns: Sequence[Turn]) -> Row:
    """Return the row with the medians of its turns."""
    p50, p99 = [t.p50_us for t in turns if t.p50_us], [t.p99_us for t in turns if t.p99_us]
    return replace(
        row,
        median_us=rounded(statistics.median(p50)) if p50 else None,
        p99_us=rounded(statistics.median(p99)) if p99 else None,
        per_second=rounded(statistics.median(t.per_second for t in turns)),
        cpu_us=rounded(statistics.median(t.cpu_us for t in turns)),
        share=rounded(share(turns, row.workers or 1)),
    )


def beside(
    row: Row, turns: Sequence[Turn], floor: str, base: Sequence[Turn], reach: str | None = None
) -> Row:
    """Return the row with the medians of its turns, and its ratios to a floor's turns.

    By rate, where the floor was busy; by processor time for one call in any case.

    Args:
        row: What is compared.
        turns: Its own, as many as the floor's or fewer.
        floor: What it is compared with.
        base: The floor's turns.
        reach: What is to be reached of the rate.
    """
    rate = statistics.median(t.per_second for t in turns)
    other = statistics.median(t.per_second for t in base)
    work = statistics.median(t.cpu_us for t in base) / statistics.median(t.cpu_us for t in turns)
    flaw = "the requests ran out before the time did" if any(t.ended for t in turns) else ""
    row = replace(filled(row, turns), cpu_ratio=rounded(work))
    busy = share(base, row.workers or 1)
    return compared(row, floor, rate / other, share=busy, reach=reach, flaw=flaw)
