"""Judges decisions that a verifier outside the store reports, as of when it made them.

A report is never dropped because the service would have decided otherwise: the call was made. What
speaks against it is recorded beside it, as a conflict for reviewers to find.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from delegation.authority.ids import DecisionId
from delegation.authority.refusal import Refusal
from delegation.judge.creation_limits import deny_growth
from delegation.judge.decision import Decision, Denial, trail
from delegation.judge.facts import Facts
from delegation.judge.flow import trace_of
from delegation.judge.in_process import why_not_outside
from delegation.judge.line import Line
from delegation.judge.settle import RECORD_STEP, Judged, Settlement, about
from delegation.judge.standing import STEP, deny_without_standing

MAX_AGE: Final = 7 * 24 * 3600  # seconds; a report of an older decision is refused
MAX_AHEAD: Final = 5  # seconds that a verifier's clock may be ahead


@dataclass(frozen=True, slots=True)
class Reported:
    """A decision as it is reported.

    Args:
        judged: The call after steps 1 to 8, as of then.
        token_format: `biscuit` or `macaroon`.
        decision: The id that the verifier gave.
        at: When it was decided, Unix seconds of the verifier.
        denied: The code with which the verifier denied it; None if it allowed it.
        was_used: Whether the same proof was used before, in another decision.
        needs_service: Why only the service settles calls of this task; empty if nothing does.
    """

    judged: Judged
    token_format: str
    decision: DecisionId
    at: int
    denied: str | None
    was_used: bool
    needs_service: tuple[str, ...]


def settle_reported(
    reported: Reported, now: Facts, then: tuple[Facts, Facts]
) -> tuple[Settlement, Denial | None]:
    """Return what is recorded, and why the service would have denied the call, if it would.

    Nothing is charged: a chain or task with budgets is settled by the service alone, and a report
    of one is a conflict.

    Args:
        reported: The report, whose token and proof verified as of then.
        now: What the store knows in this transaction.
        then: What it knew the bound of a lease before the decision, and when the decision was made.
            What had ended by the first and stood again by the second is no conflict.
    """
    judged = reported.judged
    chain = judged.chain
    made = Decision(
        id=reported.decision,
        at=reported.at,
        denial=_denial(reported.denied),
        tool=judged.tool,
        steps=trail(None if reported.denied is None else STEP),
        **about(chain, judged.access),
    )
    if reported.denied is not None:
        return Settlement(made, (), (), now.epoch, is_reported=True), None
    cleared = judged.outcome
    if not isinstance(cleared, Denial):
        made = replace(
            made, arguments=cleared.arguments, cost={"calls": 1}, valid_until=reported.at + 1
        )
    if isinstance(cleared, Denial) or not now.tasks:
        # What it was is not known, so that no flow rule of its task can be judged any more.
        settlement = Settlement(made, (), (), now.epoch, is_reported=True)
        return settlement, _conflict(reported, now, then)
    trace = trace_of(Line(chain, now.above), cleared.marks, now)
    settlement = Settlement(made, (), cleared.resources, now.epoch, trace=trace, is_reported=True)
    return settlement, _conflict(reported, now, then)


def _denial(code: str | None) -> Denial | None:
    if code is None:
        return None
    return Denial.at(STEP, Refusal(code, "A verifier outside the store denied the call."))


def _conflict(reported: Reported, now: Facts, then: tuple[Facts, Facts]) -> Denial | None:
    judged = reported.judged
    if isinstance(judged.outcome, Denial):
        return judged.outcome
    if reported.was_used or now.is_nonce_used:
        return Denial.at(
            RECORD_STEP,
            Refusal("replayed", "The proof was used in another decision, too.", "proof.jti"),
        )
    reason = why_not_outside(
        reported.token_format, judged.chain, judged.outcome, reported.needs_service
    )
    if reason is not None:
        return Denial.at(
            STEP,
            Refusal("not_settled_here", "Only the service could settle such a call.", "", reason),
        )
    denials = [
        deny_without_standing(Line(judged.chain, known.above), judged.named, known, reported.at)
        for known in then
    ]
    denial = denials[0] if all(denials) else None
    # Of growth only what refuses its links: whether a breaker was open then is not known.
    return denial or deny_growth(Line(judged.chain, now.above), replace(now, tasks=()), reported.at)
