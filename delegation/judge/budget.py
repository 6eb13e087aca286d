"""Step 12, budget: every link of the chain and the task's ledger must afford the call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from delegation.authority.chain import Chain
from delegation.authority.refusal import Refusal
from delegation.judge.decision import Denial
from delegation.judge.facts import CounterKey, Facts

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


def charge(chain: Chain, cost: Mapping[str, int], facts: Facts) -> tuple[Charge, ...] | Denial:
    """Return what the call charges, on the ledger and on every link that bounds a unit.

    A parent's counter is charged for its children's calls too, so it bounds their sum although
    each child's own limit may be as high. A link and what renews it have one counter: a renewal is
    more time, not more to spend. A cost in a unit that the task's ledger does not name is
    denied: money without a ceiling was granted by nobody. A link's budget only bounds and never
    stands in for the ledger, else a holder would delegate to itself with a budget of its own making.

    Args:
        chain: The verified chain.
        cost: Units by name, `calls` included.
        facts: What the store knows, read in the deciding transaction.
    """
    charges: list[Charge] = []
    task = chain.origin.task
    for unit, amount in cost.items():
        # A child task spends what its opener has: each link of the opener's chain and each ledger
        # above is charged too.
        above = [CounterKey("task", one.id, unit) for one in facts.tasks[1:]]
        named = unit in facts.ledger and all(key in facts.ledgers for key in above)
        if unit != CALLS and amount > 0 and not named:
            return Denial.at(
                STEP,
                Refusal(
                    "budget_not_named",
                    f"The call costs {unit}, and the task's ceiling budgets none.",
                    f"budget.{unit}",
                    amount,
                    None,
                    f"Open the task with a ceiling that budgets {unit}.",
                ),
            )
        limit = facts.ledger.get(unit)
        if limit is not None:
            used = facts.used.get(key := CounterKey("task", task, unit), 0)
            if used + amount > limit:
                return _denial(chain, None, unit, amount, limit - used)
            charges.append(Charge(key, amount, limit))
        for depth, link in enumerate(chain.links):
            limit = link.grant.budget.get(unit)
            if limit is None:
                continue
            used = facts.used.get(key := CounterKey("link", facts.line(link.id), unit), 0)
            if used + amount > limit:
                return _denial(chain, depth, unit, amount, limit - used)
            charges.append(Charge(key, amount, limit))
        for key, most in _above(above, facts, unit):
            used = facts.used.get(key, 0)
            if used + amount > most:
                return _denial(chain, None, unit, amount, most - used)
            charges.append(Charge(key, amount, most))
    return tuple(charges)


def _above(
    ledgers: Sequence[CounterKey], facts: Facts, unit: str
) -> Iterator[tuple[CounterKey, int]]:
    """Yield the counters above a child task that bound a unit, with their limits."""
    for key in ledgers:
        if key in facts.ledgers:
            yield key, facts.ledgers[key]
    for opener in facts.above:
        for link in opener.links:
            limit = link.grant.budget.get(unit)
            if limit is not None:
                yield CounterKey("link", facts.line(link.id), unit), limit


def _denial(chain: Chain, depth: int | None, unit: str, amount: int, left: int) -> Denial:
    whose = "ledger of the task, or what its opener holds," if depth is None else "link's budget"
    refusal = Refusal(
        "budget_spent",
        f"The {whose} has too few {unit} left.",
        f"budget.{unit}",
        amount,
        max(left, 0),
        f"Ask for a task or link with more {unit}.",
    )
    if depth is None:
        return Denial.at(STEP, refusal)
    return Denial.at(STEP, refusal, link=chain.links[depth].id, depth=depth)
