"""Step 11, handing on: what a link's holder may only hand on, no call of that same holder makes.

Who counts as another is decided as for separation of duties (`trace_of`): an unregistered key is the
nearest registered agent above it, two keys of one agent are one, and a child task is no way around.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final

from delegation.authority.ids import LinkId
from delegation.authority.refusal import Refusal
from delegation.judge.decision import Denial
from delegation.judge.facts import Facts
from delegation.judge.line import Line

STEP: Final = 11


def deny_own_call(line: Line, handed: AbstractSet[LinkId], facts: Facts) -> Denial | None:
    """Return the denial of a call by whoever holds it only to hand it on, top first, or None.

    Args:
        line: The line of the call, whole.
        handed: Links whose grants admit the call by nothing but what may only be handed on.
        facts: What the store knows, the registered agents among it.
    """
    if not handed:
        return None
    holders = []  # at each place the registered agent that answers for it; empty for none
    name = ""
    for place in line.places:
        agent = facts.agents_by_key.get(place.link.holder_key)
        name = name if agent is None else agent.name
        holders.append((place, name))
    for place, holder in holders:
        if place.link.id not in handed:
            continue
        if holder == name:
            return line.denied(STEP, _own(holder), place)
        if not holder:  # it may be a key of the very agent that calls
            return line.denied(STEP, _unknown(), place)
    return None


def _own(holder: str) -> Refusal:
    return Refusal(
        "delegate_only",
        "The holder may only hand this on: a call of its own is refused, by whichever of its keys.",
        "capabilities",
        holder or None,
        None,
        "Delegate it to another registered agent, and let that one call.",
    )


def _unknown() -> Refusal:
    return Refusal(
        "delegate_only_unknown",
        "No registered agent answers for a link that may only be handed on, so its holder may be the caller.",
        "capabilities",
        remedy="Register the agent's key before the call.",
    )
