"""Describes the records of one task: its links, their holders, and the decisions under each chain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from delegation.authority.alias import RESERVED_PREFIX
from delegation.authority.explain import Change
from delegation.authority.grant import Effect, Grant
from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.hidden import Hidden, hidden_in
from delegation.judge.limits import UNLIMITED, Limits

Standing: TypeAlias = Literal["active", "revoked", "expired", "task_closed", "suspended"]
TaskState: TypeAlias = Literal[
    "open", "active", "completed", "failed", "aborted", "expired", "idle"
]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many calls were decided with a link as the leaf; requests to the service do not count."""

    allowed: int = 0
    denied: int = 0


@dataclass(frozen=True, slots=True)
class LinkEntry:
    """One recorded link.

    Args:
        id: The link.
        task: Its task.
        parent: The link above, None for a root.
        under: For a root: the opener's link, when an agent opened the task.
        depth: 0 for a root.
        holder_name: The registered agent's name; empty when (name, key) is not registered.
        claimed_name: What the delegator called the holder: a claim, hostile text.
        holder_fingerprint: Short text of the holder's key, always shown beside a name.
        owner: The accountable owner: the agent's, or the nearest registered delegator's.
        registered: Whether the (agent, key) pair is registered.
        inferred: Whether the task was rebuilt from a record rather than observed.
        grant: What the link passes on.
        changes: What it narrowed against its parent; for a root, what it was given.
        recorded_at: When the service first saw it, Unix seconds.
        standing: Computed from the ancestors, never stored.
        ended_by: Id of the revoked, suspended, closed or expired subject that ends it, `*` for a
            freeze; empty while active.
        decisions: Decisions made with it as the leaf.
        formats: Token formats that it was seen in.
    """

    id: LinkId
    task: TaskId
    parent: LinkId | None
    under: LinkId | None
    depth: int
    holder_name: str
    claimed_name: str
    holder_fingerprint: str
    owner: str
    registered: bool
    inferred: bool
    grant: Grant
    changes: tuple[Change, ...]
    recorded_at: int
    standing: Standing
    ended_by: str
    decisions: Counts
    formats: tuple[str, ...]

    @property
    def above(self) -> LinkId | None:
        """The link that this one hangs below: its parent, or for a child task's root the opener."""
        return self.under if self.parent is None else self.parent


@dataclass(frozen=True, slots=True)
class LinkPath:
    """Where a recorded link hangs and whether it stands, without what it grants.

    Args:
        links: Its ancestors' ids, root first, its own last.
        standing: Computed from the ancestors, never stored.
        ended_by: Id of the revoked link, agent, key or task that ends it; empty while active.
        above: For a link of a child task the links of its opener's chain and of those above that.
    """

    links: tuple[LinkId, ...]
    standing: Standing
    ended_by: str
    above: tuple[LinkId, ...] = ()


@dataclass(frozen=True, slots=True)
class DecisionEntry:
    """One recorded decision, without its arguments.

    Args:
        sequence: Commit order within the store.
        id: The decision.
        at: When it was made, Unix seconds.
        task: Its task; None when nothing was verified that names one.
        link: The leaf, None when unproven.
        tool: The tool that was called.
        allowed: Whether it was allowed.
        step: The step that denied it.
        code: The denial's code.
        message: The denial's sentence.
        denied_link: The link whose caveat denied it.
        claimed_cause: Id of the decision that the holder names as the cause: a claim.
    """

    sequence: int
    id: DecisionId
    at: int
    task: TaskId | None
    link: LinkId | None
    tool: str
    allowed: bool
    step: int | None
    code: str | None
    message: str
    denied_link: LinkId | None
    claimed_cause: str | None

    @property
    def reserved(self) -> bool:
        """Whether it is about a request to the service itself rather than a call of a tool."""
        return self.tool.startswith(RESERVED_PREFIX)


@dataclass(frozen=True, slots=True)
class TaskEntry:
    """One recorded task.

    Args:
        id: The task.
        title: What it is about, as its opener wrote it: hostile text when an agent did.
        owner: The accountable human or service.
        state: `open`; `active` once a call was allowed; or how it, or a task above it, ended:
            `completed`, `failed`, `aborted`, `expired` by deadline, `idle` for too long.
        opened_at: Unix seconds.
        deadline: Unix seconds; nothing under it holds from then on.
        inferred: Whether it was rebuilt from a record rather than observed.
        ceiling: The most that any token of it may hold.
        under: The opener's link when an agent opened it.
        spent: Units used so far on the task's ledger.
        parent: The task above, when an agent opened it.
        idle: Seconds without an allowed call after which it is over; None for never.
        limits: How it may grow and how fast it may call.
        broken_until: Unix seconds until which its circuit breaker is open; 0 for never opened.
        pinned: For a child task the catalogue revision that its opener's root pins.
    """

    id: TaskId
    title: str
    owner: str
    state: TaskState
    opened_at: int
    deadline: int
    inferred: bool
    ceiling: Grant
    under: LinkId | None
    spent: tuple[tuple[str, int], ...]
    parent: TaskId | None = None
    idle: int | None = None
    limits: Limits = UNLIMITED
    broken_until: int = 0
    pinned: int | None = None


@dataclass(frozen=True, slots=True)
class Lineage:
    """One task with its descendants: agents open child tasks under its links.

    Args:
        task: The task.
        links: Its links and those of the tasks below it, parents before children.
        decisions: Theirs as well, in commit order.
        below: The tasks that were opened under links of it, and under links of those.
    """

    task: TaskEntry
    links: tuple[LinkEntry, ...]
    decisions: tuple[DecisionEntry, ...]
    below: tuple[TaskEntry, ...] = ()

    @property
    def calls(self) -> tuple[DecisionEntry, ...]:
        """The decisions about calls of tools, without requests to the service itself."""
        return tuple(d for d in self.decisions if not d.reserved)


def hidden_in_link(link: LinkEntry) -> Iterator[Hidden]:
    """Yield what cannot be seen in the texts of a link: its names, its grant, and what that was."""
    yield from hidden_in(link.claimed_name, "the holder's name")
    if link.holder_name != link.claimed_name:
        yield from hidden_in(link.holder_name, "the holder's name")
    yield from hidden_in(link.owner, "the owner")
    yield from hidden_in(link.grant.to_json(), "the grant")
    yield from hidden_in([change.before for change in link.changes], "the grant above")


@dataclass(frozen=True, slots=True)
class Called:
    """One decision in its place.

    Args:
        decision: The decision.
        chain: The leaf's recorded way up, root first, the leaf last; empty when none is recorded.
        effect: Of the tool by the newest catalogue, None when that does not have it.
    """

    decision: DecisionEntry
    chain: tuple[LinkEntry, ...]
    effect: Effect | None


def chain_of(leaf: LinkId | None, known: Mapping[LinkId, LinkEntry]) -> tuple[LinkEntry, ...]:
    """Return a leaf's way up, root first, as far as it is known."""
    up: list[LinkEntry] = []
    while leaf is not None and leaf in known and len(up) < len(known):
        up.append(known[leaf])
        leaf = known[leaf].parent
    return tuple(reversed(up))
