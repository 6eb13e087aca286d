"""Declares the tables from revision 1. Links are keyed by (root task, id): one tree is one shard.

Status is never stored: a link's standing is computed from its ancestors, and revoking is one row.
Integers that may pass 32 bits are BigInteger, closed sets are text with a CHECK (both are traps of
the engines, see docs/adr/0005-records.md). Nothing validates here: values come from the commands.
"""

from __future__ import annotations

from typing import Final, get_args

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
)
from sqlmodel import Field, Index, SQLModel

from delegation.judge.subject import SubjectKind
from delegation.tokens.evidence import Format

NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# Columns added to stores that were there have a default in the database, and so they have in new ones.
ZERO: Final = {"server_default": "0"}
EMPTY: Final = {"server_default": ""}


def word_check(column: str, *words: str) -> CheckConstraint:
    """Return the rule that a column holds one of a closed set of words of our own."""
    return CheckConstraint(f"{column} IN ({', '.join(map(repr, words))})", name=column)


class Table(SQLModel):
    """The base of every table of this store."""

    metadata = MetaData(naming_convention=NAMING)
    model_config = {"defer_build": True}  # nothing validates here: no start waits for validators


class ToolRow(Table, table=True):
    """One definition of a tool; a revision brings exactly one."""

    __tablename__ = "tool"
    revision: int = Field(primary_key=True, sa_type=BigInteger)
    name: str = Field(index=True)
    definition: str = Field(sa_type=Text)
    at: int = Field(sa_type=BigInteger)


class AgentRow(Table, table=True):
    """A registered agent; the name is its identity."""

    __tablename__ = "agent"
    name: str = Field(primary_key=True)
    claim: str = Field(index=True, unique=True)  # as links carry the name
    owner: str = Field(index=True)
    at: int = Field(sa_type=BigInteger)
    recertify_by: int | None = Field(default=None, sa_type=BigInteger)


class AgentKeyRow(Table, table=True):
    """A registered holder key: it belongs to one agent."""

    __tablename__ = "agent_key"
    key: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    agent: str = Field(foreign_key="agent.name", index=True)
    at: int = Field(sa_type=BigInteger)


class TaskRow(Table, table=True):
    """A task; `root` is the task whose ledger and history it shares."""

    __tablename__ = "task"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'completed', 'failed', 'aborted')", name="state"),
    )
    id: str = Field(primary_key=True)
    root: str = Field(index=True)
    parent: str | None = Field(default=None, foreign_key="task.id", index=True)
    under: str | None = Field(default=None, index=True)
    title: str = Field(sa_type=Text)
    owner: str
    ceiling: str = Field(sa_type=Text)
    state: str = "open"
    opened_at: int = Field(sa_type=BigInteger, index=True)
    deadline: int = Field(sa_type=BigInteger)
    closed_at: int | None = Field(default=None, sa_type=BigInteger)
    inferred: bool = False
    pinned: int | None = Field(default=None, sa_type=BigInteger)
    idle: int | None = Field(default=None, sa_type=BigInteger)
    last_call_at: int | None = Field(default=None, sa_type=BigInteger)
    limits: str | None = Field(default=None, sa_type=Text)
    links: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=ZERO)
    link_minute: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=ZERO)
    minute_links: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=ZERO)
    denial_minute: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=ZERO)
    denials: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=ZERO)
    broken_until: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=ZERO)


class CounterRow(Table, table=True):
    """Units used of a task's ledger or a link's budget."""

    __tablename__ = "counter"
    __table_args__ = (
        CheckConstraint("scope IN ('task', 'link')", name="scope"),
        CheckConstraint("used >= 0 AND used <= lim", name="within"),
    )
    scope: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    unit: str = Field(primary_key=True)
    lim: int = Field(sa_type=BigInteger)
    used: int = Field(sa_type=BigInteger)


class LinkRow(Table, table=True):
    """One delegation. `sequence` is the order in which links were recorded.

    `epoch` is the newest change of standing by then; not known of links that are older than the column.
    `mark` is the same for all links of one line of renewals (`lineage.feed`).
    """

    __tablename__ = "link"
    __table_args__ = (
        UniqueConstraint("id"),
        Index(None, "root", "parent"),
        Index(None, "task", "sequence"),
        Index(None, "mark", "sequence"),
    )
    root: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    sequence: int = Field(sa_type=BigInteger, unique=True)
    task: str = Field(foreign_key="task.id")
    parent: str | None = None
    depth: int = Field(sa_type=Integer)
    holder_key: bytes = Field(sa_column=Column(LargeBinary, nullable=False, index=True))
    holder_name: str
    expires_at: int = Field(sa_type=BigInteger)
    payload: bytes = Field(sa_type=LargeBinary)
    at: int = Field(sa_type=BigInteger)
    mark: bytes = Field(sa_type=LargeBinary)
    epoch: int | None = Field(default=None, sa_type=BigInteger)


class LinkEvidenceRow(Table, table=True):
    """What re-verifies a link's author later, one row for each format it was seen in."""

    __tablename__ = "link_evidence"
    __table_args__ = (word_check("format", *get_args(Format)),)
    link: str = Field(primary_key=True, foreign_key="link.id")
    format: str = Field(primary_key=True)
    block: bytes = Field(sa_type=LargeBinary)
    signature: bytes = Field(sa_type=LargeBinary)
    previous_signature: bytes | None = Field(default=None, sa_type=LargeBinary)


class DecisionRow(Table, table=True):
    """One decision. Arguments, their salt and the proof can be erased; the digest stays."""

    __tablename__ = "decision"
    __table_args__ = (
        CheckConstraint("step IS NULL OR (step >= 1 AND step <= 14)", name="step"),
        CheckConstraint("allowed = (step IS NULL)", name="allowed"),
        Index(None, "task", "sequence"),
        Index(None, "link", "sequence"),
    )
    sequence: int | None = Field(
        default=None,
        sa_column=Column(
            BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
    )
    id: str = Field(unique=True)
    at: int = Field(sa_type=BigInteger)
    task: str | None = None
    link: str | None = None
    links: str = Field(sa_type=Text)
    holder: str
    tool: str
    audience: str
    purpose: str
    allowed: bool
    step: int | None = None
    code: str | None = None
    message: str = Field(sa_type=Text)
    denied_link: str | None = None
    denied_depth: int | None = None
    caveat: str
    detail: str = Field(sa_type=Text)
    remedy: str = Field(sa_type=Text)
    cost: str
    reserved: str = Field(default="", sa_column_kwargs=EMPTY)
    resources: str = Field(sa_type=Text)
    valid_until: int = Field(sa_type=BigInteger)
    steps: str
    claimed_cause: str | None = None
    trace: str | None = Field(default=None, sa_type=Text)
    epoch: int = Field(sa_type=BigInteger)
    catalogue: int = Field(sa_type=BigInteger)
    arguments_digest: bytes = Field(sa_type=LargeBinary)
    arguments_salt: bytes | None = Field(default=None, sa_type=LargeBinary)
    access: str | None = Field(default=None, sa_type=Text)
    arguments: str | None = Field(default=None, sa_type=Text)
    proof: str | None = Field(default=None, sa_type=Text)
    client: str = ""
    approval: str | None = None


class NonceRow(Table, table=True):
    """A proof that was used, remembered twice as long as one stays fresh."""

    __tablename__ = "nonce"
    holder: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    jti: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    at: int = Field(sa_type=BigInteger, index=True)


class RevocationRow(Table, table=True):
    """One change of standing; what it says of its subject holds for everything below that.

    `cause` is the subject with which this one was suspended; empty where it was for itself.
    """

    __tablename__ = "revocation"
    __table_args__ = (
        Index(None, "kind", "id", "epoch"),
        CheckConstraint(f"kind IN ({', '.join(map(repr, get_args(SubjectKind)))})", name="kind"),
        CheckConstraint("act IN ('revoke', 'suspend', 'resume', 'close', 'register')", name="act"),
    )
    epoch: int = Field(primary_key=True, sa_type=BigInteger)
    kind: str
    id: str
    act: str
    by: str
    reason: str = Field(sa_type=Text)
    at: int = Field(sa_type=BigInteger)
    effective_at: int = Field(sa_type=BigInteger)
    cause: str = ""


class ReplicaRow(Table, table=True):
    """A verifier outside the store, and the newest change that it said to have applied."""

    __tablename__ = "replica"
    name: str = Field(primary_key=True)
    by: str = Field(index=True)
    epoch: int = Field(sa_type=BigInteger)
    at: int = Field(sa_type=BigInteger)


class LocalDecisionRow(Table, table=True):
    """What is kept of a decision that a verifier outside the store made and reported later."""

    __tablename__ = "local_decision"
    __table_args__ = (Index(None, "holder", "jti"),)
    decision: str = Field(primary_key=True, foreign_key="decision.id")
    by: str
    holder: bytes = Field(sa_type=LargeBinary)
    jti: bytes = Field(sa_type=LargeBinary)
    epoch: int = Field(sa_type=BigInteger)
    reported_at: int = Field(sa_type=BigInteger)
    conflict_step: int | None = Field(default=None, sa_type=Integer, index=True)
    conflict_code: str | None = None
    conflict: str = Field(default="", sa_type=Text)


class RenewalRow(Table, table=True):
    """A link that was made in place of another, for the same holder and grant.

    `line` is the first link of all that renew one another: what they may spend, they share.
    """

    __tablename__ = "renewal"
    link: str = Field(primary_key=True, foreign_key="link.id")
    renews: str = Field(foreign_key="link.id", index=True)
    line: str = Field(index=True)
    at: int = Field(sa_type=BigInteger)


class NumberRow(Table, table=True):
    """A number that only grows; see `records.engine.numbers`."""

    __tablename__ = "numbers"
    name: str = Field(primary_key=True)
    n: int = Field(sa_type=BigInteger)


class BatchRow(Table, table=True):
    """A batch of decisions that was committed, so that a doubtful COMMIT is never repeated blindly."""

    __tablename__ = "batch"
    id: str = Field(primary_key=True)
    attempt: int = Field(sa_type=Integer)
    at: int = Field(sa_type=BigInteger, index=True)


class RequestRow(Table, table=True):
    """An idempotency key that a caller used, with the decision that it got."""

    __tablename__ = "request"
    caller: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    digest: bytes = Field(sa_type=LargeBinary)
    decision: str
    at: int = Field(sa_type=BigInteger, index=True)


class OutcomeRow(Table, table=True):
    """What the service that executes calls says became of one; a claim of that service."""

    __tablename__ = "outcome"
    __table_args__ = (
        CheckConstraint("state IN ('executed', 'failed', 'not_executed')", name="state"),
    )
    decision: str = Field(primary_key=True, foreign_key="decision.id")
    state: str
    detail: str = Field(sa_type=Text)
    by: str
    at: int = Field(sa_type=BigInteger)


class AnnouncedRow(Table, table=True):
    """The text of an announced token, so that its leaf's id may be sent in its place."""

    __tablename__ = "announced"
    link: str = Field(primary_key=True)
    digest: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    text: str = Field(sa_type=Text)
    expires_at: int = Field(sa_type=BigInteger, index=True)


class ReservationRow(Table, table=True):
    """A cost that was charged at most until the service told it; what was told stays beside it."""

    __tablename__ = "reservation"
    __table_args__ = (
        CheckConstraint("settled IS NULL OR (settled >= 0 AND settled <= amount)", name="settled"),
    )
    decision: str = Field(primary_key=True, foreign_key="decision.id")
    unit: str = Field(primary_key=True)
    amount: int = Field(sa_type=BigInteger)
    counters: str = Field(sa_type=Text)
    expires_at: int = Field(sa_type=BigInteger)
    settled: int | None = Field(default=None, sa_type=BigInteger)
    by: str = ""
    at: int = Field(default=0, sa_type=BigInteger)


class UnprovenCountRow(Table, table=True):
    """How many denials at steps 1 to 6 were only counted, by minute and code."""

    __tablename__ = "unproven_count"
    minute: int = Field(primary_key=True, sa_type=BigInteger)
    code: str = Field(primary_key=True)
    count: int = Field(sa_type=BigInteger)


class KeptDenialRow(Table, table=True):
    """The next turn, in microseconds of Unix time, of a holder's or task's denials that are kept whole."""

    __tablename__ = "kept_denial"
    id: str = Field(primary_key=True)
    turn: int = Field(sa_type=BigInteger, index=True)


# The same tables as SQLAlchemy Core sees them: statements are written in Core.
TOOLS: Final = Table.metadata.tables["tool"]
TASKS: Final = Table.metadata.tables["task"]
DECISIONS: Final = Table.metadata.tables["decision"]
LINKS: Final = Table.metadata.tables["link"]
EVIDENCE: Final = Table.metadata.tables["link_evidence"]
REVOCATIONS: Final = Table.metadata.tables["revocation"]
COUNTERS: Final = Table.metadata.tables["counter"]
AGENTS: Final = Table.metadata.tables["agent"]
AGENT_KEYS: Final = Table.metadata.tables["agent_key"]
OUTCOMES: Final = Table.metadata.tables["outcome"]
RESERVATIONS: Final = Table.metadata.tables["reservation"]
ANNOUNCED: Final = Table.metadata.tables["announced"]
KEPT_DENIALS: Final = Table.metadata.tables["kept_denial"]
UNPROVEN: Final = Table.metadata.tables["unproven_count"]
NONCES: Final = Table.metadata.tables["nonce"]
REQUESTS: Final = Table.metadata.tables["request"]
BATCHES: Final = Table.metadata.tables["batch"]
NUMBERS: Final = Table.metadata.tables["numbers"]
REPLICAS: Final = Table.metadata.tables["replica"]
LOCAL_DECISIONS: Final = Table.metadata.tables["local_decision"]
RENEWALS: Final = Table.metadata.tables["renewal"]
