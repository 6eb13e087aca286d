"""Opens the SQL store, checks the schema's revision, hands out snapshots and transactions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from typing_extensions import override

from delegation.authority.catalogue import Catalogue
from delegation.commands.draft import AnyDraft
from delegation.commands.readiness import Reason
from delegation.commands.retention import By, Erasure
from delegation.commands.retry import tried_again, within
from delegation.commands.ring import RingSource
from delegation.commands.work import KEPT_DENIALS, Store, WriterStats
from delegation.errors import StoreUnavailableError
from delegation.identity.approval import ApprovalEvent
from delegation.identity.keyring import KeyRing
from delegation.judge.decision import Decision
from delegation.judge.limits import DEFAULTS, Limits
from delegation.records.background import Background
from delegation.records.engine.database import Database
from delegation.records.engine.revision import SchemaChangedError
from delegation.records.journal.file import JournalFile
from delegation.records.journal.journal import Journal
from delegation.records.lineage.caches import Caches
from delegation.records.log import erasing
from delegation.records.log.desk import SqlLogDesk
from delegation.records.reader import SqlReader
from delegation.records.readiness import look
from delegation.records.revocation.endings import note_endings
from delegation.records.revocation.notifier import Notifier
from delegation.records.ring_book import RingBook
from delegation.records.schema.migrate import prepare
from delegation.records.settling.unproven import UnprovenGate
from delegation.records.settling.writer import DecisionWriter
from delegation.records.signer import note_ring, signs_for
from delegation.records.work import SqlWork

_LOG: Final = logging.getLogger("delegation.records")
_OPENING_SECONDS: Final = 5.0  # a server that ends its connections takes others
_SCHEMA_SECONDS: Final = 0.5  # between two looks at the revision of a process that writes nothing


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
        if alone or work.endings:
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
    def watch_schema(self, changed: Callable[[], object]) -> None:
        database = self._database

        def look() -> None:
            try:
                with database.reading() as connection:
                    database.revision.look(connection)
            except SchemaChangedError:
                changed()
            except StoreUnavailableError:
                pass  # said by readiness; what writes looks again

        self.keep("schema", _SCHEMA_SECONDS, look)

    @override
    def erase(self, *, before: int, most: int, at: int, by: By) -> int:
        count = self._erase(before, most, at, by)
        if count and not erasing.empty_wal(self._database):
            _LOG.warning("what was erased stands in the WAL until nobody reads from it any more")
        return count

    @tried_again
    def _erase(self, before: int, most: int, at: int, by: By) -> int:
        with self._database.writing() as connection:
            return erasing.erase_before(connection, before, most, at=at, by=by)

    @override
    def erasable(self, before: int) -> int:
        with self._database.reading() as connection:
            return erasing.erasable(connection, before)

    @override
    def erasures(self) -> list[Erasure]:
        with self._database.reading() as connection:
            return erasing.erasures(connection)

    @override
    def newest_decision(self) -> int:
        with self._database.reading() as connection:
            return erasing.newest_decision(connection)

    @override
    @tried_again
    def erasing_time(self, at: int | None = None) -> int:
        if at is None:
            with self._database.reading() as connection:
                return erasing.erasing_time(connection)
        with self._database.writing() as connection:
            erasing.set_erasing_time(connection, at)
        return at

    @override
    def reasons(self, at: int, clock: Callable[[], int] | None) -> list[Reason]:
        failing = [
            Reason("chore_failing", f"A chore fails and is tried again: {one.name}.",
                   "Look at the log of the service.", blocks=False)
            for one in self._keepers if one.is_failing and one.name != "log"  # it says more by itself
        ]  # fmt: skip
        return failing + look(self._database, self.writer, at, clock)

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
