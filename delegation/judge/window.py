"""Checks the time and the audience of a call: step 7, window and audience."""

from __future__ import annotations

from typing import Final

from delegation.authority.access import Access
from delegation.authority.argument import cut
from delegation.authority.audience import plainly, respelled
from delegation.authority.chain import Chain
from delegation.authority.explain import instant
from delegation.authority.grant import Grant
from delegation.authority.prohibition import WHO, asking
from delegation.authority.refusal import Refusal
from delegation.judge.decision import Denial
from delegation.judge.line import set_at, who_granted

STEP = 7
_SERVICES: Final = 8  # audiences that a sentence names
_WORDS: Final = 300  # characters of them


def deny_outside_window(chain: Chain, access: Access, at: int) -> Denial | None:
    """Return the denial of a call outside the chain's time or audience, or None.

    The leaf's grant is the effective authority (step 5 showed that it lies within all others), so
    only the leaf is judged; named is the link that set its limit, and of links that are over the
    uppermost. Not checked here: whether the task is still open (step 10).

    Args:
        chain: The verified chain.
        access: The call, as the proof covers it.
        at: The service's clock, Unix seconds.
    """
    grant = chain.leaf.grant
    if refuse_expired(grant, at) is not None:
        # Who delegated a link that is over has nothing to give if its own is over, too.
        depth = next(d for d, link in enumerate(chain.links) if at >= link.grant.expires_at)
        return _denied(chain, depth, refuse_expired(chain.links[depth].grant, at))
    if at < grant.not_before:
        depth = set_at(chain, lambda held: held.not_before == grant.not_before)
        return _denied(chain, depth, refuse_outside_time(grant, at))
    if access.audience in grant.audience:
        return None
    depth = set_at(chain, lambda held: set(held.audience) == set(grant.audience))
    return _denied(chain, depth, _other_audience(grant, access.audience))


def _denied(chain: Chain, depth: int, refusal: Refusal | None) -> Denial | None:
    if refusal is None:
        return None
    return Denial.at(
        STEP, asking(refusal, who_granted(chain, depth)), link=chain.links[depth].id, depth=depth
    )


def _other_audience(grant: Grant, audience: str) -> Refusal:
    services = cut(" or ".join(grant.audience[:_SERVICES]), _WORDS) or "no service"
    if meant := respelled(audience, grant.audience):
        return Refusal(
            "audience_not_granted",
            "The grant spells this service otherwise, and audiences are compared as text.",
            "audience",
            audience,
            list(grant.audience),
            _one_spelling(audience, meant),
            services,
        )
    return Refusal(
        "audience_not_granted",
        f"The grant is for other services: {services}.",
        "audience",
        audience,
        list(grant.audience),
        f"Call {services} by that name, or ask {WHO} for a grant that names this service.",
        services,
    )


def _one_spelling(audience: str, granted: str) -> str:
    """Return how one audience in two spellings becomes one: by the plain one, which guards demand."""
    plain = plainly(audience)
    if granted == plain:
        return f"Write the audience as {granted}, as the grant has it."
    if audience == plain:
        return (
            f"Write the audience as {granted} if that is the service's name, or ask {WHO} for a grant "
            f"that spells the audience {plain}."
        )
    return f"Ask {WHO} for a grant that spells the audience {plain}, and the service its name."


def refuse_expired(grant: Grant, at: int) -> Refusal | None:
    """Return why a grant is over for good at this second, or None."""
    if at < grant.expires_at:
        return None
    return Refusal(
        "expired",
        f"The grant ended at {instant(grant.expires_at)}.",
        "expires_at",
        at,
        grant.expires_at,
        f"Ask {WHO} for a fresh link.",
        f"before {instant(grant.expires_at)}",
    )


def refuse_outside_time(grant: Grant, at: int) -> Refusal | None:
    """Return why a grant does not hold at this second, or None."""
    if (expired := refuse_expired(grant, at)) is not None:
        return expired
    if at < grant.not_before:
        return Refusal(
            "not_yet_valid",
            f"The grant begins at {instant(grant.not_before)}.",
            "not_before",
            at,
            grant.not_before,
            f"Wait until {instant(grant.not_before)}, then prove the call anew.",
            f"from {instant(grant.not_before)} on",
        )
    return None
