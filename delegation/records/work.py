"""Writes in one transaction what the commands record, committed together or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, func, insert, select, update
from typing_extensions import override

from delegation import canonical, ed25519, sent_json
from delegation.authority.agent_name import claim_of
from delegation.authority.catalogue import Tool
from delegation.authority.chain import LINK_ID, Chain
from delegation.authority.fields import matching_text
from delegation.authority.ids import LinkId, TaskId
from delegation.authority.refusal import Refusal
from delegation.authority.resource_labels import ResourceLabels
from delegation.canonical import Json, b64u
from delegation.commands.draft import Draft, NewTask
from delegation.commands.work import (
    Agent,
    Login,
    LoginKind,
    OutcomeReport,
    Work,
)
from delegation.errors import ConflictError, MalformedError, NotFoundError
from delegation.identity.proof import token_digest
from delegation.judge.decision import Decision
from delegation.judge.lease import REAP_SECONDS, ReplicaEntry
from delegation.judge.limits import Limits
from delegation.judge.standing import own_subject
from delegation.judge.subject import EVERYTHING, OF_TOOLS, Subject, tools_of
from delegation.lineage.entry import TaskState
from delegation.lineage.feed import Revocation
from delegation.records.engine.database import upsert
from delegation.records.engine.methods import of_connection
from delegation.records.engine.numbers import take_number
from delegation.records.exports.jobs import ExportJobActs
from delegation.records.lineage import line_changes, questions
from delegation.records.lineage.caches import Caches
from delegation.records.lineage.links import RecordedLink, record_links
from delegation.records.lineage.renewals import note_renewal
from delegation.records.lineage.tasks import count_going_on
from delegation.records.people import api_keys, logins, replicas
from delegation.records.people.approvals import ApprovalActs
from delegation.records.reader import SqlReader
from delegation.records.revocation import changes
from delegation.records.revocation.endings import Ending
from delegation.records.revocation.revoked_people import spellings
from delegation.records.ring_book import signing_ring
from delegation.records.settling import in_process as local
from delegation.records.settling.batch import settle_batch
from delegation.records.settling.flow import keep_history
from delegation.records.settling.reservation import settle_reservations
from delegation.records.settling.roots import admit_root, refuse_child
from delegation.records.tables.flow import RESOURCE_LABELS
from delegation.records.tables.people import API_KEYS
from delegation.records.tables.records import (
    AGENT_KEYS,
    AGENTS,
    ANNOUNCED,
    COUNTERS,
    DECISIONS,
    OUTCOMES,
    TASKS,
    TOOLS,
)
from delegation.tokens.evidence import LinkEvidence

_COUNTS: Final = (
    "links", "link_minute", "minute_links", "denial_minute", "denials", "broken_until",
)  # fmt: skip
MAX_TEXTS: Final = 4  # announced token texts of one leaf


class SqlWork(SqlReader, ApprovalActs, ExportJobActs, Work):
    """See `commands.work.Work`, whose sentences hold here.

    Args:
        connection: An open transaction that writes.
        caches: Per-process caches.
    """

    def __init__(self, connection: Connection, caches: Caches) -> None:
        """Write through this connection; the caller commits."""
        super().__init__(connection, caches)
        self.endings: list[Ending] = []

    @override
    def add_tool(self, tool: Tool, *, at: int) -> int:
        take_number(self._connection, "catalogue", 0)  # locked, so that two processes take turns
        catalogue = self.catalogue()
        if catalogue.with_tool(tool) is catalogue:  # again: names may have been taken meanwhile
            return catalogue.revision
        definition = sent_json.text_of(tool.to_json())
        revision = take_number(self._connection, "catalogue")
        self._connection.execute(
            insert(TOOLS),
            {"revision": revision, "name": tool.name, "definition": definition, "at": at},
        )
        self.endings.append(Ending("tool", tool.name, at, body=[revision, tool.to_json()]))
        return revision

    @override
    def label_resources(self, entry: ResourceLabels, *, at: int) -> int:
        take_number(self._connection, "catalogue", 0)
        catalogue = self.catalogue()
        if catalogue.with_resource(entry) is catalogue:
            return catalogue.revision
        revision = take_number(self._connection, "catalogue")
        labels = canonical.encode([*entry.labels]).decode()
        row = {"revision": revision, "pattern": entry.pattern.text, "labels": labels, "at": at}
        self._connection.execute(insert(RESOURCE_LABELS), row)
        self.endings.append(
            Ending("labels", entry.pattern.text, at, body=[revision, [*entry.labels]])
        )
        return revision

    @override
    def add_agent(self, agent: Agent) -> None:
        line_changes.refuse_respelled(self._connection, agent.owner)
        owner = self._connection.execute(
            select(AGENTS.c.owner).where(AGENTS.c.name == agent.name)
        ).scalar_one_or_none()
        if owner is None:
            self._connection.execute(
                insert(AGENTS),
                {
                    "name": agent.name,
                    "claim": claim_of(agent.name),
                    "owner": agent.owner,
                    "at": agent.registered_at,
                    "recertify_by": agent.recertify_by,
                },
            )
        elif owner != agent.owner:
            raise ConflictError("An agent of that name has another owner.")
        elif agent.recertify_by is not None:
            vouched = update(AGENTS).where(AGENTS.c.name == agent.name)
            self._connection.execute(vouched.values(recertify_by=agent.recertify_by))
        for key in agent.keys:
            held = self._connection.execute(
                select(AGENT_KEYS.c.agent).where(AGENT_KEYS.c.key == key)
            ).scalar_one_or_none()
            if held is None:
                row = {"key": key, "agent": agent.name, "at": agent.registered_at}
                self._connection.execute(insert(AGENT_KEYS), row)
            elif held != agent.name:
                raise ConflictError("One of the keys is registered to another agent.")
        # Without its keys, a revocation of the agent would not end what they hold.
        body: list[Json] = [agent.owner, [b64u(key) for key in agent.keys], agent.recertify_by]
        self.endings.append(Ending("agent", agent.name, agent.registered_at, body=body))
        changes.tell(
            self._connection,
            "register",
            Subject("agent", agent.name),
            by="",
            reason="",
            at=agent.registered_at,
        )

    @override
    def open_task(self, task: NewTask) -> None:
        line_changes.refuse_respelled(self._connection, task.owner)
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

    @override
    def tasks_below_root(self, task: TaskId, *, at: int) -> int:
        return count_going_on(self._connection, task, self._caches.limits, at=at)

    @override
    def close_task(self, task: TaskId, state: TaskState, *, at: int) -> bool:
        closed = self._connection.execute(
            update(TASKS)
            .where(TASKS.c.id == task, TASKS.c.state == "open")
            .values(state=state, closed_at=at)
        )
        if closed.rowcount != 1:
            return False
        self._tell_closed(task, state, at)
        below = [str(task)]
        while below:
            children = select(TASKS.c.id, TASKS.c.state).where(TASKS.c.parent.in_(below))
            found = self._connection.execute(children.order_by(TASKS.c.id)).all()
            below = [row.id for row in found]
            ended = [row.id for row in found if row.state == "open"]
            if ended:
                gone = update(TASKS).where(TASKS.c.id.in_(ended))
                self._connection.execute(gone.values(state="aborted", closed_at=at))
            for child in ended:  # who remembers answers about the child hears of it as well
                self._tell_closed(child, "aborted", at)
        return True

    def _tell_closed(self, task: str, state: str, at: int) -> None:
        changes.tell(self._connection, "close", Subject("task", task), by="", reason=state, at=at)

    signing_ring = of_connection(signing_ring)

    @override
    def record_root(self, chain: Chain, evidence: Sequence[LinkEvidence], *, at: int) -> None:
        task = chain.origin.task
        root = RecordedLink(task, 0, at, chain.root, evidence[0], self._root_of(task))
        growth = admit_root(self._connection, self._caches, root)
        if growth.refused:
            raise ConflictError("The task may have no more links.")
        record_links(self._connection, [root])
        growth.write(self._connection)

    @override
    def refuse_child(self, chain: Chain, limits: Limits | None, *, at: int) -> Refusal | None:
        return refuse_child(self._connection, self._caches, chain, limits, at=at)

    @override
    def decide(self, draft: Draft) -> Decision:
        (outcome,) = settle_batch(self._connection, [draft], self._caches, {}, self.endings)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    dismiss = of_connection(questions.dismiss)

    @override
    def add_login(self, login: Login, *, at: int) -> None:
        logins.add_login(self._connection, login, sure=self._caches.steady.sure(at))

    @override
    def take_login(self, digest: bytes, kind: LoginKind, *, at: int) -> str | None:
        name = logins.take_login(self._connection, digest, kind, at=at)
        if name is not None:
            self.endings.append(Ending("logout", b64u(digest), at, at + logins.LONGEST))
        return name

    @override
    def keep_announced(self, text: str, link: LinkId, *, expires_at: int) -> None:
        kept = select(func.count()).where(ANNOUNCED.c.link == link)
        if self._connection.execute(kept).scalar_one() >= MAX_TEXTS:
            return  # two formats, and some with discharges: more are sent as they are
        row = {"link": link, "digest": token_digest(text), "text": text, "expires_at": expires_at}
        self._connection.execute(
            upsert(self._connection, ANNOUNCED).values(row).on_conflict_do_nothing()
        )

    @override
    def report_outcome(self, outcome: OutcomeReport) -> None:
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
        if self._connection.execute(added, values).rowcount != 1:
            told = select(OUTCOMES.c.state).where(OUTCOMES.c.decision == outcome.decision)
            if self._connection.execute(told).scalar_one() != outcome.state:
                raise ConflictError("Another outcome of this decision was reported before.")
        if outcome.cost is not None:
            until = settle_reservations(
                self._connection,
                outcome.decision,
                outcome.cost,
                by=outcome.by,
                at=outcome.at,
            )
            if until:
                body: list[Json] = [outcome.state, outcome.detail, outcome.by, {**outcome.cost}]
                self.endings.append(Ending("settle", outcome.decision, outcome.at, until, body))

    @override
    def revoke(
        self,
        subject: Subject,
        *,
        by: str,
        reason: str,
        at: int,
        effective_at: int | None = None,
    ) -> Revocation:
        subject = self._known(subject)
        return line_changes.revoke(
            self._connection, subject, by=by, reason=reason, at=at, effective_at=effective_at
        )

    @override
    def suspend(self, subject: Subject, *, by: str, reason: str, at: int) -> Revocation:
        subject = self._known(subject)
        return line_changes.suspend(self._connection, subject, by=by, reason=reason, at=at)

    @override
    def resume(self, subject: Subject, *, by: str, reason: str, at: int) -> Revocation:
        subject = own_subject(self.catalogue(), subject)
        return line_changes.resume(self._connection, subject, by=by, reason=reason, at=at)

    def _known(self, subject: Subject) -> Subject:
        # A key or link may be known to be stolen before it was ever seen here: links are made offline.
        # A name is another matter: a revocation of a mistyped one would end nothing and look done.
        subject = own_subject(self.catalogue(), subject)
        if subject.kind == "key":
            if len(canonical.unb64u(subject.id, what="id")) != ed25519.KEY_BYTES:
                raise MalformedError("id", wanted="a key's 32 bytes as base64url")
        elif subject.kind == "link":
            matching_text("id", subject.id, LINK_ID, "a link id")
        elif subject != EVERYTHING and not self._is_known(subject):
            raise NotFoundError(subject.kind, subject.id)
        return subject

    def _is_known(self, subject: Subject) -> bool:
        if subject.kind in OF_TOOLS:
            return bool(tools_of(self.catalogue(), subject))
        if subject.kind == "owner":
            return bool(spellings(self._connection, subject.id))
        column = TASKS.c.id if subject.kind == "task" else AGENTS.c.name
        known = self._connection.execute(select(column).where(column == subject.id))
        return known.first() is not None

    @override
    def rotate_key(self, agent: str, *, old: bytes, new: bytes, at: int) -> None:
        held = select(AGENTS.c.owner).join(AGENT_KEYS, AGENT_KEYS.c.agent == AGENTS.c.name)
        held = held.where(AGENTS.c.name == agent, AGENT_KEYS.c.key == old)
        owner = self._connection.execute(held).scalar_one_or_none()
        if owner is None:
            raise NotFoundError("agent with that key", agent)
        self.add_agent(Agent(agent, owner, (new,), at))

    record_renewal = of_connection(note_renewal)

    add_local = of_connection(local.add_local)

    @override
    def add_replica(self, replica: ReplicaEntry) -> None:
        sure = self._caches.steady.sure(replica.at, REAP_SECONDS)
        replicas.add(self._connection, replica, sure=sure)

    touch_replica = of_connection(replicas.touch)

    remove_replica = of_connection(replicas.remove)

    add_api_key = of_connection(api_keys.add)

    @override
    def revoke_api_key(self, name: str) -> bool:
        gone = update(API_KEYS).where(API_KEYS.c.name == name).values(is_revoked=True)
        made = self._connection.execute(gone.returning(API_KEYS.c.at)).scalar_one_or_none()
        self.endings += [] if made is None else [Ending("withdraw", name, made)]
        return made is not None


def _text(value: Json) -> str:
    return canonical.encode(value).decode()
