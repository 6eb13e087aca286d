"""The SQL store: opens, checks the schema's revision, and hands out snapshots and transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from delegation.records.catalogue import CatalogueShelf
from delegation.records.database import Database
from delegation.records.migrate import prepare
from delegation.records.reader import SqlReader
from delegation.records.unproven import UnprovenGate
from delegation.records.writer import SqlWork


def open_store(url: str) -> SqlStore:
    """Return the store at a URL. An empty database gets its tables; another revision is refused.

    Args:
        url: `sqlite://` in memory, or `sqlite:///file`.

    Raises:
        ConfigurationError: The URL names no SQLite database.
        SchemaRevisionError: The database is at a revision that this program does not know or that
            must be upgraded first; the message names the command.
        StoreUnavailableError: The database does not answer.
    """
    database = Database(url)
    try:
        prepare(database)
    except BaseException:
        database.close()
        raise
    return SqlStore(database)


class SqlStore:
    """See `tracker.work.Store`."""

    def __init__(self, database: Database) -> None:
        """Use a database whose schema is at this program's revision."""
        self._database = database
        self._shelf = CatalogueShelf()
        self._gate = UnprovenGate()

    @contextmanager
    def read(self) -> Iterator[SqlReader]:
        """Open a snapshot to read from."""
        with self._database.reading() as connection:
            yield SqlReader(connection, self._shelf)

    @contextmanager
    def write(self) -> Iterator[SqlWork]:
        """Open a transaction: committed when the block ends, rolled back when it raises."""
        try:
            with self._database.writing() as connection:
                yield SqlWork(connection, self._shelf, self._gate)
        except BaseException:
            self._shelf.forget()
            raise

    def ping(self) -> None:
        """Ask the database anything."""
        with self._database.reading() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Release connections."""
        self._database.close()
