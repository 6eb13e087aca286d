"""Requests of agents to the service itself: one envelope, one parser, the same proof as any call."""

from __future__ import annotations

from delegation.authority.access import Access
from delegation.authority.ids import DecisionId, LinkId
from delegation.commands.check import CheckContext, deny_unproven, settled
from delegation.commands.draft import Draft
from delegation.errors import UnverifiedError
from delegation.judge.decision import Denial
from delegation.judge.facts import Facts, Query
from delegation.judge.reserved import settle_reserved
from delegation.judge.settle import Settlement
from delegation.tokens.failed import Failed
from delegation.tokens.verifier import Verified, verify


def open_reserved(
    context: CheckContext, token: str, proof: str, access: Access, *, at: int, client: str = ""
) -> Verified:
    """Verify and record a request that changes nothing but what is recorded.

    Args:
        context: Store, keys and cache.
        token: Token text.
        proof: Proof text.
        access: The only access that the proof may cover.
        at: Unix seconds.
        client: Who asks, for counting unproven denials.

    Raises:
        UnverifiedError: A step denied it; the denial is recorded, `reason` is its code.
        StoreUnavailableError: It could not be recorded.
    """
    verified = verify_reserved(context, token, proof, access, at=at, client=client)
    decision = settled(context.store.decide(draft_of(context, verified, access, at=at)))
    raise_denial(decision.denial)
    return verified


def verify_reserved(  # what a request consists of
    context: CheckContext, token: str, proof: str, access: Access, *, at: int, client: str
) -> Verified:
    """Return the request after steps 1 to 6, or raise after recording the denial.

    Raises:
        UnverifiedError: A step denied it.
    """
    verified = verify(token, proof, access, ring=context.ring, at=at, cache=context.cache)
    if isinstance(verified, Failed):
        denial = Denial.at(
            verified.step, verified.refusal, link=verified.link, depth=verified.depth
        )
        decision = DecisionId(context.new_id("dec_"))
        settled(deny_unproven(context, denial, access, decision, at=at, client=client))
        raise_denial(denial)
    assert isinstance(verified, Verified)  # noqa: S101  # `raise_denial` has raised otherwise
    return verified


def draft_of(  # what a record needs
    context: CheckContext,
    verified: Verified,
    access: Access,
    *,
    at: int,
    ancestors: tuple[LinkId, ...] = (),
) -> Draft:
    """Return a verified request as a draft; `ancestors` are those of a link that is to be cut."""
    decision = DecisionId(context.new_id("dec_"))

    def settle(facts: Facts) -> Settlement:
        return settle_reserved(
            verified.chain, access, facts, decision=decision, at=at, ancestors=ancestors
        )

    return Draft(
        id=decision,
        at=at,
        client="",
        verified=verified,
        access=access,
        query=Query(verified.chain, verified.proof.jti, (), at),
        catalogue=context.store.catalogue_hint().revision,
        settle=settle,
    )


def raise_denial(denial: Denial | None) -> None:
    """Raise what was denied, now that it is recorded.

    Raises:
        UnverifiedError: There is a denial.
    """
    if denial is not None:
        raise UnverifiedError(denial.code, denial.message, remedy=denial.remedy)
