"""Records decisions that verifiers outside the store report, after verifying and comparing them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from delegation.authority.access import Access
from delegation.authority.ids import DecisionId
from delegation.authority.refusal import Refusal
from delegation.canonical import Json
from delegation.commands.check import CheckContext, Prepared, deny_unproven, prepare, settled
from delegation.commands.draft import Draft
from delegation.commands.retry import tried_again
from delegation.commands.work import Work
from delegation.judge.decision import Denial
from delegation.judge.facts import Facts, Query
from delegation.judge.reported import MAX_AGE, MAX_AHEAD, Reported, settle_reported
from delegation.judge.settle import Settlement
from delegation.lineage.in_process import InProcessEntry

MOST: Final = 100  # reports in one request
_DECISION: Final = re.compile(r"dec_[A-Za-z0-9_-]{22}")
_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Report:
    """One decision as its verifier reports it; nothing of it is believed before it was verified.

    Args:
        decision: The id that the verifier gave.
        token: Token text.
        proof: Proof text.
        access: The call.
        at: When it was decided, Unix seconds.
        epoch: The newest change of standing that the verifier knew: its claim.
        catalogue: The catalogue revision that it judged by: its claim.
        denied: The code with which it denied the call; None if it allowed it.
    """

    decision: str
    token: str
    proof: str
    access: Json
    at: int
    epoch: int
    catalogue: int
    denied: str | None = None


@dataclass(frozen=True, slots=True)
class ReportResult:
    """The result of a report.

    Args:
        decision: The id that was reported.
        refused: Why it was not recorded; empty if it was.
        conflict: Code with which the service would have denied the call; empty if it would not.
    """

    decision: str
    refused: str = ""
    conflict: str = ""


def report(  # what a report consists of
    context: CheckContext,
    reports: Sequence[Report],
    *,
    by: str,
    audiences: Iterable[str] | None,
    at: int,
    bound: float,
) -> list[ReportResult]:
    """Record decisions that were made outside the store; repeating a report changes nothing.

    Token and proof are verified as of the reported instant. What the service would have denied then
    (revoked longer before than the bound of a lease, a proof that was used twice) is recorded all
    the same, with the conflict beside it. What does not verify is refused: nobody has shown that
    such a call was ever wanted.

    Args:
        context: Store, keys and cache.
        reports: At most `MOST`.
        by: The API key that reports.
        audiences: Those that it may speak of; None for any.
        at: The service's clock, Unix seconds.
        bound: The bound of leases, seconds.

    Raises:
        StoreUnavailableError: They could not be recorded; send them again.
    """
    allowed = None if audiences is None else frozenset(audiences)
    results = []
    for one in reports:
        found = _prepared(context, one, allowed, at)
        if isinstance(found, Denial):
            decision = DecisionId(context.new_id("dec_"))
            settled(deny_unproven(context, found, one.access, decision, at=at, client=by))
            results.append(ReportResult(one.decision, refused=found.code))
            continue
        results.append(_recorded(context, one, found, by=by, at=at, bound=bound))
    return results


@tried_again
def _recorded(  # what a report consists of
    context: CheckContext, one: Report, found: Prepared, *, by: str, at: int, bound: float
) -> ReportResult:
    # A transaction for each: numbers are taken last in every one, or two would wait in a circle.
    with context.store.write() as work:
        return _record(work, one, found, by=by, at=at, bound=bound)


def _prepared(
    context: CheckContext, one: Report, audiences: frozenset[str] | None, at: int
) -> Prepared | Denial:
    if _DECISION.fullmatch(one.decision) is None or (
        one.denied is not None and _CODE.fullmatch(one.denied) is None
    ):
        return _refusal("report_malformed", "The report is not well formed.")
    if not at - MAX_AGE <= one.at <= at + MAX_AHEAD:
        return _refusal("report_out_of_time", "The reported instant is too old or to come.")
    catalogue = context.store.catalogue_hint()
    if one.catalogue > catalogue.revision:
        with context.store.read() as reader:
            catalogue = reader.catalogue()
    access = one.access if not isinstance(one.access, Access) else one.access.to_json()
    audience = access.get("audience") if isinstance(access, dict) else None
    if audiences is not None and audience not in audiences:
        return _refusal("report_other_audience", "The API key is bound to other audiences.")
    return prepare(
        context,
        one.token,
        one.proof,
        one.access,
        catalogue=catalogue.upto(one.catalogue),
        at=one.at,
    )


def _refusal(code: str, message: str) -> Denial:
    return Denial.at(1, Refusal(code, message, remedy="See the verifier's log."))


def _record(  # what a report consists of
    work: Work, one: Report, prepared: Prepared, *, by: str, at: int, bound: float
) -> ReportResult:
    decision = DecisionId(one.decision)
    known = work.decision(decision)
    if known is not None:
        if known.local is None or known.local.by != by:
            return ReportResult(one.decision, refused="conflict")
        return ReportResult(one.decision, conflict=known.local.conflict_code or "")
    judged, verified = prepared.judged, prepared.verified
    # Clocks count whole seconds, and the verifier's may differ a little: in doubt no conflict.
    then = (
        work.facts_at(judged.chain, judged.named, at=one.at - math.ceil(bound) - 1),
        work.facts_at(judged.chain, judged.named, at=one.at),
    )
    root = work.standing(judged.chain.root.id, ())
    reported = Reported(
        judged,
        verified.token.format,
        decision,
        one.at,
        one.denied,
        work.was_used(judged.chain.leaf.holder_key, judged.nonce, judged.chain.leaf.id, one.proof),
        () if root is None else root.needs_service,
    )
    conflicts: list[Denial | None] = []

    def settle(facts: Facts) -> Settlement:
        settlement, conflict = settle_reported(reported, facts, then)
        conflicts.append(conflict)
        return settlement

    work.decide(
        Draft(
            id=decision,
            at=at,
            client=by,
            verified=verified,
            access=judged.sent,
            query=Query(judged.chain, judged.nonce, ("calls",), at),
            catalogue=one.catalogue,
            settle=settle,
            is_reported=True,
        )
    )
    conflict = conflicts[-1]
    entry = InProcessEntry(
        decision,
        by,
        one.epoch,
        at,
        None if conflict is None else conflict.step,
        None if conflict is None else conflict.code,
        "" if conflict is None else conflict.message,
    )
    work.add_local(entry, holder=judged.chain.leaf.holder_key, jti=judged.nonce)
    return ReportResult(one.decision, conflict=entry.conflict_code or "")
