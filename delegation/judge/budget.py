"""Step 12, budget: every link of the line and each task's ledger must afford the call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from delegation.authority.refusal import Refusal
from delegation.judge.decision import Denial
from delegation.judge.facts import CounterKey, Facts
from delegation.judge.line import Line

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


def charge(line: Line, cost: Mapping[str, int], facts: Facts) -> tuple[Charge, ...] | Denial:
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
    """
    charges: list[Charge] = []
    tasks = [task.id for task in reversed(facts.tasks)]  # top first, as the line is walked
    for unit, amount in cost.items():
        ledgers = [(task, CounterKey("task", task, unit)) for task in tasks]
        unnamed = [task for task, key in ledgers if key not in facts.limits]
        if unit != CALLS and amount > 0 and unnamed:
            return Denial.at(STEP, line.limited(_unnamed(unit, amount), unnamed[0]))
        for task, key in ledgers:
            most = facts.limits.get(key)
            if most is None:
                continue
            left = most - facts.used.get(key, 0)
            if amount > left:
                return Denial.at(
                    STEP, line.limited(_spent("task's ledger", unit, amount, left), task)
                )
            charges.append(Charge(key, amount, most))
        for place in line.places:
            most = place.link.grant.budget.get(unit)
            if most is None:
                continue
            key = CounterKey("link", facts.first(place.link.id), unit)
            left = most - facts.used.get(key, 0)
            if amount > left:
                return line.denied(STEP, _spent("link's budget", unit, amount, left), place)
            charges.append(Charge(key, amount, most))
    return tuple(charges)


def _unnamed(unit: str, amount: int) -> Refusal:
    return Refusal(
        "budget_not_named",
        f"The call costs {unit}, and the task's ceiling budgets none.",
        f"budget.{unit}",
        amount,
        None,
        f"Open the task with a ceiling that budgets {unit}.",
    )


def _spent(whose: str, unit: str, amount: int, left: int) -> Refusal:
    return Refusal(
        "budget_spent",
        f"The {whose} has too few {unit} left.",
        f"budget.{unit}",
        amount,
        max(left, 0),
        f"Ask for a task or link with more {unit}.",
    )
