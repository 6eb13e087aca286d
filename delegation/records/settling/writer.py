"""Runs the decision writer: one queue and one thread a process, settling what waits together.

No timer: it takes what is there as soon as it is free, so batches grow by themselves under load.
An answer leaves only after COMMIT. A COMMIT in doubt is repeated under the same batch id, whose
marker tells whether it had happened; nothing is charged twice and nothing is believed unrecorded. A
batch that is known to be undone is tried again while the first of its callers still waits.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import ExitStack, contextmanager
from threading import Condition, Event, Thread, current_thread
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from delegation.commands.draft import AnyDraft, Draft
from delegation.commands.retry import SECONDS, Deadline
from delegation.commands.work import WriterStats
from delegation.errors import DelegationError, StoreUnavailableError, UnknownOutcomeError
from delegation.judge.decision import Decision
from delegation.records.engine import postgres
from delegation.records.engine.database import Database
from delegation.records.engine.errors import described, is_fault, is_outage, is_undone
from delegation.records.engine.marker import marked
from delegation.records.engine.revision import SchemaChangedError
from delegation.records.lineage.caches import Caches
from delegation.records.settling.batch import Counts, Outcome, id_of, read_back, settle_batch
from delegation.records.settling.claims import close_off, forget_old

CAPACITY: Final = 4096  # drafts that may wait; more are refused at once
MOST: Final = 512  # drafts in one batch
TRIES: Final = 4  # attempts at a batch whose connection was lost, or whose COMMIT is in doubt
DEADLINE: Final = 8.0  # seconds for all of them, and for which one statement may go unanswered
ANSWER_SECONDS: Final = SECONDS - 2  # from a call to the last attempt at it: its caller still waits
FORGET_SECONDS: Final = 0.5  # how long forgetting waits for its turn: nobody's answer is in it
FORGET_EVERY: Final = 10  # seconds of the service's clock between two rounds of forgetting
WATCH_SECONDS: Final = 1.0  # between two looks whether a batch hangs
COUNT_SECONDS: Final = 1.0  # how long mere counts may wait for a batch to travel with
_LOG: Final = logging.getLogger("delegation.records")


class _DoubtfulError(Exception):
    """The batch may or may not be committed."""


class _LostError(Exception):
    """The connection was lost before COMMIT was sent, or could not be had: nothing is committed."""


class DecisionWriter:
    """Settles queued calls in batches.

    Args:
        database: Where they are written.
        caches: What this process keeps between batches.
    """

    def __init__(self, database: Database, caches: Caches) -> None:
        """Make a writer; its thread begins with the first draft."""
        self.stats = WriterStats()
        self._database = database
        self._caches = caches
        self._queue: deque[tuple[AnyDraft, Future[Decision], float]] = deque()
        self._counts: Counter[tuple[int, str]] = Counter()
        self._wake = Condition()
        self._thread: Thread | None = None
        self._closing = False
        self._closed = Event()
        self._busy_since = 0.0
        self._driver: object = None
        self.is_failing = False  # the last batch could not be committed, and not for its rows
        # Told before the answers that used a consent.
        self.on_used: Callable[[], None] | None = None

    @property
    def depth(self) -> int:
        """How many drafts wait."""
        return len(self._queue)

    def submit(self, draft: AnyDraft) -> Future[Decision]:
        """Queue a draft; see `commands.work.Store.decide`."""
        pending: Future[Decision] = Future()
        with self._wake:
            self._refuse_if_unable()
            self._queue.append((draft, pending, time.monotonic()))
            self._begin()
            self._wake.notify()
        return pending

    def count(self, minute: int, code: str) -> None:
        """Count an unproven denial; it is written with the next batch, or within a second."""
        with self._wake:
            if self._closing:
                return
            self._counts[minute, code] += 1
            self._begin()
            self._wake.notify()

    def _count_again(self, counts: Counts) -> None:
        """Let counts that were not written travel with the next batch."""
        with self._wake:
            if not self._closing:
                self._counts.update(counts)

    @property
    def _hangs(self) -> bool:
        # Of one attempt, once it has its turn: who waits for others to write does not hang.
        since = self._busy_since
        return since > 0 and time.monotonic() - since > DEADLINE

    def _watch(self) -> None:
        """Cut the connection of a batch that hangs, so that those who wait for it are answered.

        The server holds our COMMIT, or is frozen: nothing but closing its connection from here lets
        the writer return, and nobody else may come who would notice.
        """
        while not self._closed.wait(WATCH_SECONDS):
            if self._hangs:
                postgres.cut(self._driver)

    def _refuse_if_unable(self) -> None:
        if self._closing or self._hangs or len(self._queue) >= CAPACITY:
            self.stats.refused += 1
            raise StoreUnavailableError(
                "The store takes no more decisions at present; nothing was decided.",
                remedy="Try again; if it persists, look at the load and at `delegation doctor`.",
            )

    def refuse_if_unable(self) -> None:
        """Raise what `submit` would raise now, for readiness.

        Raises:
            StoreUnavailableError: The queue is full, the writer hangs or has ended.
        """
        with self._wake:
            self._refuse_if_unable()

    def _begin(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            if self._thread is None and not self._database.is_sqlite:
                Thread(target=self._watch, name="delegation-watch", daemon=True).start()
            self._thread = Thread(target=self._run, name="delegation-writer", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Refuse what comes, write what waits, end."""
        with self._wake:
            self._closing = True
            self._wake.notify()
            thread = self._thread
        # A dropped tracker may be closed from here: the collector runs in any thread, this one too.
        if thread is not None and thread is not current_thread():
            thread.join(timeout=DEADLINE + 2)
        self._closed.set()

    def _run(self) -> None:
        while True:
            with self._wake:
                if not self._queue and self._counts and not self._closing:
                    self._wake.wait(COUNT_SECONDS)
                while not (self._queue or self._counts or self._closing):
                    self._wake.wait()
                if not (self._queue or self._counts):
                    return
                waiting = [self._queue.popleft() for _ in range(min(MOST, len(self._queue)))]
                counts, self._counts = self._counts, Counter()
            begun = time.monotonic()
            drafts = [draft for draft, *_ in waiting]
            deadline = Deadline(
                min((came for *_, came in waiting), default=begun) + ANSWER_SECONDS - begun
            )
            try:
                outcomes = self._write(drafts, counts, deadline)
            except Exception as error:  # noqa: BLE001  # the loop must go on; nobody is left waiting
                outcomes = [_refusal(error)] * len(drafts)
                self.stats.failed += len(drafts)
                self.is_failing = is_fault(error)
                if not isinstance(error, UnknownOutcomeError):
                    self._count_again(counts)
            else:
                self.stats.batches += 1
                self.stats.drafts += len(drafts)
                self.is_failing = False
            self._busy_since, self._driver = 0.0, None
            self.stats.seconds += time.monotonic() - begun
            if self.on_used is not None and any(map(_has_used, outcomes)):
                self.on_used()
            for (_, pending, _), outcome in zip(waiting, outcomes, strict=True):
                _resolve(pending, outcome)
            self._forget(max((draft.at for draft in drafts if isinstance(draft, Draft)), default=0))

    def _forget(self, at: int) -> None:
        """Delete claims that nobody can meet any more; nobody's answer waits for it."""
        # By distance: a clock that was ahead and is right again goes on forgetting.
        if not at or self._closed.is_set() or abs(at - self._caches.forgotten_at) < FORGET_EVERY:
            return
        self._caches.forgotten_at = at
        try:
            # Alone: a process whose clock is behind must not win a nonce while it is being forgotten.
            with self._begun(alone=True) as connection:
                nonces_before = close_off(connection, at)
            with self._begun(alone=False) as connection:
                forget_old(connection, at, nonces_before, sure=self._caches.steady.sure(at))
        except Exception as error:  # noqa: BLE001  # the loop must go on; the next round tries again
            _LOG.warning("old claims could not be forgotten: %s", described(error))
        self._busy_since, self._driver = 0.0, None

    @contextmanager
    def _begun(self, *, alone: bool) -> Iterator[Connection]:
        """Open a transaction that the watch can cut, holding the gate alone or not at all."""
        database, deadline = self._database, Deadline(FORGET_SECONDS)
        with ExitStack() as held:
            database.take_turn(held, deadline)
            self._busy_since = time.monotonic()
            chosen = database.to_write(held.enter_context(database.engine.connect()))
            self._driver = chosen.connection.driver_connection
            with database.begin(chosen, deadline):
                database.revision.look(chosen)
                if alone:
                    database.take_gate(chosen, alone=True)
                yield chosen

    def _write(
        self, drafts: Sequence[AnyDraft], counts: Counts, deadline: Deadline
    ) -> Sequence[Outcome]:
        """Write a batch; alone, one by one, if its neighbours' rows are refused by the database."""
        try:
            return self._commit(drafts, counts, deadline)
        except DBAPIError as error:
            if len(drafts) < 2 or is_outage(error):  # noqa: PLR2004  # nothing to divide
                raise
            _LOG.warning("a batch was refused by the database; its calls are written one by one")
            self._count_again(counts)
            outcomes: list[Outcome] = []
            for draft in drafts:
                try:
                    outcomes += self._commit([draft], {}, deadline)
                except SQLAlchemyError as alone:
                    outcomes.append(_refusal(alone))
            return outcomes

    def _commit(
        self, drafts: Sequence[AnyDraft], counts: Counts, deadline: Deadline
    ) -> Sequence[Outcome]:
        # Named by its first call, whose id was drawn before the first attempt; never reused.
        batch = id_of(drafts[0]) if drafts else ""
        lost, ends, in_doubt = 0, time.monotonic() + DEADLINE, False
        while True:
            try:
                return self._attempt(batch, drafts, counts, deadline, in_doubt)
            except SchemaChangedError as error:
                if in_doubt:
                    raise UnknownOutcomeError from error
                raise
            except (_DoubtfulError, _LostError, SQLAlchemyError) as error:
                # Once a COMMIT was in doubt, no later failure makes it certain that nothing is there.
                in_doubt = in_doubt or isinstance(error, _DoubtfulError)
                if in_doubt or isinstance(error, _LostError):
                    lost += 1
                    again = lost < TRIES and time.monotonic() < ends
                    if again:
                        time.sleep(min(0.05 * 4**lost, max(0.0, ends - time.monotonic())))
                else:
                    again = is_undone(error) and deadline.pause()
                if not again:
                    if in_doubt:
                        raise UnknownOutcomeError from error
                    raise
                self.stats.retries += 1

    def _attempt(
        self,
        batch: str,
        drafts: Sequence[AnyDraft],
        counts: Counts,
        deadline: Deadline,
        in_doubt: bool,  # noqa: FBT001  # of an earlier attempt's COMMIT
    ) -> Sequence[Outcome]:
        database = self._database
        with ExitStack() as held:
            self._busy_since = 0.0
            database.take_turn(held, deadline)
            self._busy_since = time.monotonic()
            connection = held.enter_context(_telling_lost_connections(database))
            chosen = database.to_write(connection)
            self._driver = chosen.connection.driver_connection
            transaction = database.begin(chosen, deadline)
            self._busy_since = time.monotonic()
            try:
                outcomes = self._earlier(chosen, batch, drafts, in_doubt=in_doubt)
                if outcomes is None:
                    database.take_gate(chosen, alone=False)
                    self._busy_since = time.monotonic()
                    outcomes = settle_batch(chosen, drafts, self._caches, counts)
                else:
                    self.stats.reused_markers += 1
            except BaseException:
                transaction.rollback()
                self._caches.catalogue.forget()
                raise
            if not database.is_sqlite:
                postgres.forget_warnings(chosen)
            try:
                transaction.commit()
            except SQLAlchemyError as error:
                raise _DoubtfulError from error
            if not database.is_sqlite and postgres.warned(chosen):
                # "canceling wait for synchronous replication": committed here, perhaps nowhere else.
                raise _DoubtfulError
            if database.file is not None:
                database.file.refuse_if_moved(chosen)
            return outcomes

    def _earlier(
        self, connection: Connection, batch: str, drafts: Sequence[AnyDraft], *, in_doubt: bool
    ) -> Sequence[Outcome] | None:
        """Return what an earlier attempt decided that was committed after all, None if none was.

        Of SQLite's one writer no earlier attempt still runs, and what it committed is there: its
        decisions say so. Elsewhere one may run on, and its marker is waited for.

        Raises:
            SchemaChangedError: Another release changed the schema.
        """
        if self._database.is_sqlite:
            self._database.revision.look(connection)
            return read_back(connection, drafts) if in_doubt and drafts else None
        if not drafts:
            self._database.revision.look(connection)
            return None
        if not marked(self._database.revision, connection, batch):
            return None
        return read_back(connection, drafts) or [UnknownOutcomeError()] * len(drafts)


def _has_used(outcome: Outcome) -> bool:
    return isinstance(outcome, Decision) and outcome.allowed and outcome.approval is not None


class _telling_lost_connections:  # noqa: N801  # reads as what it does
    """A connection whose loss is no refusal of a row: the batch is tried again as it is."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None

    def __enter__(self) -> Connection:
        try:
            self._connection = self._database.engine.connect()
        except DBAPIError as error:
            if self._database.is_sqlite or is_undone(error):
                raise
            raise _LostError from error
        return self._connection

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if self._connection is not None:
            self._connection.close()
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise _LostError from error


def _refusal(error: BaseException) -> Exception:
    if isinstance(error, DelegationError):
        return error
    _LOG.warning("a batch of decisions failed: %s", described(error))
    refusal = StoreUnavailableError(
        "The decision could not be recorded, so nothing was allowed.",
        remedy="Try again; if it persists, run `delegation doctor` and look at the disk.",
    )
    refusal.__cause__ = error
    return refusal


def _resolve(pending: Future[Decision], outcome: Outcome) -> None:
    """Answer a waiter; one that is gone does not take its neighbours' answers with it."""
    if pending.done():
        return
    try:
        if isinstance(outcome, Exception):
            pending.set_exception(outcome)
        else:
            pending.set_result(outcome)
    except InvalidStateError:  # cancelled in between
        return
