"""Charges a call to every link of its line and to each task's ledger: step 12, budget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from delegation.authority.catalogue import Tool
from delegation.authority.constraints import absent
from delegation.authority.grant import Grant
from delegation.authority.ids import TaskId
from delegation.authority.refusal import Refusal
from delegation.canonical import Json
from delegation.judge.decision import Denial
from delegation.judge.facts import CounterKey, Facts
from delegation.judge.line import OPENER, Line, Place, who_granted_at

STEP = 12
CALLS = "calls"


@dataclass(frozen=True, slots=True)
class Charge:
    """What one call adds to one counter.

    Args:
        key: The counter.
        amount: Units, in minor units for money.
        limit: The counter's ceiling, as the signed grant or the task's opener set it.
    """

    key: CounterKey
    amount: int
    limit: int


def charge(
    line: Line, cost: Mapping[str, int], facts: Facts, call: tuple[Tool | None, Mapping[str, Json]]
) -> tuple[Charge, ...] | Denial:
    """Return what the call charges: on each ledger and on every link of its line that bounds a unit.

    A parent's counter is charged for its children's calls too, so it bounds their sum although
    each child's own limit may be as high; a child task spends what its opener has. A link and what
    renews it have one counter: a renewal is more time, not more to spend. A cost in a unit that one
    of the ledgers does not name is denied: money without a ceiling was granted by nobody. A link's
    budget only bounds and never stands in for the ledger, else a holder would delegate to itself
    with a budget of its own making.

    Args:
        line: The verified chain, with those of the openers above its task.
        cost: Units by name, `calls` included.
        facts: What the store knows, read in the deciding transaction.
        call: The tool and its canonical arguments, to say whether a cheaper call of it is admitted.
    """
    charges: list[Charge] = []
    tasks = [task.id for task in reversed(facts.tasks)]  # top first, as the line is walked
    for unit, amount in cost.items():
        unnamed = [t for t in tasks if CounterKey("task", t, unit) not in facts.limits]
        if unit != CALLS and amount > 0 and unnamed:
            return Denial.at(STEP, line.limited(_unnamed(unit, amount), unnamed[0]))
        counters = list(_counters(line, tasks, unit, facts))
        # Whoever keeps to what is left where least is left keeps to all others.
        left, tightest = min(
            ((one.limit - facts.used.get(one.key, 0), n) for n, (one, _) in enumerate(counters)),
            default=(amount, 0),
        )
        if amount > left:
            return _denied(line, unit, amount, left, counters[tightest], call)
        charges += [replace(one, amount=amount) for one, _ in counters]
    return tuple(charges)


def _counters(
    line: Line, tasks: Sequence[TaskId], unit: str, facts: Facts
) -> Iterator[tuple[Charge, Place | TaskId]]:
    """Yield each counter of a unit, without a charge yet, and the link or task whose it is."""
    for task in tasks:
        if (key := CounterKey("task", task, unit)) in facts.limits:
            yield Charge(key, 0, facts.limits[key]), task
    for place in line.places:
        if (most := place.link.grant.budget.get(unit)) is not None:
            first = facts.renewed.get(place.link.id, place.link.id)
            yield Charge(CounterKey("link", first, unit), 0, most), place


def _denied(
    line: Line,
    unit: str,
    amount: int,
    left: int,
    counter: tuple[Charge, Place | TaskId],
    call: tuple[Tool | None, Mapping[str, Json]],
) -> Denial:
    charge_, whose = counter
    numbers = (amount, max(left, 0), charge_.limit)
    is_enough = left > 0 and _is_admitted(line.chain.leaf.grant, *call, unit, left)
    if not isinstance(whose, Place):
        refusal = _spent("task's ledger", unit, numbers, OPENER, is_enough=is_enough)
        return Denial.at(STEP, line.limited(refusal, whose))
    who = who_granted_at(line, whose)
    refusal = _spent("link's budget", unit, numbers, who, is_enough=is_enough)
    return line.denied(STEP, refusal, whose)


def _is_admitted(
    grant: Grant, tool: Tool | None, arguments: Mapping[str, Json], unit: str, left: int
) -> bool:
    """Return whether a grant may admit a call of this tool that costs no more than what is left.

    Whoever is told to make one, and is then told to make none so cheap, is led in a circle.
    """
    rule = None if tool is None else tool.cost.get(unit)
    if tool is None or not isinstance(rule, str):
        return rule is None  # what a call costs is told after it, or is the same for each
    name, _, factor = rule.partition("*")
    if type(arguments[name]) not in {int, float}:
        return True
    most = left // int(factor or 1)
    return any(
        type(number) in {int, float} and 0 <= cast("float", number) <= most and limit.admits(number)
        for capability in grant.capabilities
        if capability.tool.matches(tool.name)
        for limit in (capability.arguments.get(name, absent()),)
        for number in (most, *limit.probes())
    )


def _unnamed(unit: str, amount: int) -> Refusal:
    return Refusal(
        "budget_not_named",
        f"The call costs {unit}, and the task's ceiling budgets none.",
        f"budget.{unit}",
        amount,
        None,
        f"Ask whoever opened the task for one whose ceiling budgets {unit}.",
        f"no {unit}",
    )


def _spent(
    whose: str, unit: str, numbers: tuple[int, int, int], who: str, *, is_enough: bool
) -> Refusal:
    amount, left, limit = numbers
    ask = f"sk {who} for another one, with more {unit}."
    return Refusal(
        "budget_spent",
        f"The {whose} has {left} of {limit} {unit} left, which is too few.",
        f"budget.{unit}",
        amount,
        left,
        f"Make a call that costs at most {left} {unit}, or a{ask}" if is_enough else f"A{ask}",
        f"at most {left} {unit}",
    )
