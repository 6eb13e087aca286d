"""One transaction that writes: what the deeds record, committed together or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, func, insert, select, update

from delegation import canonical, ed25519
from delegation.authority.catalogue import Tool
from delegation.authority.chain import LINK_ID, Chain
from delegation.authority.fields import matching_text
from delegation.authority.ids import LinkId, TaskId
from delegation.authority.resource_labels import ResourceLabels
from delegation.canonical import Json
from delegation.errors import ConflictError, MalformedError, NotFoundError
from delegation.identity.proof import token_digest
from delegation.judge.decision import Decision
from delegation.judge.facts import Subject
from delegation.lineage.entry import TaskState
from delegation.records import logins
from delegation.records.batch import settle_batch
from delegation.records.database import upsert
from delegation.records.flow import keep_history
from delegation.records.growth import Growth
from delegation.records.links import RecordedLink, record_links
from delegation.records.numbers import take_number
from delegation.records.reader import SqlReader, revocation_of
from delegation.records.shelves import Shelves
from delegation.records.tables import (
    AGENT_KEYS,
    AGENTS,
    ANNOUNCED,
    API_KEYS,
    COUNTERS,
    DECISIONS,
    OUTCOMES,
    RESOURCE_LABELS,
    REVOCATIONS,
    TASKS,
    TOOLS,
)
from delegation.records.tasks import read_tasks
from delegation.tokens.evidence import LinkEvidence
from delegation.tracker.draft import Draft
from delegation.tracker.work import (
    Agent,
    ApiKey,
    Login,
    LoginKind,
    NewTask,
    OutcomeReport,
    Revocation,
)

_COUNTS: Final = (
    "links", "link_minute", "minute_links", "denial_minute", "denials", "broken_until",
)  # fmt: skip
MAX_TEXTS: Final = 4  # announced token texts of one leaf


class SqlWork(SqlReader):
    """See `tracker.work.Work`, whose sentences hold here.

    Args:
        connection: An open transaction that writes.
        shelves: What this process keeps between transactions.
    """

    def __init__(self, connection: Connection, shelves: Shelves) -> None:
        """Write through this connection; the caller commits."""
        super().__init__(connection, shelves)

    def add_tool(self, tool: Tool, *, at: int) -> int:
        """Record a definition as a new catalogue revision and return its number."""
        take_number(self._connection, "catalogue", 0)  # locked, so that two processes take turns
        catalogue = self.catalogue()
        if catalogue.tool(tool.name) == tool:
            return catalogue.revision
        definition = canonical.encode(tool.to_json()).decode()
        revision = take_number(self._connection, "catalogue")
        self._connection.execute(
            insert(TOOLS),
            {"revision": revision, "name": tool.name, "definition": definition, "at": at},
        )
        return revision

    def label_resources(self, entry: ResourceLabels, *, at: int) -> int:
        """Record labels of resources as a new catalogue revision and return its number."""
        take_number(self._connection, "catalogue", 0)
        catalogue = self.catalogue()
        if catalogue.with_resource(entry) is catalogue:
            return catalogue.revision
        revision = take_number(self._connection, "catalogue")
        labels = canonical.encode([*entry.labels]).decode()
        row = {"revision": revision, "pattern": entry.pattern.text, "labels": labels, "at": at}
        self._connection.execute(insert(RESOURCE_LABELS), row)
        return revision

    def add_agent(self, agent: Agent) -> None:
        """Register an agent, or add keys to one with the same owner."""
        owner = self._connection.execute(
            select(AGENTS.c.owner).where(AGENTS.c.name == agent.name)
        ).scalar_one_or_none()
        if owner is None:
            self._connection.execute(
                insert(AGENTS),
                {"name": agent.name, "owner": agent.owner, "at": agent.registered_at},
            )
        elif owner != agent.owner:
            raise ConflictError("An agent of that name has another owner.")
        for key in agent.keys:
            held = self._connection.execute(
                select(AGENT_KEYS.c.agent).where(AGENT_KEYS.c.key == key)
            ).scalar_one_or_none()
            if held is None:
                row = {"key": key, "agent": agent.name, "at": agent.registered_at}
                self._connection.execute(insert(AGENT_KEYS), row)
            elif held != agent.name:
                raise ConflictError("One of the keys is registered to another agent.")

    def open_task(self, task: NewTask) -> None:
        """Record a task with its ledger."""
        parent = None if task.under is None else task.under.origin.task
        self._connection.execute(
            insert(TASKS),
            {
                "id": task.id,
                "root": task.id if parent is None else self._root_of(parent),
                "parent": parent,
                "under": None if task.under is None else task.under.leaf.id,
                "pinned": None if task.under is None else task.under.origin.catalogue,
                "idle": task.idle,
                "limits": None if task.limits is None else _text(task.limits.to_json()),
                "title": task.title,
                "owner": task.owner,
                "ceiling": canonical.encode(task.ceiling.to_json()).decode(),
                "state": "open",
                "opened_at": task.opened_at,
                "deadline": task.deadline,
                "closed_at": None,
                "inferred": task.inferred,
                **dict.fromkeys(_COUNTS, 0),
            },
        )
        for unit, limit in task.ceiling.budget.items():
            row = {"scope": "task", "id": task.id, "unit": unit, "lim": limit, "used": 0}
            self._connection.execute(insert(COUNTERS), row)
        if task.ceiling.flow and parent is None:
            keep_history(self._connection, [task.id])

    def _root_of(self, task: str) -> str:
        found: str = self._connection.execute(
            select(TASKS.c.root).where(TASKS.c.id == task)
        ).scalar_one()
        return found

    def tasks_below_root(self, task: TaskId) -> int:
        """Return how many tasks have this task's root, it and its root included."""
        counted = select(func.count()).where(TASKS.c.root == self._root_of(task))
        return int(self._connection.execute(counted).scalar_one())

    def close_task(self, task: TaskId, state: TaskState, *, at: int) -> bool:
        """Close an open task; return False if it was closed before or is unknown."""
        closed = self._connection.execute(
            update(TASKS)
            .where(TASKS.c.id == task, TASKS.c.state == "open")
            .values(state=state, closed_at=at)
        )
        below = {str(task)}
        while closed.rowcount == 1 and below:
            children = select(TASKS.c.id).where(TASKS.c.parent.in_(below))
            below = set(self._connection.execute(children).scalars())
            open_ = (TASKS.c.id.in_(below), TASKS.c.state == "open")
            self._connection.execute(
                update(TASKS).where(*open_).values(state="aborted", closed_at=at)
            )
        return closed.rowcount == 1

    def record_root(self, chain: Chain, evidence: Sequence[LinkEvidence], *, at: int) -> None:
        """Record a root as it is issued, with its evidence."""
        task = chain.origin.task
        root = RecordedLink(task, 0, at, chain.root, evidence[0], self._root_of(task))
        growth = Growth()
        rows = read_tasks(self._connection, [task], self._shelves.limits)
        growth.admit(self._connection, [root], {task: rows[task].limits})
        if growth.refused:
            raise ConflictError("The task may have no more links.")
        record_links(self._connection, [root])
        growth.write(self._connection)

    def decide(self, draft: Draft) -> Decision:
        """Settle and write one call inside this transaction: a batch of one."""
        (outcome,) = settle_batch(self._connection, [draft], self._shelves, {})
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def add_login(self, login: Login, *, at: int) -> None:
        """Record a ticket or a session, and forget those that are over."""
        logins.add_login(self._connection, login, at=at)

    def take_login(self, digest: bytes, kind: LoginKind, *, at: int) -> str | None:
        """End a ticket or session and return its API key's name; None for all but one who tries."""
        return logins.take_login(self._connection, digest, kind, at=at)

    def keep_announced(self, text: str, link: LinkId, *, expires_at: int) -> None:
        """Keep a token's text under its leaf; at most 4 texts a leaf."""
        kept = select(func.count()).where(ANNOUNCED.c.link == link)
        if self._connection.execute(kept).scalar_one() >= MAX_TEXTS:
            return  # two formats, and some with discharges: more are sent as they are
        row = {"link": link, "digest": token_digest(text), "text": text, "expires_at": expires_at}
        self._connection.execute(
            upsert(self._connection, ANNOUNCED).values(row).on_conflict_do_nothing()
        )

    def report_outcome(self, outcome: OutcomeReport) -> None:
        """Record what became of an allowed call."""
        asked = select(DECISIONS.c.client, DECISIONS.c.allowed).where(
            DECISIONS.c.id == outcome.decision
        )
        row = self._connection.execute(asked).one_or_none()
        if row is None or row.client != outcome.by or not row.allowed:
            # Another service's decision is as unknown to this one as none at all.
            raise NotFoundError("allowed decision", outcome.decision)
        values = {
            "decision": outcome.decision,
            "state": outcome.state,
            "detail": outcome.detail,
            "by": outcome.by,
            "at": outcome.at,
        }
        added = upsert(self._connection, OUTCOMES).on_conflict_do_nothing()
        if self._connection.execute(added, values).rowcount == 1:
            return
        told = select(OUTCOMES.c.state).where(OUTCOMES.c.decision == outcome.decision)
        if self._connection.execute(told).scalar_one() != outcome.state:
            raise ConflictError("Another outcome of this decision was reported before.")

    def revoke(self, subject: Subject, *, by: str, reason: str, at: int) -> Revocation:
        """Record a revocation, or return the one that is there already."""
        query = select(REVOCATIONS).where(
            REVOCATIONS.c.kind == subject.kind, REVOCATIONS.c.id == subject.id
        )
        found = self._connection.execute(query).one_or_none()
        if found is not None:
            return revocation_of(found)
        self._refuse_unknown(subject)
        epoch = take_number(self._connection, "epoch")
        row = {
            "epoch": epoch,
            "kind": subject.kind,
            "id": subject.id,
            "by": by,
            "reason": reason,
            "at": at,
        }
        self._connection.execute(insert(REVOCATIONS), row)
        return Revocation(epoch, subject, by, reason, at)

    def _refuse_unknown(self, subject: Subject) -> None:
        # A key or link may be known to be stolen before it was ever seen here: links are made offline.
        if subject.kind == "key":
            if len(canonical.unb64u(subject.id, what="id")) != ed25519.KEY_BYTES:
                raise MalformedError("id", wanted="a key's 32 bytes as base64url")
            return
        if subject.kind == "link":
            matching_text("id", subject.id, LINK_ID, "a link id")
            return
        column = {"task": TASKS.c.id, "agent": AGENTS.c.name}[subject.kind]
        if self._connection.execute(select(column).where(column == subject.id)).first() is None:
            raise NotFoundError(subject.kind, subject.id)

    def add_api_key(self, key: ApiKey, secret_digest: bytes) -> None:
        """Record an API key."""
        taken = select(API_KEYS.c.name).where(API_KEYS.c.name == key.name)
        if self._connection.execute(taken).first() is not None:
            raise ConflictError("An API key of that name exists.")
        self._connection.execute(
            insert(API_KEYS),
            {
                "name": key.name,
                "digest": secret_digest,
                "role": key.role,
                "audiences": "\n".join(key.audiences),
                "at": key.created_at,
                "is_revoked": False,
            },
        )

    def revoke_api_key(self, name: str) -> bool:
        """Withdraw an API key; return False if there is none."""
        done = self._connection.execute(
            update(API_KEYS).where(API_KEYS.c.name == name).values(is_revoked=True)
        )
        return done.rowcount == 1


def _text(value: Json) -> str:
    return canonical.encode(value).decode()
