"""Declares the unit of work that the commands ask of a store. `delegation.records` answers.

One `write()` is one transaction: it is committed whole or not at all, before any answer leaves a command.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias

from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.chain import Chain
from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.authority.refusal import Refusal
from delegation.authority.resource_labels import ResourceLabels
from delegation.canonical import Json
from delegation.commands.draft import AnyDraft, Draft, NewTask
from delegation.commands.log import LoggedStore
from delegation.commands.question_work import QuestionReader, QuestionWork
from delegation.commands.standing import StandingReader, StandingWork
from delegation.identity.approval import ApprovalEvent
from delegation.identity.roles import Role
from delegation.judge.decision import Decision
from delegation.judge.facts import Facts, Query
from delegation.judge.limits import Limits
from delegation.judge.reservation import Reservation
from delegation.lineage.entry import DecisionEntry, LinkEntry, LinkPath, TaskEntry, TaskState
from delegation.lineage.filter import DecisionFilter, LinkFilter, TaskFilter
from delegation.lineage.in_process import InProcessEntry
from delegation.lineage.mediation import Recorded
from delegation.tokens.evidence import LinkEvidence

LoginKind: TypeAlias = Literal["ticket", "session"]
OutcomeState: TypeAlias = Literal["executed", "failed", "not_executed"]


@dataclass(frozen=True, slots=True)
class Agent:
    """A registered agent.

    Args:
        name: Its identity in the registry.
        owner: The accountable human or service.
        keys: Its 32-byte holder keys.
        registered_at: Unix seconds.
        recertify_by: Unix seconds from which it is recognised no more; None for never.
    """

    name: str
    owner: str
    keys: tuple[bytes, ...]
    registered_at: int
    recertify_by: int | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A caller of the service that is no agent.

    Args:
        name: What people call it, unique.
        role: What it may do.
        audiences: For a service: the audiences that it may ask about.
        created_at: Unix seconds.
        is_revoked: Whether it was withdrawn.
        person: For an approver: the one human who holds it.
        approves_as: For an approver: the roles that this human has in approval rules.
    """

    name: str
    role: Role
    audiences: tuple[str, ...]
    created_at: int
    is_revoked: bool = False
    person: str = ""
    approves_as: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Login:
    """A ticket or a session, under the digest of its secret.

    Args:
        digest: SHA-256 of the secret, 32 bytes.
        kind: `ticket` or `session`.
        api_key: Name of the API key whose role it has.
        expires_at: Unix seconds.
    """

    digest: bytes
    kind: LoginKind
    api_key: str
    expires_at: int


KEPT_DENIALS: Final = 60  # of one holder, a minute and at once, whose arguments and proof are kept
Evidence: TypeAlias = Literal["kept", "over_rate", "erased", "unproven"]


@dataclass(frozen=True, slots=True)
class DecisionDetail:
    """One recorded decision with everything that was kept of it.

    Args:
        decision: As it was answered.
        sequence: Commit order.
        access: The call as it was sent; None unless `evidence` is "kept".
        epoch: The newest revocation that was known.
        catalogue: The catalogue revision in force.
        outcome: What the service said became of it, if it said so.
        local: Where it was really made, if outside the store.
        reservations: Costs that were reserved, and how they were settled.
        evidence: Whether arguments and proof are kept, or why they are not.
        amounts: The money among its arguments, by place, each with its currency.
    """

    decision: Decision
    sequence: int
    access: Mapping[str, Json] | None
    epoch: int
    catalogue: int
    outcome: OutcomeReport | None = None
    local: InProcessEntry | None = None
    reservations: tuple[Reservation, ...] = ()
    evidence: Evidence = "kept"
    amounts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OutcomeReport:
    """A service's report of the outcome of an allowed call; a claim.

    Args:
        decision: The call.
        state: `executed`, `failed` or `not_executed`.
        detail: In its words, at most 500 characters.
        by: Name of its API key.
        at: Unix seconds.
        cost: What the call has cost in each reserved unit; None settles nothing.
    """

    decision: DecisionId
    state: OutcomeState
    detail: str
    by: str
    at: int
    cost: Mapping[str, int] | None = None


@dataclass(slots=True)
class WriterStats:
    """What the writer did since it began; read without a lock, for metrics.

    Args:
        batches: Committed batches.
        drafts: Drafts in them.
        seconds: Time spent in them.
        retries: Attempts after the first.
        reused_markers: Attempts that found an earlier one committed after all.
        refused: Drafts refused because the queue was full or the writer had ended.
        failed: Drafts whose batch could not be committed.
        shortened: Denials whose arguments and proof were not kept: their holder's came too fast.
    """

    batches: int = 0
    drafts: int = 0
    seconds: float = 0.0
    retries: int = 0
    reused_markers: int = 0
    refused: int = 0
    failed: int = 0
    shortened: int = 0


class Reader(StandingReader, QuestionReader, Protocol):
    """Questions to the store, answered from one snapshot.

    `at` is the instant for which standing is computed, Unix seconds. With `past`, what was recorded
    after that second is left out, so that the answer is the one that could have been given then.
    """

    def catalogue(self) -> Catalogue:
        """Return all tools with all their revisions."""

    def facts(self, query: Query) -> Facts:
        """Return what settling a call would know now; for plans, which decide nothing."""

    def task(self, task: TaskId, *, at: int) -> TaskEntry | None:
        """Return a task, or None."""

    def tasks(
        self, wanted: TaskFilter, *, after: str | None, limit: int, at: int
    ) -> Sequence[TaskEntry]:
        """Return tasks, newest first, after the one with this id."""

    def agents(self) -> Sequence[Agent]:
        """Return all registered agents by name."""

    def link(self, link: LinkId, *, at: int, past: bool = False) -> LinkEntry | None:
        """Return a link with its standing computed from its ancestors, or None."""

    def path(self, link: LinkId, *, at: int) -> LinkPath | None:
        """Return a link's ancestors' ids and its standing, or None; much cheaper than entries."""

    def link_payload(self, link: LinkId) -> bytes | None:
        """Return the signed payload of a link, or None."""

    def links(
        self, wanted: LinkFilter, *, after: LinkId | None, limit: int, at: int, past: bool = False
    ) -> Sequence[LinkEntry]:
        """Return links in the order they were recorded, filtered."""

    def ancestors(self, link: LinkId, *, at: int, past: bool = False) -> Sequence[LinkEntry]:
        """Return a link's ancestors, root first, itself last; empty if unknown."""

    def descendants(
        self, link: LinkId, *, limit: int, at: int, past: bool = False
    ) -> Sequence[LinkEntry]:
        """Return the links below a link, child tasks' included, parents before children."""

    def numbers(self) -> Mapping[str, int]:
        """Return the numbers that only grow: `link`, `decision`, `epoch` and others."""

    def decisions(
        self, wanted: DecisionFilter, *, after: int, limit: int, newest: bool = False
    ) -> Sequence[DecisionEntry]:
        """Return decisions in commit order with a sequence above `after`, filtered; or backwards."""

    def details(
        self, wanted: DecisionFilter, *, after: int, limit: int
    ) -> Sequence[DecisionDetail]:
        """Return the same with what was kept of each but its outcome and reservations."""

    def recorded(self, wanted: Sequence[DecisionId]) -> Mapping[DecisionId, Recorded]:
        """Return those of these decisions that are recorded, as executions are held against them."""

    def recorded_for(
        self, audiences: Sequence[str], *, since: int, until: int, after: int, limit: int
    ) -> tuple[Sequence[Recorded], int]:
        """Return calls allowed to these services in [since, until), and the last one's sequence."""

    def decision(self, decision: DecisionId) -> DecisionDetail | None:
        """Return one decision, or None."""

    def api_key(self, secret_digest: bytes) -> ApiKey | None:
        """Return the API key whose secret has this SHA-256, or None."""

    def api_keys(self) -> Sequence[ApiKey]:
        """Return all API keys by name."""

    def login(self, digest: bytes, kind: LoginKind, *, at: int) -> ApiKey | None:
        """Return the API key of a ticket or session that is not over, or None."""

    def announced(self, link: LinkId, digest: bytes) -> str | None:
        """Return the announced token text with this leaf and this SHA-256, or None."""

    def unproven_counts(self) -> Mapping[tuple[int, str], int]:
        """Return how many unproven denials were only counted, by (minute, code)."""


class Work(Reader, StandingWork, QuestionWork, Protocol):
    """One transaction that writes."""

    def add_tool(self, tool: Tool, *, at: int) -> int:
        """Record a definition as a new catalogue revision and return its number.

        An equal definition adds none and returns the present number.
        """

    def label_resources(self, entry: ResourceLabels, *, at: int) -> int:
        """Record labels of resources as a new catalogue revision and return its number.

        An equal declaration adds none and returns the present number.

        Raises:
            ConflictError: Too many patterns have labels.
        """

    def add_agent(self, agent: Agent) -> None:
        """Register an agent, or add keys to one with the same owner.

        Raises:
            ConflictError: The name has another owner, or a key belongs to another agent.
        """

    def open_task(self, task: NewTask) -> None:
        """Record a task with its ledger."""

    def close_task(self, task: TaskId, state: TaskState, *, at: int) -> bool:
        """Close an open task and its child tasks; return False if it was closed before."""

    def record_root(self, chain: Chain, evidence: Sequence[LinkEvidence], *, at: int) -> None:
        """Record a root as it is being issued, with its evidence.

        A root that is not recorded here is never recorded afterwards, and nothing under it is.

        Raises:
            ConflictError: The task may have no more links.
        """

    def tasks_below_root(self, task: TaskId, *, at: int) -> int:
        """Return how many tasks under this task's root are not over, that root included."""

    def refuse_child(self, chain: Chain, limits: Limits | None, *, at: int) -> Refusal | None:
        """Return why the root of a child task with these limits may not hang on a leaf, or None."""

    def decide(self, draft: Draft) -> Decision:
        """Settle and write one call inside this transaction."""

    def keep_announced(self, text: str, link: LinkId, *, expires_at: int) -> None:
        """Keep a token's text under its leaf until that expires; at most 4 texts a leaf."""

    def report_outcome(self, outcome: OutcomeReport) -> None:
        """Record what became of an allowed call.

        Raises:
            NotFoundError: There is no such decision that this service asked for and was allowed.
            ConflictError: Another outcome or cost was reported before, or its time is over.
            MalformedError: The cost is not of the reserved units, or more than was reserved.
        """

    def add_login(self, login: Login, *, at: int) -> None:
        """Record a ticket or a session, and forget those that are over."""

    def take_login(self, digest: bytes, kind: LoginKind, *, at: int) -> str | None:
        """End a ticket or session and return its API key's name; None for all but one who tries."""

    def add_api_key(self, key: ApiKey, secret_digest: bytes) -> None:
        """Record an API key.

        Raises:
            ConflictError: The name is taken.
        """

    def revoke_api_key(self, name: str) -> bool:
        """Withdraw an API key; return False if there is none."""


class Store(LoggedStore, Protocol):
    """Where work is done."""

    def catalogue_hint(self) -> Catalogue:
        """Return the newest catalogue that this process knows, without asking the database.

        Settling compares its revision with the one in force and judges again where they differ.
        """

    def decide(self, draft: AnyDraft) -> Future[Decision]:
        """Queue a call; it is settled and committed with others, then the future has the decision.

        Raises:
            StoreUnavailableError: The queue is full, or the writer ended. The future raises it when
                the decision could not be recorded, or when nobody knows whether it was.
        """

    def count_unproven(self, decision: Decision, *, client: str) -> bool:
        """Count a denial at steps 1 to 6 and return True, or return False if it is to be stored.

        One client's denials above 10 a second are only counted, by code and minute, and written
        with the next batch: garbage must not fill the disk or hold up the queue.
        """

    def read(self) -> AbstractContextManager[Reader]:
        """Open a snapshot to read from."""

    def write(self, *, alone: bool | None = False) -> AbstractContextManager[Work]:
        """Open a transaction: committed when the block ends, rolled back when it raises.

        Args:
            alone: Whether it changes standing, so that nothing is settled meanwhile; None: neither.

        Raises:
            StoreUnavailableError: The database is locked, gone or full, at the start or at COMMIT.
        """

    def subscribe(self, heard: Callable[[ApprovalEvent | None], None]) -> Callable[[], None]:
        """Have a function called, from any thread, at each event; return what ends that.

        A hint, even late, twice or never: what a request came to; None if standing may have changed.
        """

    def tell(self, event: ApprovalEvent) -> None:
        """Tell subscribers what happened to a request for approval, after its COMMIT."""

    def close(self) -> None:
        """Release connections."""

    def writer_stats(self) -> tuple[int, WriterStats]:
        """Return how many drafts wait, and what the writer did so far."""
