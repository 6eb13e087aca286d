"""Reserved tools: an agent's own requests to the service, settled by steps 1 to 6 and 14 alone.

`delegation.announce` and `delegation.revoke` charge nothing, match no grant and work after expiry:
showing a link or cutting one below one's own never widens anything. A link that nobody has seen before
it stood on something that was ended is not recorded by being shown: that is refused for what ended it.
"""

from __future__ import annotations

from delegation.authority.access import Access
from delegation.authority.chain import Chain
from delegation.authority.ids import DecisionId, LinkId
from delegation.authority.refusal import Refusal
from delegation.canonical import b64u
from delegation.judge.decision import Decision, Denial, Step, trail
from delegation.judge.facts import Facts
from delegation.judge.line import Line
from delegation.judge.settle import RECORD_STEP, Settlement
from delegation.judge.standing import deny_under_ended

_LOOKED_AT = 6  # steps 7 to 13 are not made for reserved tools, and so are shown as not reached


def settle_reserved(  # what a record needs
    chain: Chain,
    access: Access,
    facts: Facts,
    *,
    decision: DecisionId,
    at: int,
    ancestors: tuple[LinkId, ...] = (),
) -> Settlement:
    """Return what is written and answered for a request to the service itself.

    Args:
        chain: The verified chain.
        access: The request, as the verified proof covers it.
        facts: What the store knows, read in the transaction that will write the result.
        decision: Id for the record.
        at: Unix seconds.
        ancestors: For a revocation: those of the link that is to be cut, itself excluded.
    """
    refusal = _refusal(chain, access, facts, ancestors)
    denial = None if refusal is None else Denial.at(RECORD_STEP, refusal)
    if denial is None and not facts.is_leaf_recorded:
        denial = deny_under_ended(Line(chain, facts.above), facts, at)
    steps = [
        step if step.number <= _LOOKED_AT else Step(step.number, "not_reached")
        for step in trail(None)
    ]
    failed = RECORD_STEP if denial is None else denial.step
    steps[failed - 1] = Step(failed, "passed" if denial is None else "failed")
    settled = Decision(
        id=decision,
        at=at,
        denial=denial,
        tool=access.tool,
        task=chain.origin.task,
        links=chain.ids,
        holder=b64u(chain.leaf.holder_key),
        arguments=access.arguments if denial is None else {},
        valid_until=at if denial is None else 0,
        steps=tuple(steps),
        claimed_cause=access.cause,
    )
    return Settlement(settled, (), (), facts.epoch)


def _refusal(
    chain: Chain, access: Access, facts: Facts, ancestors: tuple[LinkId, ...]
) -> Refusal | None:
    if facts.is_nonce_used:
        return Refusal(
            "replayed",
            "This proof was used before.",
            "proof.jti",
            remedy="Sign a new proof for each request.",
        )
    if not facts.is_root_recorded:
        return Refusal(
            "root_not_recorded",
            "This root was not recorded when it was issued: it may be forged with a stolen key.",
            "task",
            remedy="Ask the issuer for a root from an open task.",
        )
    for name in chain.ids if facts.refused else ():
        too_many = facts.refused.get(name)
        if too_many is not None:
            return too_many
    if "link" in access.arguments and chain.leaf.id not in ancestors:
        return Refusal(
            "not_below_own_link",
            "A holder may cut only links below its own.",
            "arguments.link",
            remedy="Name a recorded link that was delegated from yours.",
        )
    return None
