"""Stops a task that grows or fails faster than its limits: part of step 10."""

from __future__ import annotations

from typing import Final

from delegation.authority.refusal import Refusal
from delegation.judge.decision import Denial
from delegation.judge.facts import Facts, TaskFact
from delegation.judge.limits import Limits
from delegation.judge.line import MAX_LINE, Line

STEP = 10
WINDOW: Final = 60  # seconds; minutes of the clock, so at most twice a limit within any minute
CODES: Final = (
    "growth_depth", "growth_parent", "growth_task", "growth_rate", "growth_tasks", "tasks_too_deep",
    "rate_task", "rate_holder", "rate_branch", "circuit_open",
)  # fmt: skip
DAY: Final = 24 * 3600  # clocks of one store differ by less
BREAK_SECONDS: Final = 300  # how long a circuit breaker stays open
_COUNTED: Final = range(7, 14)  # steps whose denials a breaker counts: proven, and no replay


def refuse_link(
    limits: Limits, *, depth: int, siblings: int, in_task: int, in_minute: int
) -> Refusal | None:
    """Return why a link that was never seen before may not be recorded, or None.

    Args:
        limits: Those of its task, or of a task above.
        depth: Links from that task's root down to it, child tasks' included; 0 for that root.
        siblings: Links that its parent has already, and tasks opened under that.
        in_task: Links that the task and its child tasks have already.
        in_minute: Those of them that were first seen in this minute.
    """
    deepest = MAX_LINE if limits.depth is None else min(limits.depth, MAX_LINE)
    if depth >= deepest:
        return _refusal("growth_depth", "links in one chain", depth, deepest)
    if depth and limits.links_per_parent is not None and siblings >= limits.links_per_parent:
        return _refusal("growth_parent", "links of one parent", siblings, limits.links_per_parent)
    if limits.links_per_task is not None and in_task >= limits.links_per_task:
        return _refusal("growth_task", "links", in_task, limits.links_per_task)
    if limits.links_per_minute is not None and in_minute >= limits.links_per_minute:
        return _refusal("growth_rate", "new links a minute", in_minute, limits.links_per_minute)
    return None


def _refusal(code: str, what: str, present: int, most: int) -> Refusal:
    return Refusal(
        code,
        f"The task may have no more {what}.",
        "limits",
        present + 1,
        most,
        "Find out why it grows; an operator opens another task with higher limits.",
    )


def deny_growth(line: Line, facts: Facts, at: int) -> Denial | None:
    """Return the denial of a call whose links may not be recorded, or whose task is stopped."""
    for place in line.places if facts.refused else ():
        if (refusal := facts.refused.get(place.link.id)) is not None:
            return Denial.at(STEP, refusal, link=place.link.id, depth=place.depth)
    for task in facts.tasks:
        # One that opens later than it can was opened by a clock that was ahead, and is not waited for.
        if at < task.broken_until <= at + WINDOW + BREAK_SECONDS + DAY:
            refusal = line.limited(_broken(task), task.id)
            return Denial.at(STEP, refusal, link=line.chain.root.id, depth=0)
    return None


def _broken(task: TaskFact) -> Refusal:
    return Refusal(
        "circuit_open",
        "The task's circuit breaker is open: too many of its calls were denied.",
        "task",
        task.id,
        task.broken_until,
        "Find out what its agents try; the breaker closes by itself, or close the task.",
    )


def counts_as_denial(denial: Denial | None) -> bool:
    """Return whether a circuit breaker counts this: not what it denied itself, and no replay."""
    return denial is not None and denial.step in _COUNTED and denial.code != "circuit_open"
