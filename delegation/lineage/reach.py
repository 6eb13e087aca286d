"""Computes the reach of a grant: the tools, with the arguments and resources, that it permits.

Never less than what the judge would admit: what is not proven out of reach counts as reached, so
that "cannot reach" is a promise. It may be more: what is spent, standing and flow are state.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from delegation.authority.capability import Capability
from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.constraints import ABSENT
from delegation.authority.grant import Grant
from delegation.authority.pattern import SegmentPattern
from delegation.cancellation import look
from delegation.judge.capability import refuse_redefined, refuse_unfit

_PLACEHOLDER: Final = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Reach:
    """One tool that a grant reaches by one of its capabilities.

    Args:
        tool: The tool as it is defined now.
        capability: What admits its calls.
        place: The capability's place in the grant.
        labels: Labels of the tool, at the pinned revision and now, and of resources that it reaches.
        sensitivity: The higher of both.
    """

    tool: Tool
    capability: Capability
    place: int
    labels: frozenset[str]
    sensitivity: int

    def touches(self, pattern: SegmentPattern) -> bool:
        """Return whether a call may touch a resource that the pattern matches."""
        template = self.tool.resource
        return (
            template is not None
            and may_name(template, pattern)
            and any(mine.overlaps(pattern) for mine in reachable_resources(self))
        )


def reach(grant: Grant, catalogue: Catalogue, pinned: int | None) -> tuple[Reach, ...]:
    """Return every tool that a grant reaches, by each capability that admits some call of it.

    Not looked at: what is spent, approvals, flow, standing; and whether an ancestor holds as much,
    which narrowing ensures.

    Args:
        grant: The leaf's grant, which is the effective authority.
        catalogue: All revisions.
        pinned: The revision that the root pins; None when it is not known, then the present one.
    """
    if not grant.audience or grant.not_before >= grant.expires_at:
        return ()
    found = []
    for now in catalogue.tools:
        look()
        then = now if pinned is None else catalogue.tool(now.name, pinned)
        if then is None or refuse_redefined(then, now) is not None:
            continue
        sensitivity = max(then.sensitivity, now.sensitivity)
        if sensitivity > grant.max_sensitivity or not {then.effect, now.effect} <= {*grant.effects}:
            continue
        found += [
            _labelled(
                Reach(now, capability, place, frozenset({*then.labels, *now.labels}), sensitivity),
                catalogue,
            )
            for place, capability in enumerate(grant.capabilities)
            if _admits_some_call(capability, now)
        ]
    return tuple(found)


def _labelled(reached: Reach, catalogue: Catalogue) -> Reach:
    """Return it with the labels that resources within its reach ever had."""
    labels = {
        label
        for definitions in catalogue.resources.values()
        if reached.touches(definitions[-1][1].pattern)
        for _, entry in definitions
        for label in entry.labels
    }
    return replace(reached, labels=reached.labels | labels) if labels else reached


def reachable_resources(reached: Reach) -> tuple[SegmentPattern, ...]:
    """Return the granted resource patterns that the tool's template can fill."""
    template = reached.tool.resource
    if template is None:
        return ()
    return tuple(p for p in reached.capability.resources if may_name(template, p))


def may_name(template: str, pattern: SegmentPattern) -> bool:
    """Return whether some filling of a resource template is matched by a pattern."""
    wanted = pattern.text.split("/")
    holes = template.split("/")
    if wanted[-1] == "**":
        wanted = wanted[:-1]
        if len(holes) <= len(wanted):
            return False
    elif len(holes) != len(wanted):
        return False
    return all(want == "*" or _fills(hole, want) for want, hole in zip(wanted, holes, strict=False))


def _fills(hole: str, segment: str) -> bool:
    # `re.escape` leaves no wildcard of the template's own; each placeholder is at least one letter.
    literals = map(re.escape, _PLACEHOLDER.split(hole))
    return re.fullmatch(".+".join(literals), segment) is not None


def _admits_some_call(capability: Capability, tool: Tool) -> bool:
    """Return whether it is not proven that the capability admits no call of the tool."""
    if not capability.tool.matches(tool.name) or refuse_unfit(capability, tool) is not None:
        return False
    for name, argument in tool.arguments.items():
        constraint = capability.arguments.get(name)
        if constraint is None:
            if argument.required:
                return False
        elif constraint.finite() == () or (constraint.kind == "absent" and argument.required):
            return False
    for name, constraint in capability.arguments.items():
        if name not in tool.arguments and not constraint.admits(ABSENT):
            return False  # an argument that the tool lacks can never be given, and here it must be
    template = tool.resource
    return template is None or any(may_name(template, p) for p in capability.resources)
