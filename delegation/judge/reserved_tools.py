"""Names reserved tools: an agent's own requests to the service, settled by steps 1 to 6 and 14.

`delegation.announce` and `delegation.revoke` charge nothing, match no grant and work after expiry:
showing a link or cutting one below one's own never widens anything. A link that nobody has seen before
it stood on something that was ended is not recorded by being shown: that is refused for what ended it.

Opening a child task makes authority where announcing only shows it, so its opener's time, standing and
limits are looked at as for a call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from delegation.authority.access import Access
from delegation.authority.chain import Chain
from delegation.authority.fit import UNFIT
from delegation.authority.grant import Grant
from delegation.authority.ids import DecisionId, LinkId
from delegation.authority.narrowing import refuse_wider
from delegation.authority.prohibition import asking
from delegation.authority.refusal import Refusal
from delegation.errors import WiderThanParentError
from delegation.judge.capability import STEP as UNFIT_STEP
from delegation.judge.creation_limits import deny_growth
from delegation.judge.decision import Decision, Denial, Step, trail
from delegation.judge.facts import Facts, TaskFact
from delegation.judge.line import Line, limit_above, who_granted
from delegation.judge.settle import RECORD_STEP, Settlement, about, replayed
from delegation.judge.standing import deny_under_ended, deny_without_standing
from delegation.judge.subject import Subject
from delegation.judge.window import refuse_outside_time

_LOOKED_AT = 6  # steps 7 to 13 are not made for reserved tools, and so are shown as not reached
MAX_NESTING: Final = 8  # tasks above a task: bounds what each call under it reads and locks


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
    return _settled(chain, access, facts, denial, decision, at)


def _settled(
    chain: Chain,
    access: Access,
    facts: Facts,
    denial: Denial | None,
    decision: DecisionId,
    at: int,
) -> Settlement:
    """Return the settlement that writes an answered request: its record and its nonce."""
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
        arguments=access.arguments if denial is None else {},
        valid_until=at if denial is None else 0,
        steps=tuple(steps),
        **about(chain, access),
    )
    return Settlement(settled, (), (), facts.epoch)


def _refusal(
    chain: Chain, access: Access, facts: Facts, ancestors: tuple[LinkId, ...]
) -> Refusal | None:
    if facts.is_nonce_used:
        return replayed("request")
    if not facts.is_root_recorded:
        return Refusal(
            "root_not_recorded",
            "This root was not recorded when it was issued: it may be forged with a stolen key.",
            "task",
            remedy="Ask the issuer for a root from an open task.",
        )
    for name in chain.ids if facts.refused else ():
        if (too_many := facts.refused.get(name)) is not None:
            return too_many
    if "link" in access.arguments and chain.leaf.id not in ancestors:
        return Refusal(
            "not_below_own_link",
            "A holder may cut only links below its own.",
            "arguments.link",
            remedy="Name a recorded link that was delegated from yours.",
        )
    return None


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
    return _settled(chain, access, facts, denial, decision, at)


def _denial(  # what a request stands on
    line: Line, access: Access, facts: Facts, ceiling: Grant | Refusal, at: int
) -> Denial | None:
    leaf, depth = line.chain.leaf, line.chain.depth
    if facts.is_nonce_used:
        return Denial.at(RECORD_STEP, replayed("request"))
    if (late := refuse_outside_time(leaf.grant, at)) is not None:
        return Denial.at(7, asking(late, who_granted(line.chain, depth)), link=leaf.id, depth=depth)
    denial = deny_without_standing(line, (Subject("tool", access.tool),), facts, at)
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
