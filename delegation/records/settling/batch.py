"""Settles one batch: reads facts, settles calls in their order, writes everything.

The order of statements is the order of locks, the same in every process: the batch's marker, the
gate of standing, idempotency keys, nonces, links, histories, tasks' approvals, counters, paces, counts
of denials, rows of tasks, sums of histories, numbers, of endings last. Counters and paces are made
before any of them is locked. A fixed lock order prevents deadlock. What no call has a rule for is
neither read nor locked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, bindparam, select

from delegation.authority.alias import RESERVED_PREFIX
from delegation.canonical import b64u
from delegation.commands.draft import AnyDraft, Draft, UnprovenDraft
from delegation.errors import ClockError, IdempotencyError, UnknownOutcomeError
from delegation.identity.proof import nonces_are_known
from delegation.judge.decision import Decision
from delegation.judge.reservation import Reservation
from delegation.judge.settle import Settlement
from delegation.judge.standing import FOR_GOOD
from delegation.records.engine.database import upsert
from delegation.records.engine.numbers import take_number
from delegation.records.lineage import decisions
from delegation.records.lineage.caches import Caches
from delegation.records.lineage.links import RecordedLink, record_links
from delegation.records.lineage.renewals import lines_of
from delegation.records.log.erasing import ERASED
from delegation.records.log.leaves import log_decisions
from delegation.records.revocation.endings import Ending, note_endings
from delegation.records.settling.approvals import ApprovalBook
from delegation.records.settling.claims import claim_nonces, claim_requests
from delegation.records.settling.creation_limits import CreationLimits
from delegation.records.settling.facts import BatchFacts, lock_counters, read_facts, write_charges
from delegation.records.settling.kept_denials import Asker, Denied, shorten, spent
from delegation.records.settling.rate import write_turns
from delegation.records.settling.reservation import keep_reservations
from delegation.records.tables.records import DECISIONS, UNPROVEN

Outcome: TypeAlias = Decision | Exception
Counts: TypeAlias = Mapping[tuple[int, str], int]  # (minute, code): how many

_PASSED: Final = frozenset({"expired", "task_expired"})  # a link may be shown after its time
NO_DETAIL: Final = ERASED["detail"]
_FIRST: Final = select(DECISIONS).where(DECISIONS.c.id.in_(bindparam("ids", expanding=True)))


def read_back(connection: Connection, drafts: Sequence[AnyDraft]) -> list[Outcome] | None:
    """Return what an earlier attempt decided about the same drafts, None if none has a record.

    A draft without a record of its own repeated an earlier answer or was refused; which of the two
    is found by asking again, so its caller is told that it is unknown.
    """
    ids = [id_of(draft) for draft in drafts]
    found = {
        r.id: decisions.detail_of(r).decision for r in connection.execute(_FIRST, {"ids": ids})
    }
    return [found.get(name) or UnknownOutcomeError() for name in ids] if found else None


def settle_batch(
    connection: Connection,
    drafts: Sequence[AnyDraft],
    caches: Caches,
    counts: Counts,
    endings: list[Ending] | None = None,
) -> list[Outcome]:
    """Settle and write the drafts; return what each of them gets once this is committed.

    Args:
        connection: A transaction that writes, with the gate taken.
        drafts: In the order they came.
        caches: What this process keeps between batches.
        counts: Unproven denials that are only counted.
        endings: Takes what was used up, where more is written after it; else it is noted at once.
    """
    queries = [draft.query for draft in drafts if isinstance(draft, Draft)]
    facts = read_facts(connection, queries, caches)
    numbers = facts.known.numbers
    catalogue = caches.catalogue.held
    if catalogue.revision != numbers["catalogue"]:
        catalogue = caches.catalogue.at(connection, numbers["catalogue"])
    round_ = _Round(connection, caches, facts)
    for place, draft in enumerate(drafts):
        if isinstance(draft, UnprovenDraft):
            row = decisions.row_of(
                draft.decision,
                epoch=numbers["epoch"], catalogue=draft.catalogue, client=draft.client,
            )  # fmt: skip
            round_.write(place, draft.decision, row)
        elif not nonces_are_known(draft.at, numbers["nonces_before"]):
            round_.outcomes[place] = ClockError()
        elif draft.rejudge is not None and draft.catalogue != catalogue.revision:
            # A tool was redefined since the call was judged: the definitions in force decide.
            round_.proven[place] = draft.rejudge(catalogue)
        else:
            round_.proven[place] = draft
    round_.settle()
    round_.finish(counts)
    used = [] if facts.approvals is None else facts.approvals.endings
    if endings is None:
        if used:
            note_endings(connection, used)
    else:
        endings += used
    return [round_.outcomes[place] for place in range(len(drafts))]


class _Round:
    """The work on one batch."""

    def __init__(self, connection: Connection, caches: Caches, facts: BatchFacts) -> None:
        self._connection = connection
        self._caches = caches
        self._facts = facts
        self.proven: dict[int, Draft] = {}
        self.outcomes: dict[int, Outcome] = {}
        self._rows: list[tuple[int, dict[str, Any]]] = []
        self._denied: list[Denied] = []
        self._reservations: list[Reservation] = []

    def write(self, place: int, decision: Decision, row: dict[str, Any]) -> None:
        """Keep a decision's row for the one INSERT at the end."""
        self.outcomes[place] = decision
        self._rows.append((place, row))

    def settle(self) -> None:
        """Settle all proven calls."""
        if not self.proven:
            return
        first_answers, followers = self._claim_requests()
        fresh = self._claim_nonces(first_answers, followers)
        queries = [draft.query for draft in self.proven.values()]
        facts, connection = self._facts, self._connection
        self._record_links(facts)
        facts.open_histories(connection, queries, settles=True)
        asked = [(query, facts.line(query)) for query in queries if query.approval is not None]
        if asked:
            roots = {task: row.root for task, row in facts.known.tasks.items()}
            facts.approvals = ApprovalBook.locked(connection, asked, roots)
        lock_counters(connection, queries, facts)
        for place, draft in self.proven.items():
            if place in self.outcomes:
                continue
            try:
                self._settle_one(place, draft, facts, fresh, first_answers, followers)
            except Exception as error:  # noqa: BLE001  # one call's fault must not doom its neighbours
                self.outcomes[place] = error

    def _settle_one(
        self,
        place: int,
        draft: Draft,
        facts: BatchFacts,
        fresh: set[int],
        first_answers: Mapping[int, Decision],
        followers: Mapping[int, int],
    ) -> None:
        first: Outcome | None = first_answers.get(place)
        if place in followers:
            first = self.outcomes[followers[place]]
        if isinstance(first, Exception):
            raise first
        if first is not None and draft.repeatable is not None:
            known = facts.of(draft.query, is_nonce_used=False)
            now_denied = draft.repeatable.again(first, known)
            if now_denied is None:
                self.outcomes[place] = first
            else:
                self._write_settled(place, draft, now_denied)
            return
        settlement = draft.settle(facts.of(draft.query, is_nonce_used=place not in fresh))
        # The row first: what cannot be recorded is not charged either.
        self._write_settled(place, draft, settlement)
        facts.charge(draft.query, settlement)
        self._reservations += settlement.reservations

    def _write_settled(self, place: int, draft: Draft, settlement: Settlement) -> None:
        row = decisions.proven_row(
            settlement,
            draft.access,
            draft.verified.proof.text,
            catalogue=draft.catalogue,
            client=draft.client,
        )
        self.write(place, settlement.decision, row)
        # Whom people are asked for keeps what they are to see; how many that are is bounded.
        if settlement.ruling.opens is None and (
            settlement.decision.denial is not None or self._is_idle(draft)
        ):
            self._denied.append(self._denial(draft, row))

    def _denial(self, draft: Draft, row: dict[str, Any]) -> Denied:
        code, tool = row["code"] or "", draft.access.tool
        return Denied(self._place(draft), (draft.query.chain.leaf.id, code, tool), row)

    def _place(self, draft: Draft) -> Asker:
        """Return who asks, and by which line."""
        query = draft.query
        links = self._facts.line(query).links
        holder = b64u(query.chain.leaf.holder_key)
        return Asker(holder, self._root_of(draft), tuple(link.id for link in links)[1:])

    def _is_idle(self, draft: Draft) -> bool:
        """Return whether this is a request to the service under what is ended: it lets nobody call."""
        is_request = draft.access.tool.startswith(RESERVED_PREFIX)
        return is_request and self._facts.ends(draft.query) is not None

    def _root_of(self, draft: Draft) -> str:
        task = draft.query.chain.origin.task
        known = self._facts.known.tasks.get(task)
        return str(task) if known is None else known.root

    def _shorten(self) -> None:
        """Leave out what comes faster than it is kept, and answer with what is kept."""
        short = shorten(self._connection, self._denied, rate=self._caches.kept_denials)
        self._caches.shortened += len(short)
        bare = {one.row["id"] for one in short if one.row["detail"] == NO_DETAIL}
        for place, outcome in self.outcomes.items():
            if isinstance(outcome, Decision) and outcome.denial is not None and outcome.id in bare:
                denial = replace(outcome.denial, offered=None, allowed=None, allowed_in_words="")
                self.outcomes[place] = replace(outcome, denial=denial)

    def _claim_requests(self) -> tuple[dict[int, Decision], dict[int, int]]:
        """Claim idempotency keys; return first answers, and who waits for an earlier one here."""
        claims: dict[tuple[str, str], tuple[int, bytes]] = {}
        followers: dict[int, int] = {}
        for place, draft in self.proven.items():
            asked = draft.repeatable
            if asked is None:
                continue
            earlier = claims.setdefault((asked.caller, asked.key), (place, asked.digest))
            if earlier[0] != place:
                if earlier[1] == asked.digest:
                    followers[place] = earlier[0]
                else:
                    self.outcomes[place] = IdempotencyError()
        if not claims:
            return {}, followers
        owners = claim_requests(
            self._connection,
            [
                (caller, key, digest, self.proven[place].id, self.proven[place].at)
                for (caller, key), (place, digest) in claims.items()
            ],
        )
        lost: dict[int, str] = {}
        for claim, (place, digest) in claims.items():
            owner_digest, owner = owners[claim]
            if owner == self.proven[place].id:
                continue
            if owner_digest != digest:
                self.outcomes[place] = IdempotencyError()
            else:
                lost[place] = owner
        if not lost:
            return {}, followers
        stored = {
            row.id: decisions.detail_of(row).decision
            for row in self._connection.execute(_FIRST, {"ids": list(set(lost.values()))})
        }
        for place, name in lost.items():
            if name not in stored:
                self.outcomes[place] = UnknownOutcomeError()
        return {place: stored[name] for place, name in lost.items() if name in stored}, followers

    def _claim_nonces(
        self, first_answers: Mapping[int, Decision], followers: Mapping[int, int]
    ) -> set[int]:
        """Return the places whose nonce nobody had used; a repeated request has used its own."""
        claims: dict[tuple[bytes, bytes], int] = {}
        for place, draft in self.proven.items():
            if place in self.outcomes or place in first_answers or place in followers:
                continue
            holder = draft.query.chain.leaf.holder_key
            claims.setdefault((holder, draft.query.nonce), place)
        if not claims:
            return set()
        won = claim_nonces(
            self._connection,
            [(holder, jti, self.proven[place].at) for (holder, jti), place in claims.items()],
        )
        return {place for claim, place in claims.items() if claim in won}

    def _record_links(self, facts: BatchFacts) -> None:
        """Record links seen for the first time, of chains whose root was issued here."""
        known = facts.known
        unseen = {
            place: draft
            for place, draft in self.proven.items()
            # A chain comes whole: who has its leaf has all above it.
            if (draft.query.chain.leaf.id, draft.verified.evidence[-1].format) not in known.seen
        }
        if not unseen:
            return
        new: dict[tuple[str, str], RecordedLink] = {}
        unwanted, over = self._unwanted(facts)
        for place, draft in unseen.items():
            if place in unwanted:
                continue
            chain, evidence = draft.query.chain, draft.verified.evidence
            leaf = (chain.leaf.id, evidence[-1].format)
            if leaf in new or not facts.is_root_recorded(draft.query):
                continue
            task = chain.origin.task
            root = known.tasks[task].root
            for depth, (link, proof) in enumerate(zip(chain.links, evidence, strict=True)):
                found = RecordedLink(task, depth, draft.at, link, proof, root)
                new.setdefault((link.id, proof.format), found)
        strange = {
            one.link.id: facts.newcomer(one, counts=one.link.id not in over)
            for one in new.values()
            if one.link.id not in known.recorded
        }
        fresh = [one for one in strange.values() if one.bounds]
        facts.growth = growth = CreationLimits()
        admitted = growth.admit(self._connection, fresh)
        held = admitted | known.recorded.keys()
        wanted = [one for one in new.values() if one.link.id in held]
        known.recorded.update(record_links(self._connection, wanted))
        if admitted:
            known.renewed.update(lines_of(self._connection, sorted(admitted)))

    def _unwanted(self, facts: BatchFacts) -> tuple[set[int], set[str]]:
        """Return calls whose new links are not recorded, and new links that nothing brings back.

        Links are made offline, and a holder whose own was ended makes as many as it likes below it.
        Under what was ended for good they are recorded up to the rate at which denials are kept, and
        use up nobody's growth. Under what may stand again (suspended, frozen) they are not: then the
        first call that stands records and counts them. To show one is a request, and refused.
        """
        denied: dict[int, Asker] = {}
        unwanted: set[int] = set()
        over: set[str] = set()
        for place, draft in self.proven.items():
            query = draft.query
            if draft.is_reported or query.chain.leaf.id in facts.known.recorded:
                continue
            ended = facts.ends(query)
            if ended is not None:
                is_request = draft.access.tool.startswith(RESERVED_PREFIX)
                if ended.code not in (_PASSED if is_request else FOR_GOOD):
                    unwanted.add(place)
                    continue
                over.update(link.id for link in query.chain.links[ended.depth or 0 :])
            if draft.is_denied or ended is not None:
                denied[place] = self._place(draft)
        if denied:
            used_up = spent(
                self._connection,
                list(denied.values()),
                at=max(self.proven[place].at for place in denied),
                rate=self._caches.kept_denials,
            )
            unwanted.update(place for place, asker in denied.items() if asker in used_up)
        return unwanted, over

    def finish(self, counts: Counts) -> None:
        """Write charges, counts and decisions; the decisions' numbers are taken last."""
        connection, facts = self._connection, self._facts
        if facts.touched:
            write_charges(connection, facts.touched)
        if facts.turned:
            write_turns(connection, facts.turned)
        if self._denied:
            self._shorten()
        if facts.growth is not None:
            facts.growth.write(connection)
        if facts.histories is not None:
            facts.histories.write(connection)
        if facts.approvals is not None:
            facts.approvals.write(connection)
        for (minute, code), count in sorted(counts.items()):
            added = upsert(self._connection, UNPROVEN).values(minute=minute, code=code, count=count)
            self._connection.execute(
                added.on_conflict_do_update(
                    index_elements=["minute", "code"],
                    set_={"count": UNPROVEN.c.count + added.excluded.count},
                )
            )
        if not self._rows:
            return
        self._rows.sort(key=lambda written: written[0])
        first = take_number(self._connection, "decision", len(self._rows))
        for sequence, (_, row) in enumerate(self._rows, start=first):
            row["sequence"] = sequence
        decisions.insert_all(self._connection, [row for _, row in self._rows])
        if self._reservations:
            keep_reservations(self._connection, self._reservations)
        log_decisions(self._connection, [row for _, row in self._rows])


def id_of(draft: AnyDraft) -> str:
    """Return the id under which the draft's decision will be recorded."""
    return draft.decision.id if isinstance(draft, UnprovenDraft) else draft.id
