"""Restricts the order of calls within one task by the history of its root task: step 11, flow.

And who may call at all: what a link's holder may only hand on, no call of that same holder makes. Who
counts as another is decided as for separation of duties (`trace_of`): an unregistered key is the
nearest registered agent above it, two keys of one agent are one, and a child task is no way around.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final

from delegation.authority.catalogue import Catalogue
from delegation.authority.flow import AfterNever, Apart, AtMost, FlowRule, is_label, matches
from delegation.authority.ids import DecisionId, LinkId
from delegation.authority.refusal import Refusal
from delegation.canonical import Json
from delegation.identity.person import folded
from delegation.judge.decision import Denial
from delegation.judge.facts import Actor, Facts, History, Trace
from delegation.judge.line import OPENER, Line

STEP = 11
_EFFECTS: Final = {
    "reads": "read",
    "writes": "write",
    "deletes": "delete",
    "admins": "admin",
    "actuations": "actuate",
}
_DIFFERENT: Final = {"systems": "system:", "domains": "domain:", "tools": "tool:"}


def is_ruled(line: Line) -> bool:
    """Return whether any link carries a flow rule, so that the task's history must be known."""
    return any(link.grant.flow for link in line.links)


def unknown_terms(line: Line, catalogue: Catalogue) -> frozenset[str]:
    """Return the terms of the line's flow rules that no definition of the catalogue ever was."""
    return frozenset(
        term
        for link in line.links
        for rule in link.grant.flow
        for term in rule.terms()
        if not catalogue.knows(term)
    )


def trace_of(line: Line, marks: tuple[str, ...], facts: Facts) -> Trace:
    """Return what a call leaves in its task's history if it is allowed.

    An unregistered key counts as the nearest registered agent above it: else a holder would hand
    half of its authority to a second key of its own, or open a child task to it, and count as two.
    """
    for link in reversed(tuple(line.links)):
        if (agent := facts.agents_by_key.get(link.holder_key)) is not None:
            return Trace(marks, Actor(agent.name, agent.owner))
    return Trace(marks, Actor("", facts.tasks[0].owner))


def deny_against_flow(
    line: Line, trace: Trace, facts: Facts, unknown: frozenset[str]
) -> Denial | None:
    """Return the denial of a call that a flow rule of its line refuses, top first, or None.

    Not checked here: that a child kept its parent's rules (step 5).

    Args:
        line: The verified chain, with those of the openers above its task.
        trace: What the call is, and who makes it.
        facts: What the store knows, the root task's history among it.
        unknown: Terms of the line's rules that the catalogue does not know.
    """
    for place in line.places:
        for index, rule in enumerate(place.link.grant.flow):
            refusal = _refusal(rule, f"flow[{index}]", trace, facts.history, unknown)
            if refusal is not None:
                return line.denied(STEP, refusal, place)
    return None


def _refusal(
    rule: FlowRule, place: str, trace: Trace, history: History | None, unknown: frozenset[str]
) -> Refusal | None:
    if strange := sorted(unknown.intersection(rule.terms())):
        return Refusal(
            "flow_term_unknown",
            "A flow rule names what the catalogue never had, so that it could never hold.",
            place,
            [*strange],
            None,
            "Declare the label on a tool or resource, or ask for a link without the slip.",
        )
    if history is None:
        return Refusal(
            "flow_history_unknown",
            "The task has calls from before its history was kept, so no flow rule can be judged.",
            place,
            remedy=f"Ask {OPENER} for a new one.",
        )
    match rule:
        case AfterNever():
            return _after(rule, place, trace.marks, history)
        case AtMost():
            return _count(rule, place, trace.marks, history)
        case Apart():
            return _apart(rule, place, trace, history)


def _after(
    rule: AfterNever, place: str, marks: tuple[str, ...], history: History
) -> Refusal | None:
    for never in rule.never:
        if not any(matches(never, mark) for mark in marks):
            continue
        for after in rule.after:
            if (seen := next((mark for mark in history if matches(after, mark)), None)) is not None:
                first = next(iter(history[seen].values())).first
                return _forbidden(rule, place, never, {"after": seen, "decision": first})
            # One call that reads `pii` and is `external` does in one act what the rule forbids in
            # two. Only labels: they say what a call brings, the rest says what it is.
            if after != never and is_label(after) and after in marks:
                return _forbidden(rule, place, never, {"after": after, "decision": None})
    return None


def _forbidden(rule: AfterNever, place: str, never: str, seen: dict[str, Json]) -> Refusal:
    return Refusal(
        "flow_forbidden",
        "The task has seen what this call may not follow.",
        place,
        {"never": never, **seen},
        rule.to_json(),
        f"Ask {OPENER} for another task, and make this call there.",
    )


def _count(rule: AtMost, place: str, marks: tuple[str, ...], history: History) -> Refusal | None:
    for name, most in rule.counts.items():
        if (counted := _counted(name, marks, history)) > most:
            return Refusal(
                "flow_count_spent",
                f"The task would count more {name} than a rule of its chain admits.",
                f"{place}.at_most.{name}",
                counted,
                most,
                f"Ask {OPENER} for another task, for what needs more {name}.",
            )
    return None


def _counted(name: str, marks: tuple[str, ...], history: History) -> int:
    """Return how many there are with this call; 0 for a name that the call is none of."""
    if (different := _DIFFERENT.get(name)) is not None:
        return len({mark for mark in (*history, *marks) if mark.startswith(different)})
    if name == "calls":
        return 1 + _made(history, (mark for mark in history if mark.startswith("tool:")))
    kinds = [f"effect:{_EFFECTS[name]}"] if name in _EFFECTS else None
    if kinds is None:  # changes: everything but reads
        kinds = [f"effect:{effect}" for effect in _EFFECTS.values() if effect != "read"]
    return 0 if not set(kinds).intersection(marks) else 1 + _made(history, kinds)


def _made(history: History, marks: Iterable[str]) -> int:
    return sum(seen.times for mark in marks for seen in history.get(mark, {}).values())


def _apart(rule: Apart, place: str, trace: Trace, history: History) -> Refusal | None:
    if not (places := rule.places(trace.marks)):
        return None
    if not (who := _name(rule, trace.actor)):
        return _nobody(rule, place, None)
    if len(places) > 1:
        return _together(rule, place, {"before": None, "decision": None})
    for mark, actors in history.items():
        if not rule.places((mark,)) - places:
            continue
        for actor, seen in actors.items():
            name = _name(rule, actor)
            if not name:  # it may have been a key of this very agent's
                return _nobody(rule, place, seen.first)
            if name == who:
                return _together(rule, place, {"before": mark, "decision": seen.first})
    return None


def _name(rule: Apart, actor: Actor) -> str:
    return folded(actor.owner) if rule.by == "owner" else actor.agent


def _nobody(rule: Apart, place: str, earlier: DecisionId | None) -> Refusal:
    return Refusal(
        "flow_actor_unknown",
        "Duties are kept apart, and no registered agent answers for one of them.",
        place,
        {"decision": earlier},
        rule.to_json(),
        "Register the agents' keys before they call, and begin in a new task.",
    )


def _together(rule: Apart, place: str, earlier: dict[str, Json]) -> Refusal:
    return Refusal(
        "flow_not_apart",
        f"The same {rule.by} may not do both: these duties are kept apart.",
        place,
        earlier,
        rule.to_json(),
        f"Let another {rule.by} make this call.",
    )


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
