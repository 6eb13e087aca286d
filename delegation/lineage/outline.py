"""Outlines links for maps of thousands: place, standing and counts; and links by depth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from delegation.authority.ids import LinkId, TaskId
from delegation.identity.principal import fingerprint
from delegation.lineage.entry import Standing, TaskEntry

STRENGTH: Final = ("nothing", "read", "write", "delete", "admin", "actuate")


@dataclass(frozen=True, slots=True)
class LinkOutline:
    """One recorded link without its grant.

    Args:
        id: The link.
        task: Its task.
        parent: The link above, None for a root.
        depth: 0 for a root.
        holder_name: The registered agent's name; empty when (name, key) is not registered.
        claimed_name: What the delegator called the holder: a claim, hostile text.
        holder_key: The holder's key, 32 bytes.
        registered: Whether the (agent, key) pair is registered.
        effect: The strongest effect that its grant holds, `nothing` if none.
        expires_at: End of its window, Unix seconds.
        recorded_at: When the service first saw it, Unix seconds.
        standing: Computed from the ancestors, never stored.
        ended_by: Id of what ends it; empty while active.
        allowed: Calls allowed with it as the leaf.
        denied: Calls denied with it as the leaf.
        waiting: Requests with it as the leaf that wait for people.
        under: For the root of a child task: the link under which that was opened.
    """

    id: LinkId
    task: TaskId
    parent: LinkId | None
    depth: int
    holder_name: str
    claimed_name: str
    holder_key: bytes
    registered: bool
    effect: str
    expires_at: int
    recorded_at: int
    standing: Standing
    ended_by: str
    allowed: int = 0
    denied: int = 0
    waiting: int = 0
    under: LinkId | None = None

    @property
    def above(self) -> LinkId | None:
        """The link that this one hangs below: its parent, or for a child task's root the opener."""
        return self.under if self.parent is None else self.parent

    @property
    def fingerprint(self) -> str:
        """Short text of the holder's key, always shown beside a name."""
        return fingerprint(self.holder_key)

    @property
    def can_write(self) -> bool:
        """Whether it holds more than reading."""
        return self.effect not in {"nothing", "read"}


@dataclass(frozen=True, slots=True)
class TaskOutline:
    """One task with all links at or below it, parents before children.

    Args:
        task: The task.
        links: Its links and those of the tasks below it, in recorded order.
        closed_at: When it was closed, Unix seconds; None while it is open.
        below: The tasks that were opened under links of it, and under links of those.
    """

    task: TaskEntry
    links: tuple[LinkOutline, ...]
    closed_at: int | None = None
    below: tuple[TaskEntry, ...] = ()


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
