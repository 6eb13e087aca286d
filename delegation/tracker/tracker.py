"""Puts library and store together in one process, without a server; the one composition root.

`Client(url)` has the same methods over HTTP. Time and chance enter here and nowhere below.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from threading import get_ident
from typing import Any, Final, Self

from delegation.authority.access import Access
from delegation.authority.grant import Grant
from delegation.authority.ids import DecisionId, TaskId
from delegation.canonical import Json, b64u
from delegation.commands import agents, announce, check, renew, tasks
from delegation.commands.announce import TOKEN, announced_text
from delegation.commands.named import task_id
from delegation.commands.open_child import Opening, open_child
from delegation.commands.plan import Inspection, Plan, inspect, plan
from delegation.commands.ring import FixedRing, RingSource
from delegation.commands.work import (
    KEPT_DENIALS,
    Agent,
    OutcomeReport,
    OutcomeState,
    Store,
    WriterStats,
)
from delegation.identity.keyring import KeyRing, PublicRing
from delegation.identity.principal import PublicKey, public_key
from delegation.identity.receipt import sign_receipt
from delegation.judge.decision import Decision
from delegation.judge.lease import BOUND
from delegation.judge.limits import DEFAULTS, LASTS, Limits
from delegation.lineage.entry import LinkEntry, TaskEntry, TaskState
from delegation.records.store import open_store
from delegation.tokens.prefix_cache import PrefixCache
from delegation.tokens.token import Token
from delegation.tracker.approvals import Approvals
from delegation.tracker.callers import Callers
from delegation.tracker.exports import Exports
from delegation.tracker.log import LogReview
from delegation.tracker.questions import Questions
from delegation.tracker.review import Tools
from delegation.tracker.ring import (
    file_beside,
    held_ring,
    keep_endings,
    memory_of,
    new_ring,
    refuse_other,
    ring_of,
)
from delegation.tracker.rotation import RingReview
from delegation.tracker.standing import Standing

_INSTANT: Final[ContextVar[list[Any] | None]] = ContextVar("instant", default=None)


class Tracker(Approvals, Standing, Tools, Questions, Callers, Exports, LogReview, RingReview):
    """The whole product in one process: tasks, tokens, checks, lineage, revocation.

    Safe to use from several threads. Not done here: HTTP, roles of callers (`delegation_api`).
    """

    def __init__(
        self,
        store: Store,
        ring: KeyRing | RingSource,
        *,
        clock: Callable[[], int] | None = None,
        bound: float = BOUND,
        log_dir: Path | None = None,
        log_memory: Path | None = None,
    ) -> None:
        """Put a tracker together from its parts; most callers want `Tracker.open`.

        Args:
            store: Where everything is kept.
            ring: The issuer's keys, or what holds them while they change.
            clock: Returns Unix seconds; the system's clock if left out.
            bound: Seconds for which verifiers outside the store may rely on what they polled.
            log_dir: Where the log's tiles are written; nowhere if left out.
            log_memory: File in which the ring's log key remembers what it signed.
        """
        told = clock or _now

        def now() -> int:
            held = _INSTANT.get()
            return held[2] if held and held[:2] == [self, get_ident()] else told()

        source = FixedRing(ring) if isinstance(ring, KeyRing) else ring
        super().__init__(check.CheckContext(store, source, PrefixCache(), _new_id), now)
        self.bound = bound
        self._log = store.log_desk(source, folder=log_dir, memory=log_memory)
        self._compares_clocks = clock is None
        # A tracker that is dropped without `close` must not leave its connections open.
        weakref.finalize(self, store.close)
        self._log.look(at=self._clock())

    @classmethod
    def open(
        cls,
        url: str = "sqlite://",
        *,
        issuer: str = "",
        ring: KeyRing | None = None,
        ring_file: Path | str | None = None,
        clock: Callable[[], int] | None = None,
        bound: float = BOUND,
        log_dir: Path | str | None = None,
        log_memory: Path | str | None = None,
        limits: Limits = DEFAULTS,
        kept_denials: int = KEPT_DENIALS,
    ) -> Self:
        """Open a store and its keys.

        Args:
            url: `sqlite://` keeps everything in memory; `sqlite:///file.db` in a file.
            issuer: The URL under which this service issues; part of every root link. Left out: the
                ring's own, `http://localhost` for a new one.
            ring: The keys; those in the file if left out.
            ring_file: Where the keys are kept, mode 0600, made if it does not exist: beside a store
                in a file if left out. A store in memory gets new ones.
            clock: Returns Unix seconds; the system's clock if left out.
            bound: Seconds for which verifiers outside the store may rely on what they polled; the
                same for all processes on one store.
            log_dir: Folder in which the log's tiles and checkpoint are written; they are computed
                where they are asked for if left out.
            log_memory: File in which the log's key remembers what it signed; beside the ring's file
                if left out.
            limits: How any task may grow and how fast it may call; openers only lower them.
            kept_denials: Denials of one holder a minute, and at once, whose arguments and proof are
                kept; all are recorded.

        Raises:
            SchemaRevisionError: The database is at a revision that this program does not know.
            StoreUnavailableError: The database does not answer.
            KeyFileError: The file is readable by others, holds no ring, holds one that does not
                sign for this store or is another issuer's, or is not there although the store was
                used with one; or a server's database was named without a ring.
            ConfigurationError: What was ended before cannot be read from the file beside the ring.
        """
        store, told = open_store(url, limits=limits, kept_denials=kept_denials), clock or _now
        try:
            if ring is not None:
                refuse_other(store, ring, url=url, issuer=issuer)
            elif (ring_file := ring_file or file_beside(store, url)) is not None:
                ring = ring_of(store, Path(ring_file), issuer=issuer, url=url)
            if ring_file is not None and ring is not None:
                keep_endings(store, ring, ring_file, told, _new_number, log_memory, log_dir)
            ring = ring or new_ring(issuer)
            keys = held_ring(store, ring, ring_file, holder=_new_id("hld_"), clock=told)
        except BaseException:
            store.close()
            raise
        folder = None if log_dir is None else Path(log_dir)
        memory = memory_of(log_memory, ring_file)
        return cls(store, keys, clock=clock, bound=bound, log_dir=folder, log_memory=memory)

    def __enter__(self) -> Self:
        """Return the tracker; it is closed when the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the store."""
        self.close()

    def close(self) -> None:
        """Release connections."""
        self.end_exports()
        self.leave_ring()
        self._store.close()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Answer this thread's questions from one snapshot and for one instant while a block runs.

        What is shown together then belongs together. What writes is refused inside (ConflictError).

        Raises:
            StoreUnavailableError: The store does not answer.
        """
        with self._store.snapshot():
            token = _INSTANT.set(held := [self, get_ident(), self._clock()])
            try:
                yield
            finally:
                held.clear()  # a coroutine that was begun inside may go on with a copy of the context
                _INSTANT.reset(token)

    @property
    def issuer(self) -> str:
        """The URL under which this service issues."""
        return self._desk.ring.issuer

    def public_ring(self) -> PublicRing:
        """Return the public keys with which anybody reads this issuer's tokens."""
        return self._desk.ring.public_ring()

    def add_agent(
        self,
        name: str,
        *,
        owner: str,
        keys: Iterable[PublicKey],
        recertify_by: int | None = None,
    ) -> Agent:
        """Register an agent under its owner; see `commands.agents.add_agent`."""
        held = [public_key("keys", key).key for key in keys]
        return agents.add_agent(
            self._store,
            self._desk.ring,
            name,
            owner=owner,
            keys=held,
            at=self._clock(),
            recertify_by=recertify_by,
        )

    def open_task(
        self,
        title: str,
        *,
        owner: str,
        ceiling: Grant,
        lasts: int = LASTS,
        inferred: bool = False,
        unsafe_wildcards: bool = False,
        idle: int | None = None,
        limits: Limits | None = None,
    ) -> TaskEntry:
        """Open a task; see `commands.tasks.open_task`. `lasts` is in seconds."""
        return tasks.open_task(
            self._store,
            title,
            owner=owner,
            ceiling=ceiling,
            lasts=lasts,
            at=self._clock(),
            new_id=_new_id,
            inferred=inferred,
            unsafe_wildcards=unsafe_wildcards,
            idle=idle,
            limits=limits,
        )

    def open_child_task(
        self, token: Token | str, proof: str, opening: Opening
    ) -> tuple[TaskEntry, Token]:
        """Open a task under a holder's link; see `commands.open_child.open_child`."""
        return open_child(self._desk, _text(token), proof, opening, at=self._clock())

    def close_task(
        self, task: TaskEntry | TaskId | str, state: TaskState = "completed"
    ) -> TaskEntry:
        """Close a task; see `commands.tasks.close_task`."""
        return tasks.close_task(self._store, task_id(task), state, at=self._clock())

    def issue(
        self,
        task: TaskEntry | TaskId | str,
        *,
        to: PublicKey,
        grant: Grant | None = None,
        format: str = "biscuit",  # noqa: A002  # the word of the wire, keyword-only
    ) -> Token:
        """Issue a task's root to a holder; see `commands.renew.issue`."""
        return renew.issue(
            self._store,
            self._desk.ring,
            task_id(task),
            to=to,
            grant=grant or Grant(),
            token_format=format,
            at=self._clock(),
        )

    def check(
        self,
        token: Token | str,
        proof: str | None,
        access: Access | Json,
        *,
        client: str = "",
        idempotency_key: str | None = None,
        at_least_epoch: int = 0,
    ) -> Decision:
        """Decide one call and record it; see `commands.check.check`. True only if it is allowed."""
        pending = self.begin_check(
            token,
            proof,
            access,
            client=client,
            idempotency_key=idempotency_key,
            at_least_epoch=at_least_epoch,
        )
        return check.settled(pending)

    def begin_check(
        self,
        token: Token | str,
        proof: str | None,
        access: Access | Json,
        *,
        client: str = "",
        idempotency_key: str | None = None,
        at_least_epoch: int = 0,
    ) -> Future[Decision]:
        """Decide one call; the future has the decision once it is recorded, for event loops.

        Asks the store first where the token is named by its leaf's id; see `announced_text`.
        """
        text = _text(token)
        pending = check.check(
            self._desk,
            text if text.startswith(TOKEN) else self.announced_text(text, proof),
            proof,
            access,
            at=self._clock(),
            client=client,
            idempotency_key=idempotency_key,
            at_least_epoch=at_least_epoch,
        )
        pending.add_done_callback(self._decided)
        return pending

    def plan(
        self, token: Token | str, *, access: Access | None = None, grant: Grant | None = None
    ) -> Plan:
        """Return what a call or a narrower link would come to; see `commands.plan.plan`."""
        return plan(self._desk, _text(token), access=access, narrower=grant, at=self._clock())

    def receipt(self, decision: Decision, audience: str) -> str | None:
        """Return a signed receipt of an allowed decision; None if denied, or without such a key."""
        if not decision.allowed or not self._desk.ring.serves("service"):
            return None
        return sign_receipt(
            self._desk.keys.signing(),
            decision=decision.id,
            tool=decision.tool,
            audience=audience,
            arguments=decision.arguments,
            expires_at=decision.valid_until,
        )

    def report_outcome(
        self,
        decision: DecisionId | str,
        state: OutcomeState,
        *,
        by: str,
        detail: str = "",
        cost: Mapping[str, int] | None = None,
    ) -> None:
        """Record what became of an allowed call; see `commands.check.report_outcome`."""
        report = OutcomeReport(DecisionId(decision), state, detail, by, self._clock(), cost)
        check.report_outcome(self._store, report)

    def writer_stats(self) -> tuple[int, WriterStats]:
        """Return how many decisions wait, and what the writer did so far; for metrics."""
        return self._store.writer_stats()

    def announced_text(self, token: str, proof: str | None) -> str:
        """Return the token that is meant; see `commands.announce.announced_text`."""
        return announced_text(self._store, token, proof)

    def announce(self, token: Token | str, proof: str) -> LinkEntry:
        """Record a token that its holder shows; see `commands.announce.announce`."""
        return announce.announce(self._desk, _text(token), proof, at=self._clock())

    def inspect(self, token: Token | str) -> Inspection:
        """Return what a token says; records nothing, see `commands.plan.inspect`."""
        return inspect(self._desk, _text(token), at=self._clock())


def _now() -> int:
    return int(time.time())


def _new_id(prefix: str) -> str:
    return prefix + b64u(os.urandom(16))


def _new_number() -> int:
    return int.from_bytes(os.urandom(6), "big") + 1


def _text(token: Token | str) -> str:
    return token if isinstance(token, str) else token.text
