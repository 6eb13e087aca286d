"""Reads a store's log, keeps it up to date, and compares it with the records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from delegation.commands.log import LogStatus
from delegation.commands.ring import RingSource
from delegation.records.engine.database import Database
from delegation.records.log.log import SqlLog, first_record, read_state
from delegation.records.log.publish import Publisher
from delegation.records.log.scan import compare
from delegation.transparency.audit import Finding
from delegation.transparency.checkpoint import origin_of


class SqlLogDesk:
    """See `commands.log.LogDesk`, whose sentences hold here."""

    def __init__(
        self,
        database: Database,
        keys: RingSource,
        *,
        folder: Path | None,
        memory: Path | None,
    ) -> None:
        """Use this database and these keys."""
        self._database = database
        self._issuer = keys.ring.issuer
        self.publisher = Publisher(database, keys, folder=folder, memory=memory)

    @contextmanager
    def reading(self) -> Iterator[SqlLog]:
        """Open a snapshot to read from."""
        with self._database.reading() as connection:
            yield SqlLog(connection)

    def status(self) -> LogStatus:
        """Return how far the log is."""
        with self._database.reading() as connection:
            state = read_state(connection)
            since = state.signed_at or first_record(connection)
        return LogStatus(
            origin=origin_of(self._issuer, state.generation),
            size=state.size,
            signed=0 if state.head is None else state.head.size,
            signed_at=state.signed_at,
            waiting=state.waiting + state.older,
            stopped=state.stopped or self.publisher.trouble,
            keys=tuple(self.publisher.keys(state.generation)),
            since=since,
        )

    @property
    def trouble(self) -> str:
        """Why this process cannot sign or write at present; empty while it can."""
        return self.publisher.trouble

    def look(self, *, at: int) -> str:
        """Compare the database with all that was signed; return why the log stopped, or nothing."""
        return self.publisher.look(at=at)

    def update(self, *, at: int) -> bool:
        """Give places to what waits and sign; return False if another process is at it."""
        return self.publisher.update(at=at)

    def update_if_due(self, *, at: int) -> None:
        """Do the same if something waits; asking costs one short read."""
        self.publisher.update_if_due(at=at)

    def rebuild(self, *, at: int) -> int:
        """Write all tiles again from the database; return how many."""
        return self.publisher.rebuild(at=at)

    def restart(self) -> str:
        """Begin a new log under a new name with all that is recorded; return its name."""
        return self.publisher.restart()

    def compare(self, *, at: int) -> Sequence[Finding]:
        """Compare every record with its leaf; return what differs."""
        with self._database.reading() as connection:
            return compare(connection, at=at)
