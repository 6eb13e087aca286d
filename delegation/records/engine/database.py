"""Opens snapshots, and transactions that write, on SQLite or PostgreSQL.

Two engines, one text of statements; what differs stands in `sqlite` and `postgres`. A transaction that
could not begin is begun again within its caller's time; one whose COMMIT was cut off is looked up by
its marker; one that was undone later says so, and `commands.retry` lets its command run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path
from threading import BoundedSemaphore, get_ident
from typing import Any, Final

from sqlalchemy import Connection, Engine, RootTransaction, Table, event
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from delegation import cancellation
from delegation.commands.retry import Deadline
from delegation.errors import (
    ConfigurationError,
    ConflictError,
    QuestionStoppedError,
    StoreUnavailableError,
    UnknownOutcomeError,
)
from delegation.records.engine import postgres, sqlite
from delegation.records.engine.errors import refusal_of, translated
from delegation.records.engine.marker import mark, marked, new_name
from delegation.records.engine.remembered import ASKED
from delegation.records.engine.revision import Revision
from delegation.records.engine.same_file import SameFile
from delegation.records.engine.turn import Queue, Turn

_LOOK_FIRST: Final = "Look whether it is there; if it is not, do it again."

QUESTION_CONNECTIONS: Final = 10  # of the fifteen that a process has at most
_LOOK_SECONDS: Final = 0.2
# A context may be copied into another thread, whose questions need a connection of their own, or into a
# coroutine that goes on after the block: so the database and the thread of who holds it, emptied at its end.
_SNAPSHOT: Final[ContextVar[list[Any] | None]] = ContextVar("delegation_snapshot", default=None)


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
        except (ArgumentError, ValueError):  # `from None`: they show what may be a password
            remedy = "Write postgresql://user@host:5432/database; in a password %40 is @, %2F is /."
            raise ConfigurationError("The store's URL is malformed.", remedy=remedy) from None
        backend = parsed.get_backend_name()
        if backend not in {"sqlite", "postgresql"}:
            raise ConfigurationError(
                "Records are kept in SQLite or PostgreSQL.",
                remedy="Use sqlite:///delegation.db or postgresql://user@host/name.",
            )
        self.is_sqlite = backend == "sqlite"
        self.is_memory = self.is_sqlite and sqlite.is_memory(parsed)
        self.engine: Engine = (sqlite if self.is_sqlite else postgres).make_engine(parsed)
        self.revision = Revision()
        self._turn = Turn()
        is_file = self.is_sqlite and not self.is_memory and not parsed.query
        self._queue = Queue(Path(str(parsed.database))) if is_file else None
        self.file = SameFile(self.engine) if self.is_sqlite and not self.is_memory else None
        self._seats = BoundedSemaphore(QUESTION_CONNECTIONS)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a snapshot, or go on reading from the one of `snapshot`.

        Raises:
            StoreUnavailableError: The database does not answer.
            SchemaChangedError: Another release changed its schema, and this was seen.
        """
        self.revision.refuse()
        held = self._open_snapshot()
        if held is not None:
            with translated():
                yield held
            return
        with ExitStack() as stack:
            deadline = Deadline()
            self._take_seat(stack, deadline)
            # In memory there is one connection for everybody, so readers take turns with writers.
            self._take_turn(stack, deadline, taken=self.is_memory)
            connection = stack.enter_context(self._connected(deadline))
            chosen = connection if self.is_sqlite else postgres.to_read(connection)
            if cancellation.present() is not None:
                event.listen(chosen, "before_cursor_execute", _look)
            with translated(), self._cut_when_unwanted(chosen), chosen.begin():
                yield chosen

    def _open_snapshot(self) -> Connection | None:
        held = _SNAPSHOT.get()
        return held[2] if held and held[:2] == [self, get_ident()] else None

    def refuse_inside_snapshot(self) -> None:
        """Refuse what writes while this thread reads from one snapshot, which would not show it.

        Raises:
            ConflictError: It does.
        """
        if self._open_snapshot() is not None:
            raise ConflictError(
                "Nothing is written inside a snapshot.", remedy="End its `with` block first."
            )

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Have this thread read from one snapshot while the block runs; what writes is refused.

        Raises:
            StoreUnavailableError: The database does not answer.
        """
        with self.reading() as connection:
            connection.execution_options(**{ASKED: {}})
            token = _SNAPSHOT.set(held := [self, get_ident(), connection])
            try:
                yield
            finally:
                held.clear()
                _SNAPSHOT.reset(token)

    @contextmanager
    def writing(
        self, *, alone: bool | None = False, is_marked: bool = True
    ) -> Iterator[Connection]:
        """Open a transaction that writes; committed at the end, rolled back when the block raises.

        Args:
            alone: Whether it changes standing, so that no call may be settled meanwhile; None if
                it neither changes that nor settles, and passes the gate by.
            is_marked: Whether its COMMIT can be looked up when the answer to it is lost. What changes
                the schema is not marked, and meets any revision.

        Raises:
            StoreUnavailableError: The database is locked, gone or full; nothing was written.
            SchemaChangedError: Another release changed its schema.
            UnknownOutcomeError: The answer to COMMIT was lost, and nobody answers what became of it.
            ConflictError: This thread reads from a `snapshot`.
        """
        self.refuse_inside_snapshot()
        deadline = Deadline()
        # A poll is repeated anyway: a marker for each would be all that it writes.
        has_name = is_marked and alone is not None and not self.is_sqlite
        name = new_name() if has_name else ""
        with ExitStack() as held:
            held.enter_context(cancellation.of(None))  # a change is not left half way
            connection, transaction = self._begun(held, deadline, name=name, alone=alone)
            with translated():
                try:
                    if is_marked and not name:
                        self.revision.look(connection)
                    yield connection
                except BaseException:
                    transaction.rollback()
                    raise
                if not self.is_sqlite:
                    postgres.forget_warnings(connection)
            self._commit(connection, transaction, name, deadline)

    def _begun(
        self, held: ExitStack, deadline: Deadline, *, name: str, alone: bool | None
    ) -> tuple[Connection, RootTransaction]:
        """Begin, as often as the caller's time allows: nothing was written yet."""
        while True:
            try:
                with ExitStack() as tried, translated():
                    self.take_turn(tried, deadline)
                    connection = self.to_write(tried.enter_context(self.engine.connect()))
                    transaction = self.begin(connection, deadline)
                    if name:
                        marked(self.revision, connection, name)
                    if alone is not None:
                        self.take_gate(connection, alone=alone)
                    held.push(tried.pop_all())
                    return connection, transaction
            except StoreUnavailableError as error:
                if alone and postgres.had_no_turn(getattr(error.__cause__, "orig", None)):
                    self._clear_the_way()
                if not error.is_undone or not deadline.pause():
                    raise

    def _clear_the_way(self) -> None:
        with translated(), self.engine.connect() as connection:
            postgres.clear_the_way(connection.execution_options(isolation_level="AUTOCOMMIT"))

    def _commit(
        self, connection: Connection, transaction: RootTransaction, name: str, deadline: Deadline
    ) -> None:
        """End the transaction; when it is not known whether it did, find out."""
        try:
            transaction.commit()
        except SQLAlchemyError as error:
            if not name:
                raise refusal_of(is_undone=False) from error
            self._look_up(name, deadline)
        else:
            if self.file is not None:
                self.file.refuse_if_moved(connection)
            # "canceling wait for synchronous replication": committed here, perhaps nowhere else.
            if not self.is_sqlite and postgres.warned(connection):
                self._look_up(name, deadline)

    def _look_up(self, name: str, deadline: Deadline) -> None:
        """Return once a transaction is known to be committed, and to be where its COMMIT waits for.

        Raises:
            StoreUnavailableError: It is known to be undone.
            UnknownOutcomeError: Nobody answers.
        """
        while name:
            try:
                with self.engine.connect() as connection, connection.begin() as look:
                    if not mark(connection, name):
                        look.rollback()  # else the next look would take this one for it
                        raise StoreUnavailableError(
                            "The connection was lost; nothing was changed.",
                            remedy="Try again.",
                            is_undone=True,
                        )
                    postgres.forget_warnings(connection)
                    look.commit()
                    if not postgres.warned(connection):
                        return
            except SQLAlchemyError:
                pass
            if not deadline.pause():
                break
        raise UnknownOutcomeError("change", remedy=_LOOK_FIRST)

    @contextmanager
    def _connected(self, deadline: Deadline) -> Iterator[Connection]:
        """Return a connection, asked for as often as the caller's time allows."""
        while True:
            try:
                with translated():
                    connection = self.engine.connect()
                break
            except StoreUnavailableError as error:
                if not error.is_undone or not deadline.pause():
                    raise
        with connection:
            yield connection

    def take_turn(self, held: ExitStack, deadline: Deadline) -> None:
        """Let no other thread of this process write, where that matters, until the stack closes.

        Raises:
            StoreUnavailableError: The turn did not come within the caller's time.
        """
        self._take_turn(held, deadline, taken=self.is_sqlite)

    def _take_turn(self, held: ExitStack, deadline: Deadline, *, taken: bool) -> None:
        if taken:
            if not self._turn.acquire(deadline):
                raise _busy()
            held.callback(self._turn.release)

    def begin(self, connection: Connection, deadline: Deadline) -> RootTransaction:
        """Begin a transaction that writes, after those who came first.

        Raises:
            StoreMovedError: The store's file is not the one at its path any more.
            StoreUnavailableError: Its place in the queue did not come within the caller's time.
        """
        if self._queue is None:
            return connection.begin()
        with self._queue.place(deadline) as is_first:
            if not is_first:
                raise _busy()
            return connection.begin()

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

    def _take_seat(self, held: ExitStack, deadline: Deadline) -> None:
        """Leave connections for those who ask nothing: decisions, keys, health.

        Raises:
            StoreUnavailableError: Questions have taken all that are for them.
        """
        if cancellation.present() is None:
            return
        while not self._seats.acquire(timeout=min(_LOOK_SECONDS, deadline.left)):
            cancellation.look()
            if not deadline.left:
                raise _busy()
        held.callback(self._seats.release)

    @contextmanager
    def _cut_when_unwanted(self, connection: Connection) -> Iterator[None]:
        """Have a statement cancelled when its answer is not wanted any more.

        SQLite looks by itself while it runs one, see `sqlite.make_engine`.
        """
        wanted = cancellation.present()
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
        if self._queue is not None:
            self._queue.close()


def _busy() -> StoreUnavailableError:
    return StoreUnavailableError(
        "The store is busy.",
        remedy="Try again; if it persists, look at the load.",
        is_undone=True,
    )


def _look(*_: object) -> None:
    cancellation.look()


def _still(connection: Connection) -> None:
    """Ask the session that holds a lock anything: one that the server ended does not answer."""
    with translated():
        connection.exec_driver_sql("SELECT 1")


def upsert(connection: Connection, table: Table) -> Any:
    """Return an INSERT of this engine that takes ON CONFLICT."""
    if connection.dialect.name == "sqlite":
        return sqlite_dialect.insert(table)
    return postgresql.insert(table)
