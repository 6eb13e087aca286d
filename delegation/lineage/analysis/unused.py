"""Granted and never used: what a link reaches that nobody called, and the grant without it."""

from __future__ import annotations

from dataclasses import dataclass

from delegation.authority.capability import Capability
from delegation.authority.explain import Change, differences
from delegation.authority.grant import Grant
from delegation.lineage.analysis.ability import Ability, abilities
from delegation.lineage.analysis.spelling import python_grant
from delegation.lineage.entry import LinkEntry
from delegation.lineage.extent import UNSAID, Extent
from delegation.lineage.survey import Survey


@dataclass(frozen=True, slots=True)
class Unused:
    """What was granted and never used.

    Args:
        link: The link.
        never: Tools that it reaches and that no allowed call used, under it or below it.
        used: Tools that were used, with the number of allowed calls.
        narrower: The grant without them; None when nothing would be left out of it.
        changes: What that narrows.
        code: The narrower grant as Python; empty when there is none.
        extent: How many links, this one and those below, were looked at, of how many: what another
            one used is not known.
    """

    link: LinkEntry
    never: tuple[Ability, ...]
    used: tuple[tuple[str, int], ...]
    narrower: Grant | None
    changes: tuple[Change, ...]
    code: str
    extent: Extent = UNSAID


def unused(survey: Survey, link: LinkEntry) -> Unused:
    """Return what a link grants that was never used.

    Calls under links below count: they used its authority. Denied calls do not: what was refused
    needs no grant. The narrower grant keeps whole capabilities: tightening from arguments is
    `lineage.tightening`.

    Args:
        survey: The ground; it has all links below the link.
        link: The link.
    """
    calls: dict[str, int] = {}
    for one in (link, *survey.below(link.id)):
        for use in survey.known.uses.get(one.id, ()):
            if use.allowed:
                calls[use.tool] = calls.get(use.tool, 0) + use.allowed
    reached = abilities(survey, link)
    never = tuple(one for one in reached if one.tool not in calls)
    kept = [c for c in link.grant.capabilities if any(c.tool.matches(tool) for tool in calls)]
    narrower = None
    if len(kept) < len(link.grant.capabilities):
        tools = [survey.catalogue.tool(tool) for tool in calls]
        narrower = _with(link.grant, kept, {tool.effect for tool in tools if tool is not None})
    return Unused(
        link,
        never,
        tuple(sorted(calls.items())),
        narrower,
        () if narrower is None else differences(link.grant, narrower),
        "" if narrower is None else python_grant(narrower),
        survey.extent,
    )


def _with(grant: Grant, capabilities: list[Capability], effects: set[str]) -> Grant:
    return Grant(
        capabilities,
        effects=[effect for effect in grant.effects if effect in effects],
        max_sensitivity=grant.max_sensitivity,
        audience=grant.audience,
        purpose=grant.purpose,
        not_before=grant.not_before,
        expires_at=grant.expires_at,
        delegations_left=grant.delegations_left,
        budget=grant.budget,
        needs_approval=grant.needs_approval,
        flow=grant.flow,
    )
