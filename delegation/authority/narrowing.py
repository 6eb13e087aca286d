"""Compares a child's grant with its parent's, field by field, so that authority only narrows.

The same function refuses when a holder delegates (offline) and when a verifier reads the chain
(step 5), so that what one makes the other accepts. It refuses, it never clips: a clipped grant would
be another one than its delegator signed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from delegation.authority.audience import respelled
from delegation.authority.constraints import any_of
from delegation.authority.refusal import Refusal
from delegation.canonical import Json
from delegation.errors import MalformedError

if TYPE_CHECKING:
    from delegation.authority.capability import Capability
    from delegation.authority.grant import Grant

_SHOWN: Final = 16  # list entries that a refusal repeats; the whole is in the link


def refuse_wider(child: Grant, parent: Grant) -> Refusal | None:
    """Return the first field in which the child holds more than the parent, or None.

    Sound: None only if every call that the child admits, the parent admits. Both must be complete.
    Not checked here: who signed, how deep the chain is, what is already spent.
    """
    for rule in _RULES:
        if (refusal := rule(child, parent)) is not None:
            return refusal
    return None


def refuse_replacement(grant: Grant, held: Grant) -> Refusal | None:
    """Return why a grant may not stand in the place of another on the same link, or None.

    As `refuse_wider`, but that it may be handed on as often as the other, and that what may only be
    handed on stays so: the holder is the same.
    """
    for rule in _RULES:
        refusal = None if rule is _depth else rule(grant, held)
        if refusal is not None:
            return refusal
    if (freed := refuse_freed(grant, held)) is not None:
        return freed
    if grant.delegations_left > held.delegations_left:
        return Refusal(
            "delegations_widened",
            "The child may be delegated as often as the parent, or more.",
            "delegations_left",
            grant.delegations_left,
            held.delegations_left,
            f"Leave at most {held.delegations_left} delegations.",
        )
    return None


def refuse_freed(grant: Grant, held: Grant) -> Refusal | None:
    """Return why a grant lets its holder call what the other lets nobody but hand on, or None.

    Asked where no other holder stands between them: of a root below its task's ceiling, and of what
    stands in the place of another on one link.
    """
    used = [capability for capability in held.capabilities if not capability.delegate_only]
    for index, capability in enumerate(grant.capabilities):
        if not capability.delegate_only and all(one.refuses_child(capability) for one in used):
            return Refusal(
                "delegate_only_dropped",
                "A capability that may only be handed on is held here for calls.",
                f"capabilities[{index}].delegate_only",
                None,
                allowed="delegate_only",
                remedy="Keep delegate_only; agents further down may do without it.",
            )
    return None


def refuse_earlier(child: int, parent: int) -> Refusal | None:
    """Return why a link may not have an earlier payload version than the one above it, or None.

    What a later version says, an earlier one has no words for: a link in it might leave that out.
    """
    if child >= parent:
        return None
    return Refusal(
        "version_lowered",
        "The link's payload has an earlier version than its parent's.",
        "v",
        child,
        parent,
        f"Write the link in payload version {parent} or later.",
    )


def _depth(child: Grant, parent: Grant) -> Refusal | None:
    if parent.delegations_left == 0:
        return Refusal(
            "delegations_exhausted",
            "The parent may not be delegated any further.",
            "delegations_left",
            child.delegations_left,
            None,
            "Ask the delegator above for a grant with delegations left.",
        )
    if child.delegations_left >= parent.delegations_left:
        return Refusal(
            "delegations_widened",
            "The child may be delegated as often as the parent, or more.",
            "delegations_left",
            child.delegations_left,
            parent.delegations_left - 1,
            f"Leave at most {parent.delegations_left - 1} delegations.",
        )
    return None


def _effects(child: Grant, parent: Grant) -> Refusal | None:
    return _subset("effects", "effects_widened", child.effects, parent.effects)


def _audience(child: Grant, parent: Grant) -> Refusal | None:
    for entry in child.audience:
        meant = "" if entry in parent.audience else respelled(entry, parent.audience)
        if meant:
            return Refusal(
                "audience_widened",
                f"The child's audience {entry} is spelled otherwise than the parent's {meant}, and they "
                "are compared as text.",
                "audience",
                entry,
                meant,
                f"Write {meant}.",
            )
    return _subset("audience", "audience_widened", child.audience, parent.audience)


def _subset(field: str, code: str, child: Iterable[str], parent: Iterable[str]) -> Refusal | None:
    held = frozenset(parent)
    more = [entry for entry in child if entry not in held]
    if not more:
        return None
    return Refusal(
        code,
        f"The child's {field} holds entries that the parent's does not.",
        field,
        _json(more),
        _json(sorted(held)),
        f"Name only {field} that the parent holds.",
    )


def _json(texts: Iterable[str]) -> Json:
    return [*list(texts)[:_SHOWN]]


def _sensitivity(child: Grant, parent: Grant) -> Refusal | None:
    if child.max_sensitivity <= parent.max_sensitivity:
        return None
    return Refusal(
        "sensitivity_widened",
        "The child reaches more sensitive tools than the parent.",
        "max_sensitivity",
        child.max_sensitivity,
        parent.max_sensitivity,
        f"Set max_sensitivity to {parent.max_sensitivity} or less.",
    )


def purpose_is_within(purpose: str, held: str) -> bool:
    """Return whether a purpose is the held one or below it, by whole words between slashes."""
    return held in {"", purpose} or purpose.startswith(held + "/")


def _purpose(child: Grant, parent: Grant) -> Refusal | None:
    if purpose_is_within(child.purpose, parent.purpose):
        return None
    return Refusal(
        "purpose_widened",
        "The child's purpose is not the parent's, nor below it.",
        "purpose",
        child.purpose,
        parent.purpose,
        "Use the parent's purpose or one below it.",
    )


def _window(child: Grant, parent: Grant) -> Refusal | None:
    if child.expires_at > parent.expires_at:
        return Refusal(
            "expiry_widened",
            "The child outlives the parent.",
            "expires_at",
            child.expires_at,
            parent.expires_at,
            "Let the child expire with the parent or before.",
        )
    if child.not_before < parent.not_before:
        return Refusal(
            "start_widened",
            "The child begins before the parent.",
            "not_before",
            child.not_before,
            parent.not_before,
            "Let the child begin with the parent or later.",
        )
    return None


def _budget(child: Grant, parent: Grant) -> Refusal | None:
    # A unit that the child leaves out stays bounded: calls are charged to every link above too.
    for unit, most in child.budget.items():
        if (held := parent.budget.get(unit)) is not None and most > held:
            return Refusal(
                "budget_widened",
                f"The child's budget of {unit} is above the parent's.",
                f"budget.{unit}",
                most,
                held,
                f"Budget at most {held} {unit}.",
            )
    return None


def _approvals(child: Grant, parent: Grant) -> Refusal | None:
    for index, rule in enumerate(parent.needs_approval):
        if not any(mine.covers(rule) for mine in child.needs_approval):
            return Refusal(
                "approval_dropped",
                "A rule of consent that the parent carries is missing or weaker in the child.",
                f"needs_approval[{index}]",
                None,
                rule.to_json(),
                "Keep every approval rule of the parent.",
            )
    return None


def _flow(child: Grant, parent: Grant) -> Refusal | None:
    for index, rule in enumerate(parent.flow):
        if not any(mine.implies(rule) for mine in child.flow):
            return Refusal(
                "flow_dropped",
                "A flow rule that the parent carries is missing or weaker in the child.",
                f"flow[{index}]",
                None,
                rule.to_json(),
                "Keep every flow rule of the parent.",
            )
    return None


def _capabilities(child: Grant, parent: Grant) -> Refusal | None:
    for index, capability in enumerate(child.capabilities):
        refusals = []
        for held in parent.capabilities:
            if (refusal := held.refuses_child(capability)) is None:
                break
            refusals.append((held, refusal))
        else:
            return _explained(capability, f"capabilities[{index}]", refusals)
    return None


def _explained(
    child: Capability, place: str, refusals: list[tuple[Capability, Refusal]]
) -> Refusal:
    """Return the refusal that helps most: the parent's capability for the same tool speaks first."""
    about = [(held, refusal) for held, refusal in refusals if refusal.code != "tool_widened"]
    if not about:
        return Refusal(
            "tool_widened",
            "No capability of the parent holds this tool.",
            f"{place}.tool",
            child.tool.text,
            _json(held.tool.text for held, _ in refusals),
            "Name a tool that the parent holds.",
        )
    if len(about) > 1 and _is_within_union(child, [held for held, _ in about]):
        return Refusal(
            "split_needed",
            "Two capabilities of the parent admit this together, and neither alone.",
            place,
            child.tool.text,
            None,
            "Split the capability, one for each of the parent's.",
        )
    refusal = about[0][1]
    return Refusal(
        refusal.code,
        refusal.message,
        f"{place}.{refusal.field}",
        refusal.offered,
        refusal.allowed,
        refusal.remedy,
    )


def _is_within_union(child: Capability, parents: list[Capability]) -> bool:
    """Return whether each argument and resource is held by some parent: only words a remedy."""
    if not all(
        any(mine.is_within(theirs) for held in parents for theirs in held.resources)
        for mine in child.resources
    ):
        return False
    for name, constraint in child.arguments.items():
        held = [parent.arguments[name] for parent in parents if name in parent.arguments]
        try:
            if not held or not constraint.is_within(any_of(*held)):
                return False
        except MalformedError:
            return False
    return True


_RULES: Final[tuple[Callable[[Grant, Grant], Refusal | None], ...]] = (
    _capabilities,
    _effects,
    _sensitivity,
    _audience,
    _purpose,
    _window,
    _depth,
    _budget,
    _approvals,
    _flow,
)
