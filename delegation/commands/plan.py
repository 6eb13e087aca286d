"""Inspects tokens, and predicts the result of a call or a narrower link; nothing is recorded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Final

from delegation import ed25519
from delegation.authority.access import Access
from delegation.authority.alias import recorded_name
from delegation.authority.chain import Chain, Link, child_payload, parse_payload
from delegation.authority.fit import refuse_unfit_grant
from delegation.authority.grant import Grant
from delegation.authority.ids import DecisionId
from delegation.authority.narrowing import refuse_wider
from delegation.authority.refusal import Refusal
from delegation.commands.check import CheckContext
from delegation.errors import WiderThanParentError
from delegation.judge.approval import needed_consent
from delegation.judge.clearance import clear_call, named
from delegation.judge.decision import Decision, Denial, trail
from delegation.judge.facts import Query
from delegation.judge.settle import Judged, settle
from delegation.lineage.entry import LinkEntry
from delegation.tokens.failed import Failed


@dataclass(frozen=True, slots=True)
class Inspection:
    """An inspection of a token: steps 1 to 5, and the store's record of each link.

    Args:
        token_format: `biscuit` or `macaroon`; empty when the token did not verify.
        links: Root first; empty when the token did not verify.
        entries: The recorded entry of each link, None where it is not recorded.
        denial: Why it did not verify, or None.
    """

    token_format: str
    links: tuple[Link, ...]
    entries: tuple[LinkEntry | None, ...]
    denial: Denial | None


def inspect(context: CheckContext, token: str, *, at: int) -> Inspection:
    """Return what a token holds. Records nothing, spends nothing, asks for no proof.

    Not checked here: proof, time, standing of the call; the entries show the links' standing.

    Args:
        context: Store, keys and cache.
        token: Token text, as it came.
        at: Unix seconds.

    Raises:
        StoreUnavailableError: The store does not answer.
    """
    verified = context.verified_token(token, at=at)
    if isinstance(verified, Failed):
        denial = Denial.at(
            verified.step, verified.refusal, link=verified.link, depth=verified.depth
        )
        return Inspection("", (), (), denial)
    links = verified.chain.links
    with context.store.read() as reader:
        entries = tuple(reader.link(link.id, at=at) for link in links)
    return Inspection(verified.format, links, entries, None)


# The holder of a link that does not exist: a key that nobody holds, since it is made of words.
_NOBODY: Final = ed25519.public_of(hashlib.sha256(b"a planned link has no holder").digest())


@dataclass(frozen=True, slots=True)
class Plan:
    """A planned call's result; a type that is no decision, so that nobody acts on it.

    Args:
        grant: What the link would pass on; None when the token or the narrowing was refused.
        narrowing: Why the narrowing would be refused, if it would.
        outcome: What the call would come to, a decision without id; None without a call.
    """

    grant: Grant | None
    narrowing: Refusal | None
    outcome: Decision | None


def plan(
    context: CheckContext, token: str, *, access: Access | None, narrower: Grant | None, at: int
) -> Plan:
    """Return what a narrower link under this token would hold, and what a call under it would get.

    Not checked here: a proof; whoever asks is known to the service in another way.

    Args:
        context: Store, keys and cache.
        token: Token text, as it came.
        access: The call in question, if any.
        narrower: The grant in question; unset fields are copied from the leaf's.
        at: Unix seconds.

    Raises:
        StoreUnavailableError: The store does not answer.
    """
    verified = context.verified_token(token, at=at)
    if isinstance(verified, Failed):
        denial = Denial.at(
            verified.step, verified.refusal, link=verified.link, depth=verified.depth
        )
        return Plan(None, None, _would(denial, access, at))
    chain = verified.chain
    if narrower is not None:
        try:
            complete = narrower.filled_from(chain.leaf.grant)
            refusal = refuse_wider(complete, chain.leaf.grant)
            if refusal is None:
                held, pinned = chain.leaf.grant, chain.origin.catalogue
                with context.store.read() as reader:
                    known = reader.catalogue()
                refusal = refuse_unfit_grant(complete, known, pinned, above=held)
        except WiderThanParentError as error:
            refusal = Refusal(error.reason, str(error), error.field, remedy=error.remedy)
        if refusal is not None:
            return Plan(None, refusal, None)
        payload = child_payload(
            chain.leaf.id,
            holder_key=_NOBODY,
            holder_name="planned",
            grant=complete,
            salt=bytes(16),
            least=chain.leaf.version,
        )
        chain = Chain((*chain.links, parse_payload(payload, root=False)))
    if access is None:
        return Plan(chain.leaf.grant, None, None)
    with context.store.read() as reader:
        catalogue = reader.catalogue()
        sent, access = access, named(access, catalogue, chain.origin.catalogue)
        outcome = clear_call(chain, access, catalogue, at)
        units: tuple[str, ...] = ("calls",)
        needed = None
        if not isinstance(outcome, Denial):
            units = ("calls", *outcome.cost)
            needed = needed_consent(chain, access, outcome, catalogue, context.ring)
        binding = None if needed is None else needed.binding
        facts = reader.facts(Query(chain, b"", units, at, binding))
    judged = Judged(chain, access, sent, b"", outcome, catalogue, needed)
    settled = settle(judged, facts, decision=DecisionId(""), at=at)
    would = settled.decision
    if settled.ruling.opens is not None:
        would = replace(would, approval=None)  # nobody is asked because of a plan
    return Plan(chain.leaf.grant, None, would)


def _would(denial: Denial, access: Access | None, at: int) -> Decision:
    tool = "" if access is None else recorded_name(access.tool)
    return Decision(DecisionId(""), at, denial, tool=tool, steps=trail(denial.step))
