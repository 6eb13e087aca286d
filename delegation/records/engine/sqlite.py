"""Connects to SQLite: WAL with synchronous=FULL on every connection, one writer at a time.

Readers begin deferred and see one snapshot; writers begin IMMEDIATE, because a transaction that
reads first and writes later fails at once when another wrote in between, whatever the busy time-out.
Who waits for the write lock asks for it every few milliseconds: SQLite's own way asks ten times a
second, and whoever writes all the time has it again by then.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import StaticPool

from delegation import cancellation
from delegation.commands.retry import about
from delegation.errors import QuestionStoppedError

BESIDE: Final = ("-wal", "-shm", "-journal")  # files that SQLite makes beside its own
# How long one attempt waits for another's transaction. Who waits longer asks again: see
# `commands.retry`. Readers wait only for a file that is being recovered or rewritten.
BUSY_SECONDS: Final = 5.0
_STEPS: Final = 20_000  # of SQLite's machine, between two looks at whether somebody still waits
_LOOK_SECONDS: Final = 0.002
_IMMEDIATE: Final = "BEGIN IMMEDIATE"
_BUSY: Final = f"busy_timeout={int(BUSY_SECONDS * 1000)}"
_MODE: Final = "journal_mode"
_UNDONE: Final = ("SQLITE_BUSY", "SQLITE_LOCKED")
_PRAGMAS: Final = (
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",  # what was erased is written over, whatever this SQLite does by itself
    _BUSY,
)


def is_memory(url: URL) -> bool:
    """Return whether the URL names a database that lives and dies with this process."""
    return url.database in {None, "", ":memory:"}


def make_engine(url: URL, *, checks_references: bool = True) -> Engine:
    """Return an engine; nothing is opened yet.

    Args:
        url: The database.
        checks_references: Whether rows that others refer to must stay; a migration that makes a
            table anew drops the old one, and checks at its end.
    """
    # Errors are logged: what was written, arguments of calls among it, is not to be in them.
    options: dict[str, Any] = {
        "connect_args": {"check_same_thread": False},
        "hide_parameters": True,
    }
    if is_memory(url):
        options["poolclass"] = StaticPool
    engine = create_engine(url, **options)
    event.listen(engine, "do_connect", _before_connect)
    event.listen(engine, "connect", _on_connect)
    if not checks_references:
        event.listen(engine, "connect", _check_no_references)
    event.listen(engine, "begin", _on_begin)
    return engine


def to_write(connection: Connection) -> Connection:
    """Return the connection, whose next transaction takes the write lock at its start."""
    return connection.execution_options(begin=_IMMEDIATE)


def writes(connection: Connection) -> bool:
    """Return whether the connection's transaction took the write lock at its start."""
    return bool(connection.get_execution_options().get("begin") == _IMMEDIATE)


def keep_private(file: str) -> None:
    """Let only its owner read a store: a new file is made so, and one that is wider is narrowed.

    SQLite gives its journal, WAL and shared memory the mode of the database file. Another user's
    files are left as they are; `delegation doctor` says so.

    Args:
        file: The database's file.
    """
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    # By name, not by descriptor: closing one lets go of the locks that this process has on the file.
    for name in (file, *(f"{file}{ending}" for ending in BESIDE)):
        with contextlib.suppress(OSError):
            found = os.stat(name)  # noqa: PTH116  # beside chmod
            is_ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()
            if is_ours and found.st_mode & 0o077:
                os.chmod(name, stat.S_IMODE(found.st_mode) & 0o700)  # noqa: PTH101  # a name


def _before_connect(_dialect: object, _record: object, names: Any, options: Any) -> None:
    if names and not options.get("uri") and names[0] != ":memory:":
        keep_private(str(names[0]))


def _on_connect(connection: Any, record: Any) -> None:  # the driver's and the pool's own types
    connection.isolation_level = None  # the driver must not begin transactions behind our back
    cursor = connection.cursor()
    (mode,) = cursor.execute("PRAGMA journal_mode=WAL").fetchone()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    record.info[_MODE], record.info[_BUSY] = mode, True
    connection.set_progress_handler(_is_unwanted, _STEPS)


def _check_no_references(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys=OFF")


def _is_unwanted() -> bool:
    """Return whether the statement that runs in this thread is to be interrupted."""
    try:
        cancellation.look()
    except QuestionStoppedError:
        return True  # said again by whoever meets the interruption
    return False


def _on_begin(connection: Connection) -> None:
    if not writes(connection):
        _wait(connection, waits=True)
        connection.exec_driver_sql("BEGIN")
        return
    _wait(connection, waits=False)
    try:
        _take_write_lock(connection)
    finally:
        # In a WAL nobody is in the way of who has the write lock: its COMMIT waits for no reader.
        if connection.info.get(_MODE) not in {"wal", "memory"}:
            _wait(connection, waits=True)


def _wait(connection: Connection, *, waits: bool) -> None:
    """Let SQLite itself wait for another's lock, or not; a connection is told only what is new to it."""
    if connection.info.get(_BUSY) is not waits:
        with cursor_of(connection) as cursor:
            cursor.execute(f"PRAGMA {_BUSY if waits else 'busy_timeout=0'}")
        connection.info[_BUSY] = waits


def _take_write_lock(connection: Connection) -> None:
    ends = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.exec_driver_sql(_IMMEDIATE)
        except OperationalError as error:
            if not is_undone(error.orig) or time.monotonic() >= ends:
                raise
        else:
            return
        time.sleep(about(_LOOK_SECONDS))


@contextlib.contextmanager
def cursor_of(connection: Connection) -> Iterator[Any]:
    """Lend the driver's own cursor: a short statement costs less than what SQLAlchemy does around it.

    Raises:
        DBAPIError: Whatever the driver raises, as SQLAlchemy says it to those who expect it.
    """
    cursor: Any = connection.connection.cursor()
    try:
        yield cursor
    except sqlite3.Error as error:
        raise DBAPIError.instance(
            None, None, error, sqlite3.Error, dialect=connection.dialect
        ) from error
    finally:
        cursor.close()


def is_undone(error: BaseException | None) -> bool:
    """Return whether a driver's error says that another transaction was in the way, and no more."""
    return str(getattr(error, "sqlite_errorname", "")).startswith(_UNDONE)
