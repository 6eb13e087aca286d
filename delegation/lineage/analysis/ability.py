"""Describes the abilities of a link or a holder, and what a link grants that was never used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from delegation.authority.argument import Argument
from delegation.authority.capability import Capability
from delegation.authority.constraints import Constraint
from delegation.authority.explain import Change, differences
from delegation.authority.grant import Grant
from delegation.cancellation import look
from delegation.lineage.analysis.spelling import python_grant
from delegation.lineage.entry import LinkEntry
from delegation.lineage.reach import Reach, reachable_resources
from delegation.lineage.survey import UNSAID, Extent, Survey


@dataclass(frozen=True, slots=True)
class Ability:
    """One tool that a link reaches by one of its capabilities.

    Args:
        tool: The tool's name.
        effect: Its effect.
        sensitivity: 0 to 3, the higher of the pinned definition and the present one.
        labels: Labels of the tool.
        arguments: What each argument may be, as pairs of name and words.
        resources: Resource patterns that its template can fill; empty for a tool without one.
        unknown: What only the data of a call, or the task's history, decides; one sentence each.
        place: The capability's place in the grant.
    """

    tool: str
    effect: str
    sensitivity: int
    labels: tuple[str, ...]
    arguments: tuple[tuple[str, str], ...]
    resources: tuple[str, ...]
    unknown: tuple[str, ...]
    place: int


@dataclass(frozen=True, slots=True)
class LinkAbility:
    """The abilities of one link.

    Args:
        link: The link.
        abilities: Tools by name; empty when the link does not stand.
        until: First second at which it no longer holds, Unix seconds.
    """

    link: LinkEntry
    abilities: tuple[Ability, ...]
    until: int


@dataclass(frozen=True, slots=True)
class HolderAbility:
    """The abilities of one holder by all its links.

    Args:
        kind: `agent` or `key`.
        name: The agent's registered name; empty for a key that is not registered.
        owner: The agent's accountable owner; empty for such a key.
        keys: The holder's keys, base64url of 32 bytes.
        fingerprints: Of those keys, in the same order.
        registered_at: Unix seconds; 0 for such a key.
        links: Links that it holds, the newest last.
        at: The instant that is spoken of, Unix seconds.
        is_complete: Whether every link was looked at.
        extent: How many were, of how many.
    """

    kind: str
    name: str
    owner: str
    keys: tuple[str, ...]
    fingerprints: tuple[str, ...]
    registered_at: int
    links: tuple[LinkAbility, ...]
    at: int
    is_complete: bool
    extent: Extent = UNSAID


def ability(survey: Survey, link: LinkEntry) -> LinkAbility:
    """Return what a link could do at the survey's instant.

    Never less than the judge admits (see `lineage.reach`). A link that does not stand could do
    nothing, nor could one whose window has not begun. Not looked at: what is left of budgets,
    which is state; and what a policy outside says.
    """
    grant = link.grant
    found: tuple[Ability, ...] = ()
    if link.standing == "active" and grant.not_before <= survey.at:
        found = abilities(survey, link)
    return LinkAbility(link, found, survey.until(link))


def abilities(survey: Survey, link: LinkEntry) -> tuple[Ability, ...]:
    """Return what a link's grant reaches, whether it stands or not."""
    look()
    found = [_ability(link.grant, one) for one in survey.reach(link)]
    return tuple(sorted(found, key=lambda one: (one.tool, one.place)))


def effects(found: tuple[Reach, ...]) -> tuple[str, ...]:
    """Return the effects that are really reached, the mildest first."""
    order = ("read", "write", "delete", "admin", "actuate")
    return tuple(sorted({one.tool.effect for one in found}, key=order.index))


def _ability(grant: Grant, reached: Reach) -> Ability:
    tool, capability = reached.tool, reached.capability
    arguments = tuple(
        (name, _said(capability.arguments.get(name), argument))
        for name, argument in tool.arguments.items()
    )
    return Ability(
        tool.name,
        tool.effect,
        reached.sensitivity,
        tuple(sorted(reached.labels)),
        arguments,
        tuple(pattern.text for pattern in reachable_resources(reached)),
        tuple(_unknown(grant, reached)),
        reached.place,
    )


def _said(constraint: Constraint | None, argument: Argument) -> str:
    """Return what an argument may be, in words; null is told where the tool takes it for a value."""
    if constraint is None:
        return "absent"
    said = constraint.wording(argument.type).short
    tells = constraint.kind in {"exact", "one_of"}
    is_cleared = argument.is_nullable and constraint.admits(None) and not tells
    return f"{said}, or null" if is_cleared else said


def _unknown(grant: Grant, reached: Reach) -> Iterator[str]:
    tool = reached.tool
    if tool.resource is not None and "{" in tool.resource:
        yield f"Which resource it touches is decided by the call: {tool.resource}."
    for unit, rule in tool.cost.items():
        if isinstance(rule, str):
            yield f"What it costs in {unit} is decided by the argument {rule}."
    if reached.capability.delegate_only:
        yield "Its holder may only hand it on: calls of its own are refused, those of others are not."
    if grant.flow:
        yield "Flow rules may refuse it, by what the task has done before."
    if any(pattern.matches(tool.name) for rule in grant.needs_approval for pattern in rule.tools):
        yield "A person has to approve each call."


@dataclass(frozen=True, slots=True)
class Unused:
    """Parts of a grant that were never used.

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
