"""Describes a request for approval as people read it: the call, whose authority, people's answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from delegation.authority.approval import ApprovalRule
from delegation.authority.explain import instant
from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.canonical import Json
from delegation.hidden import Hidden, hidden_in
from delegation.identity.approval import Binding
from delegation.judge.approval_request import Verdict
from delegation.lineage.entry import LinkEntry, hidden_in_link

ApprovalState: TypeAlias = Literal["pending", "granted", "refused", "used", "expired"]
OVER: frozenset[ApprovalState] = frozenset({"refused", "used", "expired"})


@dataclass(frozen=True, slots=True)
class ApprovalAct:
    """What one person said.

    Args:
        person: Who.
        roles: The roles that the key had then.
        key: Name of the API key.
        verdict: `grant` or `refuse`.
        reason: Why, in their words.
        at: Unix seconds.
        counts: Whether that key still lives.
    """

    person: str
    roles: tuple[str, ...]
    key: str
    verdict: Verdict
    reason: str
    at: int
    counts: bool


@dataclass(frozen=True, slots=True)
class EarlierRefusal:
    """That people refused the same call before: same tool and canonical arguments, in the same tree of tasks.

    A refusal ends the request of one link. Whoever asks again under another link asks people anew,
    who must know.

    Args:
        request: The request that was refused.
        link: The leaf that it was about.
        task: Its task.
        audience: Where the call was to be executed.
        person: Who refused it.
        reason: Why, in their words.
        at: When, Unix seconds.
    """

    request: str
    link: LinkId
    task: TaskId
    audience: str
    person: str
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class ApprovalStatus:
    """How a request stands, as the waiting agent and the service that it called may know it.

    Args:
        id: The request.
        state: Where it stands.
        tool: The tool.
        link: The leaf.
        audience: Where the call is executed.
        opened_by: The denial that opened it.
        opened_at: Unix seconds.
        expires_at: Unix seconds: the end of asking, and once granted the end of the approval.
        used_by: The decision that used it up.
        statement: The signed approval; empty until it was granted.
    """

    id: str
    state: ApprovalState
    tool: str
    link: LinkId
    audience: str
    opened_by: DecisionId
    opened_at: int
    expires_at: int
    used_by: DecisionId | None
    statement: str


@dataclass(frozen=True, slots=True)
class ApprovalEntry:
    """One recorded request.

    Args:
        id: The request.
        sequence: Order in which requests were opened.
        state: Where it stands at the instant it was read; `expired` is computed.
        binding: Exactly what would be approved.
        rules: Whose consent is needed.
        task: The task.
        link: The leaf with its grant and what it narrowed; None when it is not read along.
        arguments: In canonical form, None once they were erased. Written by an agent.
        purpose: Written by an agent.
        claimed_cause: The decision that the holder names as the cause. A claim.
        cost: What the call would charge, by unit.
        resources: What it would touch.
        opened_by: The denial that opened it.
        opened_at: Unix seconds.
        expires_at: Unix seconds: the end of asking, and once granted the end of the approval.
        acts: What people said.
        statement: The signed approval; empty until it was granted.
        ended_at: When it was granted, refused or used.
        used_by: The decision that used it up.
        refused_before: Refusals of the same call under other links or terms, the newest first.
        amounts: The money among the arguments, by place, each with its currency.
    """

    id: str
    sequence: int
    state: ApprovalState
    binding: Binding
    rules: tuple[ApprovalRule, ...]
    task: TaskId
    link: LinkEntry | None
    arguments: Mapping[str, Json] | None
    purpose: str
    claimed_cause: str | None
    cost: Mapping[str, int]
    resources: tuple[str, ...]
    opened_by: DecisionId
    opened_at: int
    expires_at: int
    acts: tuple[ApprovalAct, ...]
    statement: str = ""
    ended_at: int | None = None
    used_by: DecisionId | None = None
    refused_before: tuple[EarlierRefusal, ...] = ()
    amounts: Mapping[str, str] = field(default_factory=dict)

    @property
    def hidden(self) -> tuple[Hidden, ...]:
        """What cannot be seen in all that is shown of it, text by text."""
        return (
            *hidden_in(dict(self.arguments or {})),
            *hidden_in(self.purpose, "the purpose"),
            *hidden_in(self.claimed_cause, "the cause"),
            *hidden_in(list(self.resources), "the resources"),
            *hidden_in(self.binding.audience, "the audience"),
            *(() if self.link is None else hidden_in_link(self.link)),
            *hidden_in([one.reason for one in self.refused_before], "the earlier refusals"),
            *hidden_in([act.reason for act in self.acts], "the answers"),
        )

    @property
    def is_over(self) -> bool:
        """Whether nothing can come of it any more."""
        return self.state in OVER

    @property
    def status(self) -> ApprovalStatus:
        """How it stands, without what is in it and without who said what."""
        return ApprovalStatus(
            id=self.id,
            state=self.state,
            tool=self.binding.tool,
            link=self.binding.link,
            audience=self.binding.audience,
            opened_by=self.opened_by,
            opened_at=self.opened_at,
            expires_at=self.expires_at,
            used_by=self.used_by,
            statement=self.statement,
        )

    def summary(self) -> str:
        """Return what would be approved, in our words: nothing of it was written by an agent."""
        bound = self.binding
        most = ", ".join(
            f"{amount} {'call' if amount == 1 and unit == 'calls' else unit}"
            for unit, amount in sorted(self.cost.items())
        )
        who = "" if self.link is None else f", held by key {self.link.holder_fingerprint}"
        until = instant(self.expires_at)
        return (
            f"One call of {bound.tool} at {bound.audience} under {bound.link}{who}, with exactly "
            f"these arguments, charging {most}; once, until {until}. It widens no grant."
        )
