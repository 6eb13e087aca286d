"""A decision with the chain under which it was made, as far as it is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from delegation.authority.grant import Effect
from delegation.authority.ids import LinkId
from delegation.lineage.entry import DecisionEntry, LinkEntry


@dataclass(frozen=True, slots=True)
class Called:
    """One decision in its place.

    Args:
        decision: The decision.
        chain: The leaf's recorded way up, root first, the leaf last; empty when none is recorded.
        effect: Of the tool by the newest catalogue, None when that does not have it.
    """

    decision: DecisionEntry
    chain: tuple[LinkEntry, ...]
    effect: Effect | None


def chain_of(leaf: LinkId | None, known: Mapping[LinkId, LinkEntry]) -> tuple[LinkEntry, ...]:
    """Return a leaf's way up, root first, as far as it is known."""
    up: list[LinkEntry] = []
    while leaf is not None and leaf in known and len(up) < len(known):
        up.append(known[leaf])
        leaf = known[leaf].parent
    return tuple(reversed(up))
