"""Step 7, window and audience: is it time, and is it us who are asked?"""

from __future__ import annotations

from delegation.authority.access import Access
from delegation.authority.audience import respelled
from delegation.authority.chain import Chain
from delegation.authority.grant import Grant
from delegation.authority.refusal import Refusal
from delegation.judge.decision import Denial

STEP = 7


def deny_outside_window(chain: Chain, access: Access, at: int) -> Denial | None:
    """Return the denial of a call outside the chain's time or audience, or None.

    The leaf's grant is the effective authority (step 5 showed that it lies within all others), so
    only the leaf is looked at. Not checked here: whether the task is still open (step 10).

    Args:
        chain: The verified chain.
        access: The call, as the proof covers it.
        at: The service's clock, Unix seconds.
    """
    grant = chain.leaf.grant
    refusal = refuse_outside_time(grant, at)
    if refusal is None and access.audience not in grant.audience:
        meant = respelled(access.audience, grant.audience)
        refusal = Refusal(
            "audience_not_granted",
            "The grant spells this service otherwise, and audiences are compared as text."
            if meant
            else "The grant is for other services.",
            "audience",
            access.audience,
            list(grant.audience),
            f"Write the audience as {meant}, here or in the task's ceiling."
            if meant
            else "Ask for a grant that names this audience.",
        )
    if refusal is None:
        return None
    return Denial.at(STEP, refusal, link=chain.leaf.id, depth=chain.depth)


def refuse_expired(grant: Grant, at: int) -> Refusal | None:
    """Return why a grant is over for good at this second, or None."""
    if at < grant.expires_at:
        return None
    return Refusal(
        "expired",
        "The grant is no longer valid.",
        "expires_at",
        at,
        grant.expires_at,
        "Ask the delegator for a fresh link.",
    )


def refuse_outside_time(grant: Grant, at: int) -> Refusal | None:
    """Return why a grant does not hold at this second, or None."""
    expired = refuse_expired(grant, at)
    if expired is not None:
        return expired
    if at < grant.not_before:
        return Refusal(
            "not_yet_valid",
            "The grant is not valid yet.",
            "not_before",
            at,
            grant.not_before,
            "Wait until the grant begins.",
        )
    return None
