"""Checking a call: verify its bytes, judge it by its grant, settle it with the store. Always recorded.

Two straight calls make a check: `prepare` (steps 1 to 9, no store) and `settle` (steps 10 to 14,
inside the transaction that writes the decision). The answer leaves after COMMIT.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from delegation.authority.access import Access
from delegation.authority.catalogue import Catalogue
from delegation.authority.ids import DecisionId
from delegation.authority.refusal import Refusal
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.identity.keyring import KeyRing
from delegation.judge.capability import judge_capability
from delegation.judge.decision import Decision, Denial, trail
from delegation.judge.facts import Query
from delegation.judge.settle import Judged, settle
from delegation.judge.window import deny_outside_window
from delegation.tokens.failed import Failed
from delegation.tokens.links import Cache
from delegation.tokens.verifier import Verified, verify
from delegation.tracker.work import Store

NewId = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Desk:
    """What every deed at the desk needs: store, keys, cache, and the door for time and chance.

    Args:
        store: Where facts are read and decisions are written.
        ring: The service's keys.
        cache: Prefixes of tokens that verified before.
        new_id: Makes an id with the given prefix.
    """

    store: Store
    ring: KeyRing
    cache: Cache
    new_id: NewId


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call whose proof verified, after steps 1 to 9; the result of `prepare`."""

    verified: Verified
    judged: Judged


def prepare(  # what a call consists of
    desk: Desk,
    token: str,
    proof: str | None,
    access: Access | Json,
    *,
    catalogue: Catalogue,
    at: int,
) -> Prepared | Denial:
    """Return the call after steps 1 to 9, or the denial that steps 1 to 6 gave it.

    A denial at steps 7 to 9 travels inside the result: its proof verified, so its nonce is spent.
    Nothing is written here.

    Args:
        desk: Keys and cache.
        token: Token text, as it came.
        proof: Proof text, as it came.
        access: The call, as it came; JSON is read here, so that a malformed one is a denial.
        catalogue: All tool definitions.
        at: Unix seconds.
    """
    if not isinstance(access, Access):
        try:
            access = Access.from_json(access)
        except MalformedError as error:
            refusal = Refusal(
                "access_malformed", f"The access is not well formed: {error}", "access",
                remedy=error.remedy,
            )  # fmt: skip
            return Denial.at(1, refusal)
    verified = verify(token, proof, access, ring=desk.ring, at=at, cache=desk.cache)
    if isinstance(verified, Failed):
        return Denial.at(verified.step, verified.refusal, link=verified.link, depth=verified.depth)
    chain = verified.chain
    outcome = deny_outside_window(chain, access, at) or judge_capability(chain, access, catalogue)
    return Prepared(verified, Judged(chain, access, verified.proof.jti, outcome))


def check(  # what a call consists of
    desk: Desk,
    token: str,
    proof: str | None,
    access: Access | Json,
    *,
    at: int,
    client: str = "",
) -> Decision:
    """Decide one call and record the decision. Never raises for anything that a caller sent.

    Args:
        desk: Store, keys and cache.
        token: Token text, as it came.
        proof: Proof text, as it came.
        access: The call, as it came.
        at: Unix seconds.
        client: Who asks, for counting unproven denials: an API key's name.

    Raises:
        StoreUnavailableError: It could not be recorded, so it is not allowed either.
    """
    with desk.store.read() as reader:
        catalogue = reader.catalogue()
    prepared = prepare(desk, token, proof, access, catalogue=catalogue, at=at)
    decision_id = DecisionId(desk.new_id("dec_"))
    if isinstance(prepared, Denial):
        return deny_unproven(desk, prepared, access, decision_id, at=at, client=client)
    judged, verified = prepared.judged, prepared.verified
    cost = {} if isinstance(judged.outcome, Denial) else judged.outcome.cost
    query = Query(judged.chain, judged.nonce, ("calls", *cost), at)
    with desk.store.write() as work:
        facts = work.facts(query)
        settlement = settle(judged, facts, decision=decision_id, at=at)
        if facts.is_root_recorded:
            work.record_links(judged.chain, verified.evidence, at=at, issued=False)
        work.record_decision(settlement, judged.access, verified.proof.text, judged.nonce)
    return settlement.decision


def deny_unproven(  # what a record needs
    desk: Desk,
    denial: Denial,
    access: Access | Json,
    decision: DecisionId,
    *,
    at: int,
    client: str,
) -> Decision:
    """Record a denial at steps 1 to 6: nobody has shown to hold anything, so it is nobody's history."""
    tool = access.tool if isinstance(access, Access) else ""
    denied = Decision(id=decision, at=at, denial=denial, tool=tool, steps=trail(denial.step))
    with desk.store.write() as work:
        work.record_unproven(denied, client=client)
    return denied
