"""The database behind the store: snapshots, transactions that write, errors kept inside.

Two engines, one text of statements; what differs stands in `sqlite` and `postgres`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, RLock
from time import monotonic
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, event
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from delegation import patience
from delegation.errors import ConfigurationError, QuestionStoppedError, StoreUnavailableError
from delegation.records import postgres, sqlite

QUESTION_CONNECTIONS: Final = 10  # of the fifteen that a process has at most
_LOOK_SECONDS: Final = 0.2


class Database:
    """One SQLite or PostgreSQL database.

    Args:
        url: `sqlite://` in memory, `sqlite:///file`, or `postgresql://user@host/name`.

    Raises:
        ConfigurationError: The URL names no such database.
        MissingExtraError: PostgreSQL's driver is not installed.
    """

    def __init__(self, url: str) -> None:
        """Make the engine; nothing is opened yet."""
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise ConfigurationError("The store's URL is malformed.") from error
        backend = parsed.get_backend_name()
        if backend not in {"sqlite", "postgresql"}:
            raise ConfigurationError(
                "Records are kept in SQLite or PostgreSQL.",
                remedy="Use sqlite:///delegation.db or postgresql://user@host/name.",
            )
        self.is_sqlite = backend == "sqlite"
        self.is_memory = self.is_sqlite and sqlite.is_memory(parsed)
        self.engine: Engine = (sqlite if self.is_sqlite else postgres).make_engine(parsed)
        self._lock = RLock()
        self._seats = BoundedSemaphore(QUESTION_CONNECTIONS)
        event.listen(self.engine, "before_cursor_execute", _look)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a snapshot.

        Raises:
            StoreUnavailableError: The database does not answer.
        """
        # In memory there is one connection for everybody, so readers take turns with writers.
        with (
            self._seat(),
            self._turn(taken=self.is_memory),
            translated(),
            self.engine.connect() as connection,
        ):
            chosen = connection if self.is_sqlite else postgres.to_read(connection)
            with self._cut_with_patience(chosen), chosen.begin():
                yield chosen

    @contextmanager
    def writing(self, *, alone: bool | None = False) -> Iterator[Connection]:
        """Open a transaction that writes; committed at the end, rolled back when the block raises.

        Args:
            alone: Whether it changes what stands, so that no call may be settled meanwhile; None if
                it neither changes that nor settles, and passes the gate by.

        Raises:
            StoreUnavailableError: The database is locked, gone or full; nothing was written.
        """
        with (
            patience.of(None),
            self.turn_to_write(),
            translated(),
            self.engine.connect() as connection,
        ):
            chosen = self.to_write(connection)
            with chosen.begin():
                if alone is not None:
                    self.take_gate(chosen, alone=alone)
                yield chosen
                if not self.is_sqlite:
                    postgres.forget_warnings(chosen)
            if not self.is_sqlite and postgres.warned(chosen):
                # "canceling wait for synchronous replication": committed here, perhaps nowhere else.
                raise StoreUnavailableError(
                    "It is not known whether the change reached a standby.",
                    remedy="Repeat the request; if it persists, look at the replication.",
                )

    def turn_to_write(self) -> Any:
        """Return a context in which no other thread of this process writes, where that matters."""
        return self._turn(taken=self.is_sqlite)

    def to_write(self, connection: Connection) -> Connection:
        """Return the connection, ready for a transaction that writes."""
        return sqlite.to_write(connection) if self.is_sqlite else connection

    def take_gate(self, connection: Connection, *, alone: bool) -> None:
        """Hold the gate of standing until the transaction ends; SQLite's write lock is that gate."""
        if not self.is_sqlite:
            postgres.take_gate(connection, alone=alone)

    @contextmanager
    def holding(self, number: int) -> Iterator[Callable[[], None] | None]:
        """Hold a lock of the whole database while the block runs, or yield None if it is taken.

        PostgreSQL only. It belongs to a connection of its own, so a process that dies lets go of it;
        one that stands still loses it, too, unless it says in time that it goes on. What is yielded
        says so, and raises when the lock is lost: then somebody else may hold it.

        Args:
            number: Which lock.

        Raises:
            StoreUnavailableError: The database does not answer, or the lock was lost.
        """
        with translated(), self.engine.connect() as connection:
            chosen = connection.execution_options(isolation_level="AUTOCOMMIT")
            asked = f"SELECT pg_try_advisory_lock({number})"
            if not chosen.exec_driver_sql(asked).scalar_one():
                yield None
                return
            try:
                postgres.keep_alive(chosen)
                yield lambda: _still(chosen)
            finally:
                # Of a session that the server ended nothing is left to be given back.
                if not chosen.invalidated:
                    postgres.let_sleep(chosen)
                    chosen.exec_driver_sql(f"SELECT pg_advisory_unlock({number})")

    @contextmanager
    def _seat(self) -> Iterator[None]:
        """Leave connections for those who ask nothing: decisions, keys, health.

        Raises:
            StoreUnavailableError: Questions have taken all that are for them.
        """
        if patience.present() is None:
            yield
            return
        ends = monotonic() + sqlite.BUSY_SECONDS
        while not self._seats.acquire(timeout=_LOOK_SECONDS):
            patience.look()
            if monotonic() > ends:
                raise StoreUnavailableError(
                    "The store is busy.", remedy="Try again; if it persists, look at the load."
                )
        try:
            yield
        finally:
            self._seats.release()

    @contextmanager
    def _cut_with_patience(self, connection: Connection) -> Iterator[None]:
        """Have a statement cancelled when its answer is not wanted any more.

        SQLite looks by itself while it runs one, see `sqlite.make_engine`.
        """
        wanted = patience.present()
        if wanted is None or self.is_sqlite:
            yield
            return
        driver = connection.connection.driver_connection
        with wanted.cut_by(lambda: postgres.cancel(driver)):
            try:
                yield
            except QuestionStoppedError:
                connection.invalidate()  # a late cancellation must meet nobody else's statement
                raise

    @contextmanager
    def _turn(self, *, taken: bool) -> Iterator[None]:
        if not taken:
            yield
            return
        if not self._lock.acquire(timeout=sqlite.BUSY_SECONDS):
            raise StoreUnavailableError(
                "The store is busy.", remedy="Try again; if it persists, look at the load."
            )
        try:
            yield
        finally:
            self._lock.release()

    def refuse_unless_durable(self) -> None:
        """Refuse a server that acknowledges what it may lose.

        Raises:
            ConfigurationError: It does.
            StoreUnavailableError: The database does not answer.
        """
        if not self.is_sqlite:
            with self.reading() as connection:
                postgres.refuse_unless_durable(connection)

    def close(self) -> None:
        """Release all connections."""
        self.engine.dispose()


def _look(*_: object) -> None:
    patience.look()


def _still(connection: Connection) -> None:
    """Ask the session that holds a lock anything: one that the server ended does not answer.

    Raises:
        StoreUnavailableError: It did end.
    """
    with translated():
        connection.exec_driver_sql("SELECT 1")


def upsert(connection: Connection, table: Table) -> Any:
    """Return an INSERT of this engine that takes ON CONFLICT."""
    if connection.dialect.name == "sqlite":
        return sqlite_dialect.insert(table)
    return postgresql.insert(table)


def described(error: BaseException) -> str:
    """Return what may be logged of a database's error: kinds and codes, never its own sentences.

    They quote the row that was refused, arguments of calls among it.
    """
    driver = getattr(error, "orig", None)
    state = getattr(driver, "sqlstate", None) or getattr(driver, "sqlite_errorname", None)
    parts = [type(error).__name__, type(driver).__name__ if driver else "", str(state or "")]
    return " ".join(part for part in parts if part)


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever the database raises, at COMMIT too, into a refusal that says nothing of it."""
    try:
        yield
    except SQLAlchemyError as error:
        patience.look()  # it may have failed because nobody wants its answer
        raise StoreUnavailableError(
            "The store could not be read or written; nothing was changed.",
            remedy="Try again; if it persists, run `delegation doctor` and look at the disk.",
        ) from error
