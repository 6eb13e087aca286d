"""Checks a call: verifies, judges, settles and records it; later records its outcome.

Two straight calls make a check: `prepare` (steps 1 to 9, no database) and the draft's `settle`
(steps 10 to 14, inside the transaction that writes the decision). The answer leaves after COMMIT.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from delegation import canonical, sent_json
from delegation.authority.access import Access
from delegation.authority.alias import recorded_name
from delegation.authority.catalogue import Catalogue
from delegation.authority.fields import matching_text, units
from delegation.authority.ids import DecisionId
from delegation.authority.refusal import Refusal
from delegation.canonical import Json
from delegation.commands.draft import Draft, Repeatable, UnprovenDraft
from delegation.commands.retry import SECONDS, tried_again
from delegation.commands.ring import RingSource, again_if_unknown
from delegation.commands.work import OutcomeReport, Store
from delegation.errors import MalformedError, UnknownOutcomeError
from delegation.identity.keyring import KeyRing
from delegation.judge.approval import needed_consent
from delegation.judge.clearance import clear_call, named
from delegation.judge.decision import Decision, Denial, trail
from delegation.judge.facts import Facts, Query
from delegation.judge.settle import Judged, Settlement, settle, settle_repeat
from delegation.tokens.failed import Failed
from delegation.tokens.links import Cache
from delegation.tokens.verifier import Verified, VerifiedToken, verify, verify_token

NewId = Callable[[str], str]
WAIT_SECONDS: Final = SECONDS  # above what the writer itself takes to give up
_KEY: Final = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True, slots=True)
class CheckContext:
    """The context of a check: store, keys, cache, and the source of time and chance.

    Args:
        store: Where facts are read and decisions are written.
        keys: Where the service's keys are from.
        cache: Prefixes of tokens that verified before.
        new_id: Makes an id with the given prefix.
    """

    store: Store
    keys: RingSource
    cache: Cache
    new_id: NewId

    @property
    def ring(self) -> KeyRing:
        """The service's keys as they are now."""
        return self.keys.ring

    def verified(
        self, token: str, proof: str | None, access: Access, *, at: int
    ) -> Verified | Failed:
        """Return the call after steps 1 to 6, or the first failure; see `tokens.verifier.verify`.

        Raises:
            StoreUnavailableError: A key is unknown here, and may be known to other replicas.
        """
        return again_if_unknown(
            self.keys,
            lambda ring: verify(token, proof, access, ring=ring, at=at, cache=self.cache),
        )

    def verified_token(self, token: str, *, at: int) -> VerifiedToken | Failed:
        """Return the token after steps 1 to 5, or the first failure; otherwise as `verified`."""
        return again_if_unknown(
            self.keys, lambda ring: verify_token(token, ring, self.cache, at=at)
        )


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call whose proof verified, after steps 1 to 9; the result of `prepare`."""

    verified: Verified
    judged: Judged


def prepare(  # what a call consists of
    context: CheckContext,
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
        context: Keys and cache.
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
    verified = context.verified(token, proof, access, at=at)
    if isinstance(verified, Failed):
        return Denial.at(verified.step, verified.refusal, link=verified.link, depth=verified.depth)
    return Prepared(verified, judge(verified, access, catalogue, context.ring, at=at))


def judge(
    verified: Verified, sent: Access, catalogue: Catalogue, ring: KeyRing, *, at: int
) -> Judged:
    """Return a verified call after steps 7 to 9, with the consent that it needs at step 13."""
    chain = verified.chain
    access = named(sent, catalogue, chain.origin.catalogue)
    outcome = clear_call(chain, access, catalogue, at)
    needed = None
    if chain.leaf.grant.needs_approval and not isinstance(outcome, Denial):
        needed = needed_consent(chain, access, outcome, catalogue, ring)
    return Judged(chain, access, sent, verified.proof.jti, outcome, catalogue, needed)


def check(  # what a call consists of
    context: CheckContext,
    token: str,
    proof: str | None,
    access: Access | Json,
    *,
    at: int,
    client: str = "",
    idempotency_key: str | None = None,
    at_least_epoch: int = 0,
) -> Future[Decision]:
    """Decide one call and record the decision. Never raises for anything that a caller sent.

    Args:
        context: Store, keys and cache.
        token: Token text, as it came.
        proof: Proof text, as it came.
        access: The call, as it came.
        at: Unix seconds.
        client: Who asks: an API key's name.
        idempotency_key: The caller's name for this request; sent again, it gets the first answer.
        at_least_epoch: The newest change of standing that the caller has seen.

    Returns:
        The decision, once it is committed. The future raises StoreUnavailableError when it could
        not be recorded, so that it is not allowed either, and ConflictError when the idempotency
        key was used for another request.

    Raises:
        MalformedError: The idempotency key has another form.
        StoreUnavailableError: The queue is full.
    """
    catalogue = context.store.catalogue_hint()
    prepared = prepare(context, token, proof, access, catalogue=catalogue, at=at)
    decision = DecisionId(context.new_id("dec_"))
    if isinstance(prepared, Denial):
        return deny_unproven(context, prepared, access, decision, at=at, client=client)
    sent = (token, proof, prepared.judged.sent) if idempotency_key is not None else None
    return context.store.decide(
        draft_of(
            prepared,
            decision,
            ring=context.ring,
            catalogue=catalogue.revision,
            at=at,
            client=client,
            repeat=None if sent is None else (client, matched_key(idempotency_key), digest(*sent)),
            at_least_epoch=at_least_epoch,
        )
    )


def draft_of(
    prepared: Prepared,
    decision: DecisionId,
    *,
    ring: KeyRing,
    catalogue: int,
    at: int,
    client: str,
    repeat: tuple[str, str, bytes] | None,
    at_least_epoch: int = 0,
) -> Draft:
    """Return a prepared call as a draft for the writer."""
    verified, judged = prepared.verified, prepared.judged
    cost = {} if isinstance(judged.outcome, Denial) else judged.outcome.cost
    binding = None if judged.needed is None else judged.needed.binding

    def rejudged(newer: Catalogue) -> Draft:
        again = Prepared(verified, judge(verified, judged.sent, newer, ring, at=at))
        return draft_of(
            again,
            decision,
            ring=ring,
            catalogue=newer.revision,
            at=at,
            client=client,
            repeat=repeat,
            at_least_epoch=at_least_epoch,
        )

    def again(first: Decision, facts: Facts) -> Settlement | None:
        return settle_repeat(judged, first, facts, decision=decision, at=at)

    return Draft(
        id=decision,
        at=at,
        client=client,
        verified=verified,
        access=judged.sent,
        query=Query(judged.chain, judged.nonce, ("calls", *cost), at, binding),
        catalogue=catalogue,
        settle=lambda facts: settle(
            judged, facts, decision=decision, at=at, at_least_epoch=at_least_epoch
        ),
        rejudge=rejudged,
        repeatable=None if repeat is None else Repeatable(*repeat, again),
        is_denied=isinstance(judged.outcome, Denial),
    )


def deny_unproven(  # what a record needs
    context: CheckContext,
    denial: Denial,
    access: Access | Json,
    decision: DecisionId,
    *,
    at: int,
    client: str,
) -> Future[Decision]:
    """Record a denial at steps 1 to 6: nobody has shown to hold anything, so it is nobody's history."""
    catalogue = context.store.catalogue_hint()
    name = access.tool if isinstance(access, Access) else ""
    tool = recorded_name(catalogue.names.own_name(name, catalogue.revision))
    denied = Decision(id=decision, at=at, denial=denial, tool=tool, steps=trail(denial.step))
    if context.store.count_unproven(denied, client=client):
        counted: Future[Decision] = Future()
        counted.set_result(denied)
        return counted
    return context.store.decide(UnprovenDraft(denied, client, catalogue.revision))


def settled(pending: Future[Decision]) -> Decision:
    """Wait for a decision to be committed.

    Raises:
        ConflictError: The idempotency key was used for another request.
        StoreUnavailableError: It could not be recorded, or did not come in time; a decision that
            nobody has seen must not be acted on.
    """
    try:
        return pending.result(timeout=WAIT_SECONDS)
    except TimeoutError as error:
        raise UnknownOutcomeError from error


def matched_key(key: str | None) -> str:
    """Return an idempotency key of the right form.

    Raises:
        MalformedError: It has another form.
    """
    return matching_text("idempotency_key", key, _KEY, "1 to 128 printable ASCII characters")


def digest(token: str, proof: str | None, access: Access) -> bytes:
    """Return SHA-256 of a whole request."""
    body: dict[str, Json] = {"token": token, "proof": proof, "access": access.to_json()}
    return canonical.digest(b"dct-request-v1", sent_json.encode(body))


_STATE: Final = re.compile("executed|failed|not_executed")
_DETAIL: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]{0,500}")


@tried_again
def report_outcome(store: Store, report: OutcomeReport) -> None:
    """Record what became of an allowed call; repeating the same report changes nothing.

    A cost settles what was reserved for the call: what was too much goes back to every counter that
    was charged, in the same transaction, and the record keeps both amounts. Not checked here: that
    it is true. Calls are never refunded, and nothing is without a cost, whatever the state says.

    Args:
        store: Where it is recorded.
        report: The decision, its outcome, and who says so.

    Raises:
        MalformedError: The state or detail has another form, or the cost is not of the reserved
            units or more than was reserved.
        NotFoundError: This service was not allowed any such call.
        ConflictError: Another outcome or cost was reported before, or the reservation expired.
        StoreUnavailableError: It could not be recorded.
    """
    matching_text("state", report.state, _STATE, "executed, failed or not_executed")
    matching_text("detail", report.detail, _DETAIL, "at most 500 characters without control ones")
    if report.cost is not None:
        units("cost", report.cost)
    with store.write() as work:
        work.report_outcome(report)
