"""Finds ways from a holder to a tool: the links that carry such a call, or the obstacle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from delegation.authority.catalogue import Catalogue
from delegation.authority.explain import Change, instant
from delegation.authority.grant import Grant
from delegation.judge.capability import refuse_redefined
from delegation.lineage.analysis.ability import Ability, ability
from delegation.lineage.entry import LinkEntry
from delegation.lineage.reach import reach
from delegation.lineage.survey import UNSAID, Extent, Survey, called


@dataclass(frozen=True, slots=True)
class Hop:
    """One link on the way.

    Args:
        link: The link.
        changes: What it narrowed that bears on the tool.
    """

    link: LinkEntry
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Pathway:
    """One chain by which the tool could be reached.

    Args:
        hops: Root first.
        abilities: How the leaf reaches the tool.
        until: First second at which it no longer could, Unix seconds.
    """

    hops: tuple[Hop, ...]
    abilities: tuple[Ability, ...]
    until: int


@dataclass(frozen=True, slots=True)
class Obstacle:
    """The obstacle on the way from a held link to a tool.

    Args:
        leaf: The held link.
        stops: The first link of its chain that cannot reach the tool; the authority ended there.
        code: Stable name of the reason.
        reason: One sentence.
    """

    leaf: LinkEntry
    stops: LinkEntry
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ways:
    """The answer.

    Args:
        tool: The tool.
        ways: Chains that reach it, the shortest first.
        obstacles: Held links that do not, with the reason.
        note: Why there can be none, when it is not a link's doing.
        extent: How many of the holder's links, and those below, were looked at, of how many.
    """

    tool: str
    ways: tuple[Pathway, ...]
    obstacles: tuple[Obstacle, ...]
    note: str = ""
    extent: Extent = UNSAID


def ways(survey: Survey, held: Iterable[LinkEntry], tool: str) -> Ways:
    """Return how a holder of these links could reach a tool.

    Only authority counts that is held already: what another holder might still hand over is not
    looked at, nor what a tool itself can be made to do.

    Args:
        survey: The ground; it has the links with their ancestors.
        held: The links of one holder.
        tool: The tool's exact name.
    """
    links = tuple(held)
    if survey.catalogue.tool(tool) is None:
        return Ways(
            tool, (), (), f"There was no tool called {tool} in the catalogue.", survey.extent
        )
    if not links:
        return Ways(tool, (), (), "It holds no link.", survey.extent)
    found: list[Pathway] = []
    obstacles: list[Obstacle] = []
    for link in links:
        could = ability(survey, link)
        by = tuple(one for one in could.abilities if one.tool == tool)
        if by:
            found.append(Pathway(_hops(survey, link, tool), by, could.until))
        else:
            obstacles.append(_obstacle(survey, link, tool))
    found.sort(key=lambda way: (len(way.hops), way.hops[-1].link.id))
    return Ways(tool, tuple(found), tuple(obstacles), "", survey.extent)


def _hops(survey: Survey, leaf: LinkEntry, tool: str) -> tuple[Hop, ...]:
    return tuple(Hop(link, _bearing(link, tool)) for link in survey.chain(leaf.id))


def _bearing(link: LinkEntry, tool: str) -> tuple[Change, ...]:
    """Return the changes that bear on a tool: all but those about other tools' capabilities."""
    texts = {c.tool.text for c in link.grant.capabilities}
    others = {text for text in texts if not _covers(link.grant, text, tool)}
    return tuple(
        change
        for change in link.changes
        if not any(
            change.field in {other, f"{other} resources"} or change.field.startswith(f"{other}.")
            for other in others
        )
        and not (change.field == "tool" and change.after in others)
        and not (not change.after and not change.before and change.field != tool)
    )


def _covers(grant: Grant, pattern: str, tool: str) -> bool:
    return any(c.tool.text == pattern and c.tool.matches(tool) for c in grant.capabilities)


def _obstacle(survey: Survey, leaf: LinkEntry, tool: str) -> Obstacle:
    pinned = survey.pinned(leaf.id)
    chain = survey.chain(leaf.id)
    for link in chain:
        why = why_not(link.grant, survey.catalogue, pinned, tool)
        if why is not None:
            code, reason = why
            if link.parent is not None and code in _NARROWED:
                reason += (
                    f" It was narrowed by {called(chain[link.depth - 1])} at link {link.depth}."
                )
            return Obstacle(leaf, link, code, reason)
    if leaf.standing != "active":
        ended = next((one for one in chain if one.standing != "active"), leaf)
        words = leaf.standing.replace("_", " ")
        return Obstacle(leaf, ended, leaf.standing, f"The link does not stand: {words}.")
    return Obstacle(leaf, leaf, "not_yet", f"It holds from {instant(leaf.grant.not_before)} on.")


_NARROWED = frozenset(
    {"not_granted", "effect_not_granted", "too_sensitive", "no_audience", "unreachable"}
)


def why_not(
    grant: Grant, catalogue: Catalogue, pinned: int | None, tool: str
) -> tuple[str, str] | None:
    """Return code and sentence why a grant does not reach a tool, or None if it does."""
    if any(one.tool.name == tool for one in reach(grant, catalogue, pinned)):
        return None
    now = catalogue.tool(tool)
    then = now if pinned is None else catalogue.tool(tool, pinned)
    if now is None or then is None:
        return "not_pinned", f"{tool} was added to the catalogue after the root was issued."
    if not any(c.tool.matches(tool) for c in grant.capabilities):
        return "not_granted", f"No capability names {tool}."
    if not {now.effect, then.effect} <= set(grant.effects):
        return "effect_not_granted", f"{tool} has the effect {now.effect}, which is not granted."
    sensitivity = max(now.sensitivity, then.sensitivity)
    if sensitivity > grant.max_sensitivity:
        return (
            "too_sensitive",
            f"{tool} has sensitivity {sensitivity}, and at most {grant.max_sensitivity} is granted.",
        )
    if refuse_redefined(then, now) is not None:
        return "redefined", f"{tool} was redefined since the root was issued."
    if not grant.audience or grant.not_before >= grant.expires_at:
        return "no_audience", "It names no service or has no window, so it admits no call at all."
    return "unreachable", f"No call of {tool} fits the arguments and resources that are granted."
