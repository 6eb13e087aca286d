"""Decides which calls may be settled outside the store, and names the facts that this needs."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from delegation.authority.chain import Chain
from delegation.authority.flow import is_label
from delegation.authority.ids import LinkId
from delegation.judge.capability import Clearance
from delegation.judge.decision import Decision
from delegation.judge.facts import AgentFact, Facts, TaskFact
from delegation.judge.line import Line
from delegation.judge.subject import Subject
from delegation.tokens.formats import PUBLIC


@dataclass(frozen=True, slots=True)
class InProcessDecision(Decision):
    """A decision that a verifier outside the store made by itself; the store is told later.

    Args:
        epoch: The newest change of standing that was known.
        fresh_until: Reading of the boot clock from which an allowance must not be acted on any more.
            Its `valid_until` is the next whole second and may lie later.
    """

    epoch: int = 0
    fresh_until: float = 0.0

    def is_fresh(self, now: float) -> bool:
        """Return whether it may still be acted on at this reading of the boot clock."""
        return now < self.fresh_until


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a link, as its payload states it."""

    key: bytes
    name: str


@dataclass(frozen=True, slots=True)
class RootStanding:
    """What a verifier outside the store must know to apply step 10 itself.

    Args:
        root: The root, recorded when it was issued.
        tasks: Its task, then the tasks above it, nearest first.
        agents_by_key: The registered agent of each asked holder key that has one.
        agents_by_name: The registered agent of each asked name that has one.
        needs_service: Why only the service can settle calls under it; empty if nothing speaks
            against settling them elsewhere.
        epoch: The newest change that this answer holds.
    """

    root: LinkId
    tasks: tuple[TaskFact, ...]
    agents_by_key: Mapping[bytes, AgentFact]
    agents_by_name: Mapping[str, AgentFact]
    needs_service: tuple[str, ...]
    epoch: int


def why_not_outside(
    token_format: str, chain: Chain, clearance: Clearance, needs_service: tuple[str, ...]
) -> str | None:
    """Return why only the service can settle a call, or None if its standing is all that is left.

    Flow, budget and approval are state that one verifier does not see whole, so a chain with any of
    them on any link is settled where that state is. A cost is a charge on somebody's ledger. A label
    enters the task's history, which flow rules of other chains ask at once; what else a call was
    enters it when it is reported.

    Args:
        token_format: `biscuit` or `macaroon`, whose MAC only the issuer can check.
        chain: The verified chain.
        clearance: The call after step 8.
        needs_service: What the service said against it; whatever that is, it counts.
    """
    if token_format not in PUBLIC:
        return "format"
    if needs_service:
        return needs_service[0]
    if chain.origin.under is not None:
        return "child_task"  # it stands on its opener's chain and spends from it; neither is here
    for link in Line(chain).links:
        if link.grant.budget:
            return "budget"
        if link.grant.flow:
            return "flow"
        if link.grant.needs_approval:
            return "approval"
        if any(capability.delegate_only for capability in link.grant.capabilities):
            return "delegate_only"  # who counts as another is asked of the registry as it is now
    if any(is_label(mark) for mark in clearance.marks):
        return "labels"
    return "cost" if any(clearance.cost.values()) else None


def facts_outside(
    standing: RootStanding,
    *,
    revoked: AbstractSet[Subject],
    suspended: AbstractSet[Subject],
    ends: Mapping[Subject, int],
    epoch: int,
) -> Facts:
    """Return what a verifier outside the store knows, for the rule of step 10.

    Args:
        standing: The service's answer about the root, not contradicted by the feed since.
        revoked: What the feed told to be revoked.
        suspended: What it told to be suspended.
        ends: What it told to be revoked from an instant on.
        epoch: The newest change that was applied.
    """
    return Facts(
        tasks=standing.tasks,
        is_root_recorded=True,
        is_nonce_used=False,
        epoch=epoch,
        revoked=revoked,
        suspended=suspended,
        ends=ends,
        agents_by_key=standing.agents_by_key,
        agents_by_name=standing.agents_by_name,
    )
