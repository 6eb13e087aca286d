"""SQLite as an engine: WAL with synchronous=FULL on every connection, one writer at a time.

Readers begin deferred and see one snapshot; writers begin IMMEDIATE, because a transaction that
reads first and writes later fails at once when another wrote in between, whatever the busy time-out.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import StaticPool

from delegation import patience
from delegation.errors import QuestionStoppedError

BUSY_SECONDS: Final = 5.0  # how long a call waits for another's transaction before it is refused
_STEPS: Final = 20_000  # of SQLite's machine, between two looks at whether somebody still waits
_PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    f"busy_timeout={int(BUSY_SECONDS * 1000)}",
)


def is_memory(url: URL) -> bool:
    """Return whether the URL names a database that lives and dies with this process."""
    return url.database in {None, "", ":memory:"}


def make_engine(url: URL) -> Engine:
    """Return an engine; nothing is opened yet."""
    # Errors are logged: what was written, arguments of calls among it, is not to be in them.
    options: dict[str, Any] = {
        "connect_args": {"check_same_thread": False},
        "hide_parameters": True,
    }
    if is_memory(url):
        options["poolclass"] = StaticPool
    engine = create_engine(url, **options)
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def to_write(connection: Connection) -> Connection:
    """Return the connection, whose next transaction takes the write lock at its start."""
    return connection.execution_options(begin="BEGIN IMMEDIATE")


def _on_connect(connection: Any, _record: object) -> None:  # the driver's own type
    connection.isolation_level = None  # the driver must not begin transactions behind our back
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    connection.set_progress_handler(_is_unwanted, _STEPS)


def _is_unwanted() -> bool:
    """Return whether the statement that runs in this thread is to be interrupted."""
    try:
        patience.look()
    except QuestionStoppedError:
        return True  # said again by whoever meets the interruption
    return False


def _on_begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))
