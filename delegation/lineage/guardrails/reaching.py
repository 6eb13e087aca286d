"""Judges what a link reaches: tools, resources, arguments, sequences, consent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from delegation.authority.approval import ApprovalRule
from delegation.authority.capability import Capability
from delegation.authority.constraints import Constraint, all_of
from delegation.authority.flow import AfterNever
from delegation.authority.grant import Grant
from delegation.authority.pattern import SegmentPattern
from delegation.lineage.entry import LinkEntry
from delegation.lineage.guardrails.assessment import Broken, Condition, changed
from delegation.lineage.guardrails.recorded_links import RecordedLinks
from delegation.lineage.reach import Reach


def _any_matches(patterns: Iterable[SegmentPattern], name: str) -> bool:
    return any(pattern.matches(name) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class NeverReach(Condition):
    """No tool may be reached that meets all that is named here; what is empty asks nothing.

    Args:
        tools: Tool patterns.
        effects: Effects.
        labels: Labels of the catalogue.
        systems: Systems of the catalogue.
        domains: Domains of the catalogue.
        resources: Resource patterns.
        sensitivity_above: Only tools more sensitive than this; None asks nothing.
    """

    kind: ClassVar[str] = "never_reach"
    tools: tuple[SegmentPattern, ...] = ()
    effects: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    resources: tuple[SegmentPattern, ...] = ()
    sensitivity_above: int | None = None

    def meets(self, reached: Reach) -> bool:
        """Return whether a reached tool is one that may not be reached."""
        tool = reached.tool
        return (
            (not self.tools or _any_matches(self.tools, tool.name))
            and (not self.effects or tool.effect in self.effects)
            and (not self.labels or not reached.labels.isdisjoint(self.labels))
            and (not self.systems or tool.system in self.systems)
            and (not self.domains or tool.domain in self.domains)
            and (self.sensitivity_above is None or reached.sensitivity > self.sensitivity_above)
            and (not self.resources or any(map(reached.touches, self.resources)))
        )

    def broken_by(self, link: LinkEntry, grant: Grant, forest: RecordedLinks) -> Broken | None:
        """Return the first tool that is reached and may not be."""
        reached = forest.reach(link, grant)
        met = [one for one in reached if self.meets(one)]
        if not met:
            return None
        first = met[0]
        touched = ""
        if self.resources:
            pattern = next(p for p in self.resources if first.touches(p))
            touched = f" on {pattern.text}"
        return Broken(
            f"It reaches {first.tool.name}{touched}.",
            f"capabilities[{first.place}]",
            changed(grant, capabilities=self._spared(grant, reached)),
        )

    def _spared(self, grant: Grant, reached: tuple[Reach, ...]) -> list[Capability]:
        """Return the capabilities without what may not be reached, by tool, or by resource."""
        kept: list[Capability] = []
        for place, capability in enumerate(grant.capabilities):
            mine = [one for one in reached if one.place == place]
            met = [one for one in mine if self.meets(one)]
            if not met:
                kept.append(capability)
                continue
            if self.resources:
                left = [
                    pattern
                    for pattern in capability.resources
                    if not any(pattern.overlaps(other) for other in self.resources)
                ]
                if left:
                    resources = [pattern.text for pattern in left]
                    kept.append(capability.narrow(resources=resources))
                    continue
            kept += [capability.narrow(one.tool.name) for one in mine if one not in met]
        return kept


@dataclass(frozen=True, slots=True)
class NeverAfter(Condition):
    """Where a task can meet a label of `after`, no link reaches one of `never` without the flow rule.

    Any two links of the task can make the two calls, so the pair is looked for over all of them.
    The rule is judged on the grant of whoever calls second: only that link must carry it.

    Args:
        rule: The flow rule that is to be carried.
    """

    kind: ClassVar[str] = "never_after"
    rule: AfterNever

    def broken_by(self, link: LinkEntry, grant: Grant, forest: RecordedLinks) -> Broken | None:
        """Return that the link can make the second call, with the link that can make the first."""
        if any(mine.implies(self.rule) for mine in grant.flow):
            return None
        second = next(
            (r for r in forest.reach(link, grant) if not r.labels.isdisjoint(self.rule.never)),
            None,
        )
        first = None if second is None else forest.first_reaching(self.rule.after, link)
        if second is None or first is None:
            return None
        other, tool = first
        who = "It" if other.id == link.id else "Another link of its task"
        return Broken(
            f"{who} reaches {tool} ({_one_of(self.rule.after)}), then it reaches"
            f" {second.tool.name} ({_one_of(self.rule.never)}), and carries no rule against that.",
            "flow",
            changed(grant, flow=[*grant.flow, self.rule]),
            None if other.id == link.id else other,
        )


def _one_of(labels: Iterable[str]) -> str:
    return " or ".join(labels)


@dataclass(frozen=True, slots=True)
class ArgumentsWithin(Condition):
    """Where a tool is reached, each named argument lies within a constraint, or cannot be given.

    Args:
        tools: Tool patterns.
        arguments: Constraints by argument name.
    """

    kind: ClassVar[str] = "arguments_within"
    tools: tuple[SegmentPattern, ...]
    arguments: Mapping[str, Constraint] = field(default_factory=dict)

    def broken_by(self, link: LinkEntry, grant: Grant, forest: RecordedLinks) -> Broken | None:
        """Return the first argument that may be given and is not within."""
        for reached in forest.reach(link, grant):
            if not _any_matches(self.tools, reached.tool.name):
                continue
            for name, most in self.arguments.items():
                held = reached.capability.arguments.get(name)
                argument = reached.tool.arguments.get(name)
                if argument is None or held is None or self._within(held, most):
                    continue
                place = f"capabilities[{reached.place}].arguments.{name}"
                if not most.suits(argument.type):
                    # To narrow to it would end the tool's use, which nobody asked for.
                    message = f"{name} of {reached.tool.name} is of a type that {most.kind} unfits."
                    return Broken(message, place)
                message = f"It may call {reached.tool.name} with a wider {name}."
                return Broken(message, place, self._narrowed(grant))
        return None

    def _narrowed(self, grant: Grant) -> Grant | None:
        kept = []
        for capability in grant.capabilities:
            tighter = {}
            if any(capability.tool.overlaps(pattern) for pattern in self.tools):
                for name, most in self.arguments.items():
                    held = capability.arguments.get(name)
                    if held is not None and not self._within(held, most):
                        tighter[name] = most if most.is_within(held) else all_of(held, most)
            kept.append(capability.narrow(arguments=tighter))
        return changed(grant, capabilities=kept)

    @staticmethod
    def _within(held: Constraint, most: Constraint) -> bool:
        # Not given is not wider: a constraint that admits absence besides is looked at without it.
        if held.kind == "any_of":
            return all(p.kind == "absent" or p.is_within(most) for p in held.members())
        return held.kind == "absent" or held.is_within(most)


@dataclass(frozen=True, slots=True)
class NeedsApproval(Condition):
    """Where a tool is reached, a rule of consent covers it, with these approvers and this quorum.

    Args:
        rule: The rule that is to be carried, or a stricter one.
    """

    kind: ClassVar[str] = "needs_approval"
    rule: ApprovalRule

    def broken_by(self, link: LinkEntry, grant: Grant, forest: RecordedLinks) -> Broken | None:
        """Return the first tool that is reached without consent."""
        for reached in forest.reach(link, grant):
            name = reached.tool.name
            if _any_matches(self.rule.tools, name) and not any(
                _any_matches(mine.tools, name)
                and set(mine.approvers) <= set(self.rule.approvers)
                and mine.quorum >= self.rule.quorum
                for mine in grant.needs_approval
            ):
                narrower = changed(grant, needs_approval=[*grant.needs_approval, self.rule])
                return Broken(f"It reaches {name} without consent.", "needs_approval", narrower)
        return None


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
