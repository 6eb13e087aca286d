"""Opens the SQL store, checks the schema's revision, hands out snapshots and transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from typing_extensions import override

from delegation.authority.catalogue import Catalogue
from delegation.commands.draft import AnyDraft
from delegation.commands.retry import tried_again, within
from delegation.commands.ring import RingSource
from delegation.commands.work import KEPT_DENIALS, Store, WriterStats
from delegation.errors import ClockError
from delegation.identity.approval import ApprovalEvent
from delegation.identity.keyring import KeyRing
from delegation.identity.proof import nonces_are_known
from delegation.judge.decision import Decision
from delegation.judge.limits import DEFAULTS, Limits
from delegation.records.background import Background
from delegation.records.engine.database import Database
from delegation.records.engine.numbers import read_numbers
from delegation.records.journal.file import JournalFile
from delegation.records.journal.journal import Journal
from delegation.records.lineage.caches import Caches
from delegation.records.log.desk import SqlLogDesk
from delegation.records.log.erasing import erase_before
from delegation.records.reader import SqlReader
from delegation.records.revocation.endings import note_endings
from delegation.records.revocation.notifier import Notifier
from delegation.records.ring_book import RingBook
from delegation.records.schema.migrate import prepare
from delegation.records.settling.unproven import UnprovenGate
from delegation.records.settling.writer import DecisionWriter
from delegation.records.signer import note_ring, signs_for
from delegation.records.work import SqlWork

_OPENING_SECONDS: Final = 5.0  # a server that ends its connections takes others


def open_store(
    url: str, *, limits: Limits = DEFAULTS, kept_denials: int = KEPT_DENIALS
) -> SqlStore:
    """Return the store at a URL. An empty database gets its tables; another revision is refused.

    Args:
        url: `sqlite://` in memory, `sqlite:///file`, or `postgresql://user@host/name`.
        limits: How any task may grow and how fast it may call.
        kept_denials: Denials of one holder a minute whose arguments and proof are kept.

    Raises:
        ConfigurationError: The URL names no such database, or the server is not durable.
        SchemaRevisionError: The database is at a revision that this program does not know or that
            must be upgraded first; the message names the command.
        StoreUnavailableError: The database does not answer.
    """
    database = Database(url)
    try:
        with within(_OPENING_SECONDS):
            tried_again(database.refuse_unless_durable)()
        prepare(database)
    except BaseException:
        database.close()
        raise
    return SqlStore(database, limits, kept_denials)


class SqlStore(Store):
    """See `commands.work.Store`."""

    def __init__(
        self, database: Database, limits: Limits = DEFAULTS, kept_denials: int = KEPT_DENIALS
    ) -> None:
        """Use a database whose schema is at this program's revision."""
        self._database = database
        self._caches = Caches(limits=limits, kept_denials=kept_denials)
        self._gate = UnprovenGate()
        self._bell = Notifier(database)
        self.writer = DecisionWriter(database, self._caches)
        self.rings = RingBook(database)
        self._keepers: list[Background] = []
        self._journal: Journal | None = None
        self._clock: Callable[[], int] = int

    def keep_endings(
        self,
        file: Path,
        ring: KeyRing,
        *,
        clock: Callable[[], int],
        draw: Callable[[], int],
        head: Path,
        memory: Path | None = None,
        folder: Path | None = None,
        newest: Callable[[], KeyRing] | None = None,
    ) -> int:
        """Keep what is ended in a file from now on, and tell the database what it has forgotten.

        Args:
            file: Beside the key ring, where no restored database reaches.
            ring: Whose keys seal it.
            clock: Returns Unix seconds.
            draw: Draws the number of a store that has none.
            head: Where is kept how long the file is.
            memory: Where the log's key remembers what it signed.
            folder: Of the log's tiles.
            newest: Returns the ring as its file has it now.

        Returns:
            How much was told again: nothing, unless the database is older than the file.

        Raises:
            ConfigurationError: The file cannot be read, was altered, or was cut.
            StoreUnavailableError: The database does not answer.
        """
        if self.is_memory:  # no backup brings it back
            return 0
        kept, issuer = JournalFile(file, head, ring, newest), ring.issuer
        journal = Journal(
            self._database, self._caches, kept, issuer=issuer, memory=memory, folder=folder
        )
        told = journal.restore(at=clock(), draw=draw)
        self._journal, self._clock = journal, clock
        self.writer.on_used = self._follow
        return told

    def _follow(self) -> None:
        if self._journal is not None:
            self._journal.follow(at=self._clock())

    @override
    def follow_endings(self, *, at: int) -> None:
        if self._journal is not None:
            self._journal.keep(at=at)

    @tried_again
    def accepts(self, ring: KeyRing) -> bool:
        """Return whether a ring signs for this store; the first that is asked about does from then on.

        Args:
            ring: The ring.

        Raises:
            StoreUnavailableError: The database does not answer.
        """
        with self._database.reading() as connection:
            known = signs_for(connection, ring)
        if known is not None:
            return known
        with self._database.writing() as connection:
            note_ring(connection, ring)
            return bool(signs_for(connection, ring))

    @property
    def is_memory(self) -> bool:
        """Whether all is gone with the process."""
        return self._database.is_memory

    @property
    def is_sqlite(self) -> bool:
        """Whether one process at a time writes."""
        return self._database.is_sqlite

    @override
    @contextmanager
    def read(self) -> Iterator[SqlReader]:
        with self._database.reading() as connection:
            yield SqlReader(connection, self._caches)

    @override
    def snapshot(self) -> AbstractContextManager[None]:
        return self._database.snapshot()

    @override
    @contextmanager
    def write(self, *, alone: bool | None = False) -> Iterator[SqlWork]:
        try:
            with self._database.writing(alone=alone) as connection:
                work = SqlWork(connection, self._caches)
                yield work
                note_endings(connection, work.endings)
        except BaseException:
            self._caches.catalogue.forget()
            raise
        if alone or work.endings or work.has_used:
            self._follow()  # on disk before the answer
        if alone:
            self._bell.ring()

    @override
    def catalogue_hint(self) -> Catalogue:
        return self._caches.catalogue.held

    @override
    def decide(self, draft: AnyDraft) -> Future[Decision]:
        self._database.refuse_inside_snapshot()
        return self.writer.submit(draft)

    @override
    def count_unproven(self, decision: Decision, *, client: str) -> bool:
        denial = decision.denial
        if denial is None or self._gate.admits(client, denial, decision.at):
            return False
        self.writer.count(decision.at // 60, denial.code)
        return True

    @override
    def writer_stats(self) -> tuple[int, WriterStats]:
        return self.writer.depth, replace(self.writer.stats, shortened=self._caches.shortened)

    @override
    def log_desk(self, keys: RingSource, *, folder: Path | None, memory: Path | None) -> SqlLogDesk:
        return SqlLogDesk(self._database, keys, folder=folder, memory=memory)

    @override
    def keep(
        self, name: str, seconds: float, chore: Callable[[], object], *, at_end: bool = False
    ) -> None:
        self._keepers.append(Background(name, seconds, chore, at_end=at_end))

    @override
    @tried_again
    def erase(self, *, before: int, most: int) -> int:
        with self._database.writing() as connection:
            return erase_before(connection, before, most)

    @override
    def ping(self, at: int) -> None:
        with self._database.reading() as connection:
            if not nonces_are_known(at, read_numbers(connection)["nonces_before"]):
                raise ClockError
        self.writer.refuse_if_unable()

    @override
    def subscribe(self, heard: Callable[[ApprovalEvent | None], None]) -> Callable[[], None]:
        return self._bell.subscribe(heard)

    @override
    def tell(self, event: ApprovalEvent) -> None:
        self._bell.ring(event)

    @override
    def close(self) -> None:
        self._bell.close()
        self.writer.close()
        for keeper in self._keepers:
            keeper.close()
        self._database.close()
