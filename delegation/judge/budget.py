"""Step 12, budget: every link of the line and each task's ledger must afford the call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from delegation.authority.ids import TaskId
from delegation.authority.refusal import Refusal
from delegation.judge.decision import Denial
from delegation.judge.facts import CounterKey, Facts
from delegation.judge.limit import OPENER, who_granted_at
from delegation.judge.line import Line, Place

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
            return _denied(line, unit, amount, left, counters[tightest])
        charges += [replace(one, amount=amount) for one, _ in counters]
    return tuple(charges)


def _counters(
    line: Line, tasks: Sequence[TaskId], unit: str, facts: Facts
) -> Iterator[tuple[Charge, Place | TaskId]]:
    """Yield each counter of a unit, without a charge yet, and the link or task whose it is."""
    for task in tasks:
        key = CounterKey("task", task, unit)
        if key in facts.limits:
            yield Charge(key, 0, facts.limits[key]), task
    for place in line.places:
        most = place.link.grant.budget.get(unit)
        if most is not None:
            first = facts.renewed.get(place.link.id, place.link.id)
            yield Charge(CounterKey("link", first, unit), 0, most), place


def _denied(
    line: Line, unit: str, amount: int, left: int, counter: tuple[Charge, Place | TaskId]
) -> Denial:
    charge_, whose = counter
    if not isinstance(whose, Place):
        refusal = _spent("task's ledger", unit, amount, left, charge_.limit, OPENER)
        return Denial.at(STEP, line.limited(refusal, whose))
    who = who_granted_at(line, whose)
    return line.denied(STEP, _spent("link's budget", unit, amount, left, charge_.limit, who), whose)


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


def _spent(whose: str, unit: str, amount: int, left: int, limit: int, who: str) -> Refusal:
    left = max(left, 0)
    ask = f"sk {who} for another one, with more {unit}."
    return Refusal(
        "budget_spent",
        f"The {whose} has {left} of {limit} {unit} left, which is too few.",
        f"budget.{unit}",
        amount,
        left,
        f"Make a call that costs at most {left} {unit}, or a{ask}" if left else f"A{ask}",
        f"at most {left} {unit}",
    )
