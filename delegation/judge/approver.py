"""Who may answer a request for approval: people who are named and hold nothing on the chain."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet

from delegation.authority.approval import ApprovalRule
from delegation.authority.refusal import Refusal
from delegation.identity.person import folded


def refuse_approver(
    person: str,
    roles: Collection[str],
    *,
    rules: Sequence[ApprovalRule],
    holders: AbstractSet[str],
) -> Refusal | None:
    """Return why a person may not answer a request, or None.

    Names are compared as they are written where they open something, and however they are spelled where they
    shut something: `Ana@acme.example` is no stranger to what `ana@acme.example` owns.

    Args:
        person: Who wants to answer.
        roles: The roles that the person's key has.
        rules: The rules of the request.
        holders: Folded names of those who own or operate something on the chain.
    """
    if folded(person) in holders:
        return Refusal(
            "approver_on_chain",
            "The approver owns or operates an agent, a key or the task on this chain.",
            "needs_approval",
            remedy="Let somebody answer who holds nothing on the chain.",
        )
    if not any(rule.names(person, roles) for rule in rules):
        return Refusal(
            "approver_not_named",
            "No approval rule of the grant names this person, or a role that the key has.",
            "needs_approval",
            remedy="Let one of the approvers answer whom the request lists.",
        )
    return None
