"""Lists the events of a task in commit order, as far as the record tells.

Links, decisions and revocations are each numbered in commit order; between them the instant decides,
which has seconds. Within one second a link stands before its first use, and a revocation before the
first call that it stopped, else after the last one still allowed under what it ended. Causes are
claims of holders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from delegation.canonical import b64u
from delegation.judge.standing import STEP
from delegation.judge.subject import EVERYTHING
from delegation.lineage.entry import DecisionEntry
from delegation.lineage.feed import Act, Revocation
from delegation.lineage.outline import LinkOutline, TaskOutline

Lane: TypeAlias = Literal["issue", "delegate", "decide", "deny", "revoke", "close"]
LANES: Final[tuple[Lane, ...]] = ("issue", "delegate", "decide", "deny", "revoke", "close")
_LAST: Final = 2**62  # beyond every decision's number


@dataclass(frozen=True, slots=True)
class Ending:
    """A revocation, suspension or resumption of something that the task rests on.

    Args:
        number: Its epoch.
        kind: What kind of thing was revoked.
        id: Which.
        by: Who revoked it.
        reason: Why, in their words: hostile text when an agent wrote it.
        at: Unix seconds.
        act: `revoke`, `suspend` or `resume`.
    """

    number: int
    kind: str
    id: str
    by: str
    reason: str
    at: int
    act: Act = "revoke"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Args:
        lane: What kind of thing.
        at: Unix seconds.
        link: The link that it is about.
        parent: For a delegation: the link that handed on.
        decision: The decision, for one.
        ending: The revocation, for one.
        cause: Place in the timeline of the decision that the holder claims as the cause.
        claimed_cause: Its id, also when it is not in the timeline.
    """

    lane: Lane
    at: int
    link: LinkOutline | None = None
    parent: LinkOutline | None = None
    decision: DecisionEntry | None = None
    ending: Ending | None = None
    cause: int | None = None
    claimed_cause: str = ""


def timeline(
    outline: TaskOutline, decisions: Sequence[DecisionEntry], endings: Sequence[Ending]
) -> tuple[Event, ...]:
    """Return the events of a task.

    Args:
        outline: The task, its links in recorded order.
        decisions: Its decisions, in commit order.
        endings: Revocations of it, of its links, and of agents and keys that hold them.
    """
    links = {str(link.id): link for link in outline.links}
    placed: list[tuple[int, int, int, Event]] = []  # instant, decision before which it stands, rank
    uses = _first_uses(outline, decisions)
    for link in outline.links:
        parent = links.get(link.parent) if link.parent else None
        lane: Lane = "issue" if link.parent is None else "delegate"
        event = Event(lane, link.recorded_at, link=link, parent=parent)
        placed.append((link.recorded_at, uses[link.id], 0, event))
    for made in decisions:
        lane = "decide" if made.allowed else "deny"
        leaf = links.get(made.link) if made.link else None
        cause = made.claimed_cause or ""
        event = Event(lane, made.at, link=leaf, decision=made, claimed_cause=cause)
        placed.append((made.at, made.sequence, 1, event))
    for one in endings:
        event = Event("revoke", one.at, link=links.get(one.id), ending=one)
        placed.append((one.at, *_between(outline, decisions, one), event))
    placed.sort(key=lambda item: item[:3])  # stable: what is numbered stays in its order
    events = [item[3] for item in placed]
    if outline.closed_at is not None:
        events.append(Event("close", outline.closed_at))
        events.sort(key=lambda event: event.at)
    places = {str(e.decision.id): n for n, e in enumerate(events) if e.decision is not None}
    return tuple(replace(e, cause=places.get(e.claimed_cause)) for e in events)


def _first_uses(outline: TaskOutline, decisions: Sequence[DecisionEntry]) -> dict[str, int]:
    """Return for each link the number of the first decision at or below it, in recorded order."""
    first: dict[str, int] = {}
    for made in decisions:
        if made.link:
            first.setdefault(made.link, made.sequence)
    uses: dict[str, int] = {}
    least = _LAST
    for link in reversed(outline.links):  # children, and all links recorded later, come before
        least = min(least, first.get(link.id, _LAST))
        uses[link.id] = least
    return uses


def _between(
    outline: TaskOutline, decisions: Sequence[DecisionEntry], ending: Ending
) -> tuple[int, int]:
    """Return where a revocation stands among the decisions of its second, as far as they tell."""
    ended = {link.id for link in outline.links if link.ended_by == ending.id}
    under = [d for d in decisions if d.at == ending.at and d.link in ended]
    stopped = [d.sequence for d in under if d.step == STEP]
    if stopped:
        return min(stopped), 0
    return max((d.sequence for d in under if d.allowed), default=0), 2


def subjects_of(outline: TaskOutline) -> list[str]:
    """Return the ids of everything whose revocation ends a link at or below a task."""
    names = {str(one.id): None for one in (outline.task, *outline.below)}
    names |= {str(link.id): None for link in outline.links}
    subjects = list(names)
    subjects += sorted({b64u(link.holder_key) for link in outline.links})
    subjects += sorted({link.holder_name for link in outline.links if link.holder_name})
    return [*subjects, outline.task.owner, EVERYTHING.id]


def ending_of(change: Revocation) -> Ending:
    """Return a recorded change as a timeline shows it."""
    subject = change.subject
    return Ending(
        change.epoch, subject.kind, subject.id, change.by, change.reason, change.at, change.act
    )
