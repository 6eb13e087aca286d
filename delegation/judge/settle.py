"""Settles calls: steps 10 to 14 in order, as pure functions of facts read in the writing transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from delegation.authority.access import Access
from delegation.authority.alias import recorded_name
from delegation.authority.catalogue import Catalogue
from delegation.authority.chain import Chain
from delegation.authority.ids import DecisionId, LinkId
from delegation.authority.refusal import Refusal
from delegation.canonical import b64u
from delegation.judge.approval import NOT_NEEDED, Ruling, judge_approval
from delegation.judge.approval_request import Needed
from delegation.judge.budget import CALLS, Charge, charge
from delegation.judge.capability import Clearance, Reading
from delegation.judge.clearance import clear_call
from delegation.judge.creation_limits import deny_growth
from delegation.judge.decision import UNASKED, Decision, Denial, trail
from delegation.judge.facts import Facts, Trace
from delegation.judge.flow import deny_against_flow, deny_own_call, trace_of
from delegation.judge.line import Line, above_task
from delegation.judge.rate import paces_of, take_turns
from delegation.judge.reservation import Reservation, reserve
from delegation.judge.standing import deny_behind, deny_without_standing
from delegation.judge.subject import Subject

RECORD_STEP = 14
VALID_SECONDS = 5  # how long an answer may travel and wait before it is acted on


class Above(NamedTuple):
    """What the chains above say of a call.

    Args:
        unknown: Terms of their flow rules that the catalogue does not know.
        handed: Their links that admit it by nothing but what their holders may only hand on.
    """

    unknown: frozenset[str] = frozenset()
    handed: frozenset[LinkId] = frozenset()


def clear_above(line: Line, access: Access, catalogue: Catalogue, at: int) -> Above | Denial:
    """Return what the chains above say of a call that they admit, or why one refuses it.

    Steps 7 and 8 once more: what a child task's opener may not do, it may not. Its ceiling lies within
    the opener's grant, so this denies little: what only shows on the opener's own links, such as a
    constraint that does not go with its argument's type.

    Args:
        line: The line of the call, whole.
        access: The call, as the proof covers it.
        catalogue: The definitions that it was judged by.
        at: The service's clock, Unix seconds.
    """
    above, reading = Above(), Reading()
    for chain in reversed(line.above):
        found = clear_call(chain, access, catalogue, at, reading)
        if isinstance(found, Denial):
            return above_task(found, chain.origin.task)
        above = Above(above.unknown | found.unknown, above.handed | found.handed)
    return above


@dataclass(frozen=True, slots=True)
class Judged:
    """A call whose proof verified, after steps 7 to 9.

    Args:
        chain: The verified chain.
        access: The call, by its tool's own name.
        sent: The call as the proof covers it, which is what the record keeps.
        nonce: The proof's jti.
        outcome: Its clearance, or the denial that steps 7 to 9 gave.
        catalogue: The definitions that it was judged by.
        needed: The consent of people that it needs, None for none.
    """

    chain: Chain
    access: Access
    sent: Access
    nonce: bytes
    outcome: Clearance | Denial
    catalogue: Catalogue
    needed: Needed | None = None

    @property
    def tool(self) -> str:
        """The tool's own name; empty if no tool is named."""
        return recorded_name(self.access.tool)

    @property
    def named(self) -> tuple[Subject, ...]:
        """What may be ended with it beside its chain: its tool, and what the definitions of it name."""
        own = Subject("tool", self.tool)
        return (own,) if isinstance(self.outcome, Denial) else self.outcome.named


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the transaction writes: the decision, its charges, and always the nonce.

    Args:
        decision: As it will be answered.
        charges: Counters to add to; empty when denied.
        resources: What the call touches; empty when denied.
        epoch: The newest revocation that was known.
        reservations: What of the charges the service may settle later.
        ruling: The request for approval that is opened, or the approval that is used.
        trace: What it leaves in the task's history; None when denied.
        turns: The next turns of the paces that it keeps.
        is_reported: Whether it was decided elsewhere, and earlier: it wakes no task that is idle.
    """

    decision: Decision
    charges: tuple[Charge, ...]
    resources: tuple[str, ...]
    epoch: int
    reservations: tuple[Reservation, ...] = ()
    ruling: Ruling = NOT_NEEDED
    trace: Trace | None = None
    turns: Mapping[tuple[str, str], int] = field(default_factory=dict)
    is_reported: bool = False


def about(chain: Chain, access: Access) -> dict[str, Any]:
    """Return what a decision about a proven call states of it, to be handed on as `**about(...)`.

    Args:
        chain: The verified chain.
        access: The call, as the verified proof covers it.
    """
    return {
        "task": chain.origin.task,
        "links": chain.ids,
        "holder": b64u(chain.leaf.holder_key),
        "claimed_cause": access.cause,
    }


def settle(
    judged: Judged, facts: Facts, *, decision: DecisionId, at: int, at_least_epoch: int = 0
) -> Settlement:
    """Return what is to be written and answered for one call.

    A spent nonce is found before steps 10 to 13: a replay must not learn how a task stands now. The
    nonce is consumed whatever the outcome, since the proof verified.

    Args:
        judged: The call after steps 1 to 9.
        facts: What the store knows, read in the transaction that will write the result.
        decision: Id for the record.
        at: The service's clock, Unix seconds.
        at_least_epoch: The newest change of standing that the caller has seen.
    """
    clearance = judged.outcome
    if isinstance(clearance, Denial):
        return deny(judged, facts, clearance, decision, at)
    cost = {CALLS: 1, **clearance.cost}
    if facts.is_nonce_used:
        used = Denial.at(RECORD_STEP, replayed("call"))
        return deny(judged, facts, used, decision, at, passed_to=9)
    line = Line(judged.chain, facts.above)
    denial = deny_behind(at_least_epoch, facts)
    denial = denial or deny_without_standing(line, judged.named, facts, at)
    if denial is None and (facts.refused or any(task.broken_until for task in facts.tasks)):
        denial = deny_growth(line, facts, at)
    if denial is not None:
        return deny(judged, facts, denial, decision, at)
    handed, unknown = clearance.handed, clearance.unknown
    if line.above:
        if isinstance(above := clear_above(line, judged.access, judged.catalogue, at), Denial):
            return deny(judged, facts, above, decision, at)
        handed, unknown = handed | above.handed, unknown | above.unknown
    trace = trace_of(line, clearance.marks, facts)
    denial = deny_own_call(line, handed, facts) if handed else None
    denial = denial or deny_against_flow(line, trace, facts, unknown)
    if denial is not None:
        return deny(judged, facts, denial, decision, at)
    tool = judged.catalogue.tool(judged.access.tool)
    if isinstance(charges := charge(line, cost, facts, (tool, clearance.arguments)), Denial):
        return deny(judged, facts, charges, decision, at)
    turns: Mapping[tuple[str, str], int] = {}
    if any(task.limits.is_paced for task in facts.tasks):
        taken = take_turns(line, paces_of(line, facts.tasks, facts.renewed), facts.turns, at)
        if isinstance(taken, Denial):
            return deny(judged, facts, taken, decision, at)
        turns = taken
    ruling = NOT_NEEDED
    if judged.needed is not None:
        ruling = judge_approval(
            judged.needed, line, judged.access, clearance, facts, decision=decision, at=at
        )
        if ruling.denial is not None:
            return deny(judged, facts, ruling.denial, decision, at, ruling=ruling)
    ends = (task.deadline for task in facts.tasks)
    until = min(at + VALID_SECONDS, judged.chain.leaf.grant.expires_at, *ends)
    allowed = Decision(
        id=decision,
        at=at,
        denial=None,
        tool=judged.tool,
        arguments=clearance.arguments,
        cost=cost,
        reserved=clearance.reserved,
        valid_until=until,
        steps=trail(None, unasked=clearance.unasked),
        approval=ruling.request,
        **about(judged.chain, judged.access),
    )
    held = clearance.reserved
    reservations = reserve(decision, charges, held, at=at) if held else ()
    return Settlement(
        allowed,
        charges,
        clearance.resources,
        facts.epoch,
        reservations=reservations,
        ruling=ruling,
        trace=trace,
        turns=turns,
    )


def replayed(what: str) -> Refusal:
    """Return the refusal of a call or request whose proof was used before."""
    return Refusal(
        "replayed",
        "This proof was used before.",
        "proof.jti",
        remedy=f"Sign a new proof for each {what}.",
    )


def deny(  # what a record needs
    judged: Judged,
    facts: Facts,
    denial: Denial,
    decision: DecisionId,
    at: int,
    *,
    passed_to: int | None = None,
    ruling: Ruling = NOT_NEEDED,
) -> Settlement:
    """Return the settlement that writes a denial: its record and its nonce, no charge."""
    cleared = judged.outcome
    unasked = UNASKED if isinstance(cleared, Denial) else cleared.unasked
    denied = Decision(
        id=decision,
        at=at,
        denial=denial,
        tool=judged.tool,
        steps=trail(denial.step, passed_to=passed_to, unasked=unasked),
        approval=ruling.request,
        **about(judged.chain, judged.access),
    )
    return Settlement(denied, (), (), facts.epoch, ruling=ruling)


def settle_repeat(
    judged: Judged, first: Decision, facts: Facts, *, decision: DecisionId, at: int
) -> Settlement | None:
    """Return what denies a repeated request now, or None when the first answer still holds.

    Nothing is charged and no nonce is spent again. A denial is repeated as it was: what changed
    since needs a new request with a new proof.

    Args:
        judged: The repeated call.
        first: What was answered under the same idempotency key.
        facts: What the store knows now.
        decision: Id for the record of a new denial.
        at: The service's clock, Unix seconds.
    """
    if not first.allowed:
        return None
    cleared = judged.outcome
    line = Line(judged.chain, facts.above)
    denial = deny_without_standing(line, judged.named, facts, at)
    if denial is None and at >= first.valid_until:
        refusal = Refusal(
            "answer_expired",
            "The first answer under this idempotency key may no longer be acted on.",
            "idempotency_key",
            at,
            first.valid_until,
            "Prove and check the call again under a new key.",
        )
        denial = Denial.at(RECORD_STEP, refusal)
    if denial is None and isinstance(cleared, Denial):
        denial = cleared  # a tool was redefined since: what would be denied now is not repeated
    return None if denial is None else deny(judged, facts, denial, decision, at, passed_to=9)
