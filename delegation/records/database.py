"""The engine: durability asserted on every connection, one writer at a time, errors kept inside.

SQLite in WAL with synchronous=FULL. Readers begin deferred and see one snapshot; writers begin
IMMEDIATE, because a transaction that reads first and writes later fails at once when another wrote
in between, whatever the busy time-out (state reference, trap 6).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from delegation.errors import ConfigurationError, StoreUnavailableError

BUSY_SECONDS: Final = 5.0  # how long a call waits for another's transaction before it is refused
_PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    f"busy_timeout={int(BUSY_SECONDS * 1000)}",
)


class Database:
    """One SQLite database.

    Args:
        url: `sqlite://` in memory, or `sqlite:///file`.

    Raises:
        ConfigurationError: The URL names no SQLite database.
    """

    def __init__(self, url: str) -> None:
        """Make the engine; nothing is opened yet."""
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise ConfigurationError("The store's URL is malformed.") from error
        if parsed.get_backend_name() != "sqlite":
            raise ConfigurationError(
                "This release keeps its records in SQLite.", remedy="Use sqlite:///delegation.db."
            )
        self.is_memory = parsed.database in {None, "", ":memory:"}
        options: dict[str, Any] = {"connect_args": {"check_same_thread": False}}
        if self.is_memory:
            options["poolclass"] = StaticPool
        self.engine: Engine = create_engine(parsed, **options)
        event.listen(self.engine, "connect", _on_connect)
        event.listen(self.engine, "begin", _on_begin)
        self._lock = RLock()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a snapshot.

        Raises:
            StoreUnavailableError: The database does not answer.
        """
        # In memory there is one connection for everybody, so readers take turns with writers.
        with (
            self._turn(always=self.is_memory),
            _translated(),
            self.engine.connect() as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that writes; committed at the end, rolled back when the block raises.

        Raises:
            StoreUnavailableError: The database is locked, gone or full; nothing was written.
        """
        with self._turn(always=True), _translated(), self.engine.connect() as connection:
            immediate = connection.execution_options(begin="BEGIN IMMEDIATE")
            with immediate.begin():
                yield immediate

    @contextmanager
    def _turn(self, *, always: bool) -> Iterator[None]:
        if not always:
            yield
            return
        if not self._lock.acquire(timeout=BUSY_SECONDS):
            raise StoreUnavailableError(
                "The store is busy.", remedy="Try again; if it persists, look at the load."
            )
        try:
            yield
        finally:
            self._lock.release()

    def close(self) -> None:
        """Release all connections."""
        self.engine.dispose()


def _on_connect(connection: Any, _record: object) -> None:  # the driver's own type
    connection.isolation_level = None  # the driver must not begin transactions behind our back
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _on_begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


@contextmanager
def _translated() -> Iterator[None]:
    """Turn whatever the database raises, at COMMIT too, into a refusal that says nothing of it."""
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreUnavailableError(
            "The store could not be read or written; nothing was changed.",
            remedy="Try again; if it persists, run `delegation db current` and look at the disk.",
        ) from error
