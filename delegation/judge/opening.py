"""Opening a child task: an agent's request that its own grant, standing and limits must admit.

It is a request to the service like announcing, and runs steps 1 to 6 and 14; but it makes authority
where announcing only shows it, so the opener's time and standing are looked at as for a call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from delegation.authority.access import Access
from delegation.authority.chain import Chain
from delegation.authority.fit import UNFIT
from delegation.authority.grant import Grant
from delegation.authority.ids import DecisionId
from delegation.authority.narrowing import refuse_wider
from delegation.authority.prohibition import asking
from delegation.authority.refusal import Refusal
from delegation.canonical import b64u
from delegation.errors import WiderThanParentError
from delegation.judge.capability import STEP as UNFIT_STEP
from delegation.judge.creation_limits import deny_growth
from delegation.judge.decision import Decision, Denial, Step, trail
from delegation.judge.facts import Facts, TaskFact
from delegation.judge.limit import who_granted
from delegation.judge.line import Line, limit_above
from delegation.judge.settle import RECORD_STEP, Settlement
from delegation.judge.standing import Called, deny_without_standing
from delegation.judge.window import refuse_outside_time

MAX_NESTING: Final = 8  # tasks above a task: bounds what each call under it reads and locks


def complete_below(ceiling: Grant, opener: Grant, *, deadline: int) -> Grant | Refusal:
    """Return a child task's ceiling with every field set, or why the opener may not set it.

    Args:
        ceiling: As the opener wrote it; unset fields are copied from its own grant.
        opener: The grant of the opener's link.
        deadline: When the child task ends, Unix seconds.
    """
    try:
        complete = ceiling.filled_from(opener)
        if "expires_at" in ceiling.unset:
            fields = {name: getattr(complete, name) for name in Grant.__slots__ if name != "unset"}
            complete = Grant(**{**fields, "expires_at": min(deadline, complete.expires_at)})
    except WiderThanParentError as error:
        return Refusal(error.reason, str(error), error.field, remedy=error.remedy)
    refusal = refuse_wider(complete, opener)
    if refusal is None and (deadline > opener.expires_at or complete.expires_at > deadline):
        refusal = Refusal(
            "expiry_widened",
            "The child task, or its ceiling, outlives what it stands on.",
            "lasts",
            max(deadline, complete.expires_at),
            min(deadline, opener.expires_at),
            "Let the child task end with the opener's grant or before.",
        )
    return complete if refusal is None else refusal


def settle_opening(
    chain: Chain,
    access: Access,
    facts: Facts,
    *,
    ceiling: Grant | Refusal,
    opened: int,
    crowded: Refusal | None,
    decision: DecisionId,
    at: int,
) -> Settlement:
    """Return what is written and answered for a request to open a child task.

    Args:
        chain: The opener's verified chain.
        access: The request, as the verified proof covers it.
        facts: What the store knows, read in the transaction that will open it.
        ceiling: The child task's, complete, or why it is refused.
        opened: Tasks under the same root that are not over, the root included.
        crowded: Why no further root may hang on the opener's link, or None.
        decision: Id for the record.
        at: Unix seconds.
    """
    denial = _denial(Line(chain, facts.above), access, facts, ceiling, at)
    denial = denial or _deny_one_more(chain, facts.tasks, opened, crowded)
    steps = [s if s.number <= 6 else Step(s.number, "not_reached") for s in trail(None)]  # noqa: PLR2004
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


def _denial(  # what a request stands on
    line: Line, access: Access, facts: Facts, ceiling: Grant | Refusal, at: int
) -> Denial | None:
    leaf, depth = line.chain.leaf, line.chain.depth
    if facts.is_nonce_used:
        replayed = Refusal(
            "replayed",
            "This proof was used before.",
            "proof.jti",
            remedy="Sign a new proof for each request.",
        )
        return Denial.at(RECORD_STEP, replayed)
    late = refuse_outside_time(leaf.grant, at)
    if late is not None:
        asked = asking(late, who_granted(line.chain, depth))
        return Denial.at(7, asked, link=leaf.id, depth=depth)
    denial = deny_without_standing(line, Called(access.tool), facts, at)
    denial = denial or deny_growth(line, facts, at)
    if denial is not None:
        return denial
    if isinstance(ceiling, Refusal):
        step = UNFIT_STEP if ceiling.code in UNFIT else 5
        return Denial.at(step, ceiling, link=leaf.id, depth=depth)
    return None


def _deny_one_more(
    chain: Chain, tasks: Sequence[TaskFact], opened: int, crowded: Refusal | None
) -> Denial | None:
    """Return the denial of one task more: how deep, how many, how many links."""
    if len(tasks) > MAX_NESTING:
        refusal = Refusal(
            "tasks_too_deep",
            "Child tasks nest no deeper.",
            "task",
            len(tasks),
            MAX_NESTING,
            "Delegate a link instead of opening a task.",
        )
        return Denial.at(10, refusal)
    # Each task's own limit counts all tasks under the root, those of its parents too.
    for task in tasks:
        most = task.limits.tasks
        if most is not None and opened > most:
            refusal = Refusal(
                "growth_tasks",
                "The root task may have no more child tasks at a time.",
                "limits",
                opened,
                most,
                "Find out why it grows; an operator opens another task with higher limits.",
            )
            is_own = task.id == chain.origin.task
            return Denial.at(10, refusal if is_own else limit_above(refusal, task.id))
    if crowded is not None:
        return Denial.at(10, crowded, link=chain.leaf.id, depth=chain.depth)
    return None
