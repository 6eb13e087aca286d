"""Names the facts that settling a call needs: the question to the store, and its answer.

The answer is read inside the transaction that then writes the decision; nothing of it is ever
cached. Question here, answer in `delegation.records`, rules in the files beside this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from delegation.authority.chain import Chain
from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.authority.refusal import Refusal
from delegation.identity.approval import Binding
from delegation.judge.approval_request import NO_APPROVALS, ApprovalFacts
from delegation.judge.limits import UNLIMITED, Limits
from delegation.judge.subject import Subject

CounterScope: TypeAlias = Literal["task", "link"]


class Actor(NamedTuple):
    """Who made a call, as far as anybody answers for it.

    Args:
        agent: The registered agent that is nearest on the line of authority, the holder itself first; empty
            where none is registered.
        owner: That agent's owner, else the task's.
    """

    agent: str
    owner: str


class Seen(NamedTuple):
    """How often one actor did one thing, and the decision that first allowed it."""

    times: int
    first: DecisionId


History: TypeAlias = Mapping[str, Mapping[Actor, Seen]]  # by mark, see `authority.flow`


@dataclass(frozen=True, slots=True)
class Trace:
    """What an allowed call leaves in its task's history.

    Args:
        marks: What it was: its tool, effect, system, domain and labels.
        actor: Who made it.
    """

    marks: tuple[str, ...]
    actor: Actor


@dataclass(frozen=True, slots=True)
class AgentFact:
    """A registered agent, as far as standing asks.

    Args:
        name: The agent's name, its identity in the registry.
        owner: The accountable human or service.
        recertify_by: Unix seconds from which it is recognised no more until somebody vouches for it
            again; None for never.
    """

    name: str
    owner: str
    recertify_by: int | None = None


@dataclass(frozen=True, slots=True)
class TaskFact:
    """A task, as far as standing asks.

    Args:
        id: The task.
        is_open: Whether it was never closed.
        deadline: Unix seconds; from then on it is over even if nobody closed it.
        owner: The accountable human or service.
        idle_at: Unix seconds; over from then on unless a call is allowed before. None for never.
        broken_until: Unix seconds until which its circuit breaker is open; 0 for never opened.
        limits: How it may grow and how fast it may call.
    """

    id: TaskId
    is_open: bool
    deadline: int
    owner: str
    idle_at: int | None = None
    broken_until: int = 0
    limits: Limits = UNLIMITED


class CounterKey(NamedTuple):
    """Names one counter: a task's ledger or a link's budget, in one unit."""

    scope: CounterScope
    id: str
    unit: str


@dataclass(frozen=True, slots=True)
class Query:
    """What settling one chain needs to know.

    Args:
        chain: The verified chain.
        nonce: The proof's jti, 16 bytes.
        units: Units that the call may charge.
        at: The service's clock, Unix seconds.
        approval: What would have to be approved, None when the call needs no consent.
    """

    chain: Chain
    nonce: bytes
    units: tuple[str, ...]
    at: int
    approval: Binding | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """The store's answer, read inside the deciding transaction.

    Args:
        tasks: The chain's task, then the tasks above it, nearest first. Empty: unknown.
        is_root_recorded: Whether this very root was recorded when it was issued.
        is_leaf_recorded: Whether the leaf is recorded by now; what is first seen under what does not
            stand need not be.
        revoked: What is revoked; at least those subjects that the call touches.
        suspended: What is suspended, likewise.
        ends: What is revoked from an instant on, Unix seconds, likewise.
        agents_by_key: The registered agent of each holder key on the line that has one.
        agents_by_name: The registered agent of each claimed name on the line that has one.
        used: Units used so far, by counter; a counter without a row has used nothing.
        limits: Limits of the ledgers and budgets on the line, by counter.
        is_nonce_used: Whether (leaf holder, jti) was consumed before.
        epoch: Number of the newest change of standing.
        approval: What is known about consent to this very call.
        history: What the root task's calls were; None where it is not known, or not asked for
            because no link of the line carries a flow rule.
        above: For a child task the opener's chain, then the one under which that task was opened,
            nearest first.
        refused: Links of the chain that may not be recorded, because a limit of growth is reached.
        turns: Next turns by pace, see `judge.rate`.
        renewed: For a link that renews another, the first link of that line; it names their counters.
    """

    tasks: tuple[TaskFact, ...]
    is_root_recorded: bool
    is_nonce_used: bool
    epoch: int = 0
    revoked: AbstractSet[Subject] = frozenset()
    suspended: AbstractSet[Subject] = frozenset()
    ends: Mapping[Subject, int] = field(default_factory=dict)
    agents_by_key: Mapping[bytes, AgentFact] = field(default_factory=dict)
    agents_by_name: Mapping[str, AgentFact] = field(default_factory=dict)
    used: Mapping[CounterKey, int] = field(default_factory=dict)
    limits: Mapping[CounterKey, int] = field(default_factory=dict)
    approval: ApprovalFacts = NO_APPROVALS
    history: History | None = None
    above: tuple[Chain, ...] = ()
    refused: Mapping[LinkId, Refusal] = field(default_factory=dict)
    turns: Mapping[tuple[str, str], int] = field(default_factory=dict)
    renewed: Mapping[str, str] = field(default_factory=dict)
    is_leaf_recorded: bool = True
