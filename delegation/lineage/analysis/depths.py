"""Links by depth: how many there are, how they stand, and what they did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from delegation.lineage.outline import LinkOutline


@dataclass(frozen=True, slots=True)
class Depth:
    """All links at one depth.

    Args:
        depth: 0 for roots.
        links: How many.
        standings: How many have each standing.
        can_write: How many hold more than reading.
        denied: How many had denials.
        waiting: How many wait for people.
    """

    depth: int
    links: int
    standings: Mapping[str, int]
    can_write: int
    denied: int
    waiting: int


def by_depth(links: Iterable[LinkOutline]) -> tuple[Depth, ...]:
    """Return one entry for each depth that has links, roots first."""
    found: dict[int, list[LinkOutline]] = {}
    for link in links:
        found.setdefault(link.depth, []).append(link)
    return tuple(
        Depth(
            depth,
            len(here),
            Counter(link.standing for link in here),
            sum(link.can_write for link in here),
            sum(link.denied > 0 for link in here),
            sum(link.waiting > 0 for link in here),
        )
        for depth, here in sorted(found.items())
    )
