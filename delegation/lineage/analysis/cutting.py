"""Cuts a task's lineage down to what an export's filters admit, and the ancestors of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from delegation.authority.ids import LinkId
from delegation.lineage.entry import Lineage, LinkEntry
from delegation.lineage.feed import Revocation
from delegation.lineage.outline import TaskOutline
from delegation.lineage.selection import Selection


@dataclass(frozen=True, slots=True)
class Cutting:
    """What is left of one task.

    Args:
        lineage: The task, the links that are left with all above them, and their decisions.
        keys: Each link's holder key, 32 bytes: names and fingerprints are for eyes.
        context: Links that the filters hide, kept for what is below them.
        total: Links of the task, filters aside.
        endings: Revocations and suspensions of what ended the links that are left.
        closed_at: When the task was closed, Unix seconds; None while it is open.
    """

    lineage: Lineage
    keys: Mapping[LinkId, bytes]
    context: frozenset[LinkId]
    total: int
    endings: tuple[Revocation, ...] = ()
    closed_at: int | None = None


def cutting(lineage: Lineage, outline: TaskOutline, wanted: Selection) -> Cutting | None:
    """Return what the filters leave of a task, None when they leave nothing of one that has links.

    Args:
        lineage: The task with all its links.
        outline: The same in outline, from the same snapshot.
        wanted: What is asked for.
    """
    keys = {link.id: link.holder_key for link in outline.links}
    waiting = {link.id for link in outline.links if link.waiting}
    if not wanted.filters:
        whole = len(lineage.links)
        return Cutting(lineage, keys, frozenset(), whole, closed_at=outline.closed_at)
    near = _near(lineage, wanted.link)
    admitted = {
        link.id
        for link in lineage.links
        if link.id in near and _admits(wanted, link, is_waiting=link.id in waiting)
    }
    if not admitted:
        return None
    above_of = {link.id: link.above for link in lineage.links}
    kept: set[LinkId] = set()
    for one in admitted:
        above: LinkId | None = one
        while above is not None and above not in kept:
            if above in above_of:
                kept.add(above)
            above = above_of.get(above)
    left = tuple(link for link in lineage.links if link.id in kept)
    made = tuple(d for d in lineage.decisions if d.link in kept)
    return Cutting(
        replace(lineage, links=left, decisions=made),
        keys,
        frozenset(kept - admitted),
        len(lineage.links),
        closed_at=outline.closed_at,
    )


def _near(lineage: Lineage, link: str | None) -> set[LinkId]:
    """Return a link's way up, itself, and all below it; every link if none is named."""
    if link is None:
        return {one.id for one in lineage.links}
    above_of = {one.id: one.above for one in lineage.links}
    near: set[LinkId] = set()
    above: LinkId | None = LinkId(link) if link in above_of else None
    below = {above} if above is not None else set()
    while above is not None and above not in near:
        if above in above_of:
            near.add(above)
        above = above_of.get(above)
    for one in lineage.links:  # parents before children
        if one.above in below:
            below.add(one.id)
    return near | below


def _admits(wanted: Selection, link: LinkEntry, *, is_waiting: bool) -> bool:
    standings, outcomes = wanted.words("standing"), wanted.words("outcome")
    if standings and link.standing not in standings:
        return False
    kinds = (
        ("allowed", link.decisions.allowed),
        ("denied", link.decisions.denied),
        ("waiting", int(is_waiting)),
    )
    return not outcomes or any(name in outcomes and number for name, number in kinds)
