"""Guardrails on a link's bounds: audience, budget, time, depth, breadth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from delegation.authority.grant import Grant
from delegation.lineage.entry import LinkEntry
from delegation.lineage.guardrails.conditions import Broken, Condition, changed
from delegation.lineage.guardrails.recorded_links import RecordedLinks


@dataclass(frozen=True, slots=True)
class AudienceWithin(Condition):
    """No other services may act on it.

    Args:
        audience: The services that may.
    """

    kind: ClassVar[str] = "audience_within"
    audience: tuple[str, ...]

    def broken_by(self, link: LinkEntry, grant: Grant, forest: RecordedLinks) -> Broken | None:
        """Return the first service that may act on it and is not named."""
        more = [name for name in grant.audience if name not in self.audience]
        if not more:
            return None
        kept = [name for name in grant.audience if name in self.audience]
        return Broken(f"{more[0]} may act on it.", "audience", changed(grant, audience=kept))


@dataclass(frozen=True, slots=True)
class BudgetAtMost(Condition):
    """Each unit is bounded, by the link or above it. Money matters where a reached tool costs it.

    Args:
        most: Ceilings by unit.
    """

    kind: ClassVar[str] = "budget_at_most"
    most: Mapping[str, int]

    def broken_by(self, link: LinkEntry, grant: Grant, forest: RecordedLinks) -> Broken | None:
        """Return the first unit that nothing bounds tightly enough."""
        reached = forest.reach(link, grant)
        spent = {"calls"} | {unit for one in reached for unit in one.tool.cost}
        for unit, most in self.most.items():
            bounds = (grant.budget.get(unit), forest.budget(link, unit))
            held = min((bound for bound in bounds if bound is not None), default=None)
            if reached and unit in spent and (held is None or held > most):
                tighter = {**grant.budget, **{u: m for u, m in self.most.items() if u in spent}}
                budget = {u: min(m, grant.budget.get(u, m)) for u, m in tighter.items()}
                shown = "nothing bounds it" if held is None else f"it may spend {held}"
                return Broken(
                    f"Of {unit} {shown}, more than {most}.", "budget", changed(grant, budget=budget)
                )
        return None


@dataclass(frozen=True, slots=True)
class LastsAtMost(Condition):
    """No link holds longer than this, from the first second at which it could.

    Args:
        seconds: The most.
    """

    kind: ClassVar[str] = "lasts_at_most"
    seconds: int

    def broken_by(self, link: LinkEntry, grant: Grant, forest: RecordedLinks) -> Broken | None:
        """Return how long it lasts."""
        begins = max(grant.not_before, forest.begins(link))
        if grant.expires_at - begins <= self.seconds:
            return None
        lasts = f"{grant.expires_at - begins} seconds" if begins else "without a known beginning"
        narrower = changed(grant, expires_at=begins + self.seconds) if begins else None
        return Broken(
            f"It lasts {lasts}, more than {self.seconds} seconds.", "expires_at", narrower
        )


@dataclass(frozen=True, slots=True)
class MaxLinks(Condition):
    """No chain is longer than this, nor may it be made longer.

    Args:
        most: Links in a chain, the root included.
    """

    kind: ClassVar[str] = "max_links"
    most: int

    def broken_by(self, link: LinkEntry, grant: Grant, forest: RecordedLinks) -> Broken | None:
        """Return how long the chain is or may become."""
        may_have = link.depth + 1 + grant.delegations_left
        if may_have <= self.most:
            return None
        left = self.most - link.depth - 1
        return Broken(
            f"Its chain may have {may_have} links, more than {self.most}.",
            "delegations_left" if left >= 0 else "",
            changed(grant, delegations_left=left) if left >= 0 else None,
        )


@dataclass(frozen=True, slots=True)
class MaxChildren(Condition):
    """No link is handed on to more holders than this.

    Args:
        most: Links delegated from one.
    """

    kind: ClassVar[str] = "max_children"
    passes_down: ClassVar[bool] = False
    most: int

    def broken_by(self, link: LinkEntry, grant: Grant, forest: RecordedLinks) -> Broken | None:
        """Return how often it was handed on; a grant cannot bound that, only revoking helps."""
        made = forest.children(link)
        if made <= self.most:
            return None
        return Broken(f"It was handed on {made} times, more than {self.most}.", "")
