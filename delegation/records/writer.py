"""One transaction that writes: what the deeds record, committed together or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from delegation import canonical, ed25519
from delegation.authority.access import Access
from delegation.authority.catalogue import Tool
from delegation.authority.chain import LINK_ID, Chain
from delegation.authority.fields import matching_text
from delegation.authority.ids import TaskId
from delegation.errors import ConflictError, MalformedError, NotFoundError
from delegation.identity.proof import MAX_AGE, MAX_AHEAD
from delegation.judge.decision import Decision
from delegation.judge.facts import Facts, Query, Subject
from delegation.judge.settle import Settlement
from delegation.lineage.entry import TaskState
from delegation.records import decisions
from delegation.records.catalogue import TOOLS, CatalogueShelf
from delegation.records.facts import NONCES, read_facts
from delegation.records.reader import (
    AGENT_KEYS,
    AGENTS,
    API_KEYS,
    COUNTERS,
    DECISIONS,
    LINKS,
    REVOCATIONS,
    TASKS,
    UNPROVEN,
    SqlReader,
    revocation_of,
)
from delegation.records.tables import LinkEvidenceRow
from delegation.records.unproven import UnprovenGate
from delegation.tokens.evidence import LinkEvidence
from delegation.tracker.work import Agent, ApiKey, NewTask, Revocation

EVIDENCE = LinkEvidenceRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it for table=True
NONCE_SECONDS: Final = 2 * MAX_AGE + MAX_AHEAD  # longer than any proof of that nonce stays fresh


class SqlWork(SqlReader):
    """See `tracker.work.Work`, whose sentences hold here.

    Args:
        connection: An open transaction that writes.
        shelf: Catalogues that were parsed before.
        gate: What decides whether an unproven denial is stored or counted.
    """

    def __init__(self, connection: Connection, shelf: CatalogueShelf, gate: UnprovenGate) -> None:
        """Write through this connection; the caller commits."""
        super().__init__(connection, shelf)
        self._gate = gate

    def add_tool(self, tool: Tool, *, at: int) -> int:
        """Record a definition as a new catalogue revision and return its number."""
        catalogue = self.catalogue()
        if catalogue.tool(tool.name) == tool:
            return catalogue.revision
        definition = canonical.encode(tool.to_json()).decode()
        revision = catalogue.revision + 1
        self._connection.execute(
            insert(TOOLS),
            {"revision": revision, "name": tool.name, "definition": definition, "at": at},
        )
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
        self._connection.execute(
            insert(TASKS),
            {
                "id": task.id,
                "root": task.id,
                "parent": None,
                "under": None,
                "title": task.title,
                "owner": task.owner,
                "ceiling": canonical.encode(task.ceiling.to_json()).decode(),
                "state": "open",
                "opened_at": task.opened_at,
                "deadline": task.deadline,
                "closed_at": None,
                "inferred": task.inferred,
            },
        )
        for unit, limit in task.ceiling.budget.items():
            row = {"scope": "task", "id": task.id, "unit": unit, "lim": limit, "used": 0}
            self._connection.execute(insert(COUNTERS), row)

    def close_task(self, task: TaskId, state: TaskState, *, at: int) -> bool:
        """Close an open task; return False if it was closed before or is unknown."""
        closed = self._connection.execute(
            update(TASKS)
            .where(TASKS.c.id == task, TASKS.c.state == "open")
            .values(state=state, closed_at=at)
        )
        return closed.rowcount == 1

    def record_links(
        self, chain: Chain, evidence: Sequence[LinkEvidence], *, at: int, issued: bool
    ) -> None:
        """Record the links of a verified chain that are not recorded yet, with their evidence."""
        ids = [link.id for link in chain.links]
        known = set(
            self._connection.execute(select(LINKS.c.id).where(LINKS.c.id.in_(ids))).scalars()
        )
        if not issued and chain.root.id not in known:
            raise ConflictError("The root was never recorded as issued.")
        seen = set(
            self._connection.execute(
                select(EVIDENCE.c.link).where(
                    EVIDENCE.c.link.in_(ids), EVIDENCE.c.format == evidence[0].format
                )
            ).scalars()
        )
        if len(known) == len(ids) == len(seen):
            return
        newest = self._connection.execute(select(func.max(LINKS.c.sequence))).scalar_one()
        sequence = int(newest or 0)
        for depth, (link, proof) in enumerate(zip(chain.links, evidence, strict=True)):
            if link.id not in known:
                sequence += 1
                self._connection.execute(
                    insert(LINKS),
                    {
                        "root": chain.origin.task,
                        "id": link.id,
                        "sequence": sequence,
                        "task": chain.origin.task,
                        "parent": link.parent,
                        "depth": depth,
                        "holder_key": link.holder_key,
                        "holder_name": link.holder_name,
                        "expires_at": link.grant.expires_at,
                        "payload": link.payload,
                        "at": at,
                    },
                )
            if link.id not in seen:
                self._connection.execute(
                    insert(EVIDENCE),
                    {
                        "link": link.id,
                        "format": proof.format,
                        "block": proof.block,
                        "signature": proof.signature,
                        "previous_signature": proof.previous_signature,
                    },
                )

    def facts(self, query: Query) -> Facts:
        """Return what settling a call needs to know, read in this transaction."""
        return read_facts(self._connection, query)

    def record_decision(
        self, settlement: Settlement, access: Access, proof: str, nonce: bytes
    ) -> int:
        """Write a proven decision with its charges and its nonce; return its sequence."""
        decision = settlement.decision
        catalogue = self.catalogue().revision
        row = decisions.proven_row(settlement, access, proof, catalogue=catalogue)
        sequence = self._connection.execute(insert(DECISIONS), row).inserted_primary_key
        for charge in settlement.charges:
            key = charge.key
            added = upsert(COUNTERS).values(
                scope=key.scope, id=key.id, unit=key.unit, lim=charge.limit, used=charge.amount
            )
            # CHECK (used <= lim) is the backstop: it must never fire, and rolls all back if it does.
            self._connection.execute(
                added.on_conflict_do_update(
                    index_elements=["scope", "id", "unit"],
                    set_={"used": COUNTERS.c.used + added.excluded.used},
                )
            )
        self._connection.execute(delete(NONCES).where(NONCES.c.at < decision.at - NONCE_SECONDS))
        held = {"holder": canonical.unb64u(decision.holder), "jti": nonce, "at": decision.at}
        self._connection.execute(upsert(NONCES).on_conflict_do_nothing(), held)
        return int(sequence[0]) if sequence else 0

    def record_unproven(self, decision: Decision, *, client: str) -> int:
        """Write a denial at steps 1 to 6, or count it; return its sequence, or 0 if counted."""
        code = decision.denial.code if decision.denial else ""
        if self._gate.admits(client, decision.at):
            row = decisions.row_of(
                decision, epoch=self.epoch(), catalogue=self.catalogue().revision, client=client
            )
            key = self._connection.execute(insert(DECISIONS), row).inserted_primary_key
            return int(key[0]) if key else 0
        added = upsert(UNPROVEN).values(minute=decision.at // 60, code=code, count=1)
        self._connection.execute(
            added.on_conflict_do_update(
                index_elements=["minute", "code"], set_={"count": UNPROVEN.c.count + 1}
            )
        )
        return 0

    def revoke(self, subject: Subject, *, by: str, reason: str, at: int) -> Revocation:
        """Record a revocation, or return the one that is there already."""
        query = select(REVOCATIONS).where(
            REVOCATIONS.c.kind == subject.kind, REVOCATIONS.c.id == subject.id
        )
        found = self._connection.execute(query).one_or_none()
        if found is not None:
            return revocation_of(found)
        self._refuse_unknown(subject)
        row = {
            "epoch": self.epoch() + 1,
            "kind": subject.kind,
            "id": subject.id,
            "by": by,
            "reason": reason,
            "at": at,
        }
        self._connection.execute(insert(REVOCATIONS), row)
        return Revocation(self.epoch(), subject, by, reason, at)

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
