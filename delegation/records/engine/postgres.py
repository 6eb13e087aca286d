"""Connects to PostgreSQL with deadlines, durable commits, and warnings taken as doubts.

What is set for a session, and the locks that belong to one, are set by statements: a pooler passes no
start-up options on. One that gives each transaction another session is refused, see `session`.

Readers get one snapshot (REPEATABLE READ, read only); writers are READ COMMITTED, because facts must
be read by statements that begin after the gate was taken, not from a snapshot older than it.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL

from delegation.errors import ConfigurationError, MissingExtraError
from delegation.records.engine.session import Sessions

CONNECT_SECONDS: Final = 5  # libpq's own bound, for each address; a busy server is slow to fork
STATEMENT_SECONDS: Final = 5  # also for waiting on locks
# A process that stands still with a transaction open keeps others waiting. From here it looks like one
# that gets no processor, and ending that one's transaction costs it an attempt. So the server waits
# longer than a busy process takes, and who changes standing ends a session that is idle and in its
# way earlier; a live process is told that its transaction is undone, and tries again.
IDLE_SECONDS: Final = 10
IN_THE_WAY_SECONDS: Final = 3
HOLD_SECONDS: Final = 10  # for which one that stands still keeps a lock of the whole database
_POOL: Final = {"pool_size": 5, "max_overflow": 10, "pool_timeout": 5.0, "pool_recycle": 1800}
# Serialization, deadlock, lock not to be had, deadline of a statement, ended while idle, ended by an
# administrator or a shutdown, no connection to be had: each rolls back what was begun.
_UNDONE: Final = frozenset({"40001", "40P01", "55P03", "57014", "25P03", "57P01", "57P05", "53300"})
_NO_TURN: Final = "55P03"
_FIRST_OF_WRITERS: Final = ("alembic_version", "batch")
_DURABLE: Final = ("fsync", "full_page_writes", "synchronous_commit")
_SETTINGS: Final = (
    f"SET statement_timeout = {STATEMENT_SECONDS * 1000}; SET lock_timeout = {STATEMENT_SECONDS * 1000};"
    f" SET idle_in_transaction_session_timeout = {IDLE_SECONDS * 1000}"
)
_GATE: Final = 0x64656C65  # one advisory lock of ours: "dele"
_LIMIT: Final = text(
    "SELECT set_config(name, :limit, false) FROM pg_settings WHERE name = 'idle_session_timeout'"
)
_IN_THE_WAY: Final = f"""
SELECT pg_terminate_backend(a.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid = {_GATE} AND l.objsubid = 1
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND a.state = 'idle in transaction' AND a.usename = current_user
AND clock_timestamp() - a.state_change > interval '{IN_THE_WAY_SECONDS} seconds'
"""  # noqa: S608  # constants
_WARNINGS: Final = "delegation.warnings"


def make_engine(url: URL) -> Engine:
    """Return an engine; nothing is opened yet.

    Raises:
        MissingExtraError: psycopg is not installed.
    """
    try:
        import psycopg  # noqa: F401, PLC0415  # an extra; SQLAlchemy imports it by name
    except ImportError as error:
        raise MissingExtraError("postgres", "A PostgreSQL store") from error
    options = {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "delegation",
        "tcp_user_timeout": STATEMENT_SECONDS * 1000,
    }
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args=options,
        hide_parameters=True,  # errors are logged, arguments of calls are not
        **_POOL,
    )
    sessions = Sessions(engine, options)

    def on_connect(connection: Any, record: Any) -> None:  # the driver's and the pool's own types
        connection.autocommit = True
        sessions.meet(connection, record)
        connection.execute(_SETTINGS)
        connection.autocommit = False
        _hear_warnings(connection, record)

    event.listen(
        engine, "connect", on_connect, insert=True
    )  # before SQLAlchemy's own first question
    return engine


def to_read(connection: Connection) -> Connection:
    """Return the connection, whose next transaction is one snapshot that writes nothing."""
    return connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def take_gate(connection: Connection, *, alone: bool) -> None:
    """Hold the gate of standing until the transaction ends.

    Whoever settles calls shares it; whoever changes standing (revokes, closes, registers) takes
    it alone. An advisory lock queues fairly, where sharers of a row's lock can starve who waits to
    change it.
    """
    if not alone:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock_shared({_GATE})")
        return
    # In one round trip, from left to right: each limit holds from there on.
    limit = "set_config('lock_timeout', '{}s', true)".format
    connection.exec_driver_sql(
        f"SELECT {limit(IN_THE_WAY_SECONDS)}, pg_advisory_xact_lock({_GATE}), {limit(STATEMENT_SECONDS)}"
    )


def clear_the_way(connection: Connection) -> int:
    """End sessions that hold the gate, ask nothing and are in the way; return how many.

    The server knows which session waits for its client, and since when: a session that works is never
    ended, however long it takes. Sessions of another database role are left to the server's own limit.

    Args:
        connection: One that holds nothing.
    """
    found = connection.exec_driver_sql(_IN_THE_WAY).scalars()
    return sum(1 for ended in found if ended)


def is_undone(error: BaseException | None) -> bool:
    """Return whether a driver's error passes by itself and says that nothing is left of the attempt.

    Only for errors of statements before COMMIT.
    """
    return getattr(error, "sqlstate", None) in _UNDONE


def had_no_turn(error: BaseException | None) -> bool:
    """Return whether a driver's error says that others held a lock for too long."""
    return getattr(error, "sqlstate", None) == _NO_TURN


def keep_alive(connection: Connection) -> None:
    """Let the server end this session, and the locks it holds, when nothing is asked for so long.

    A server before PostgreSQL 14 knows no such limit, and a process that stands still there keeps
    its locks until it goes on.
    """
    connection.execute(_LIMIT, {"limit": f"{HOLD_SECONDS}s"})


def let_sleep(connection: Connection) -> None:
    """End that limit."""
    connection.execute(_LIMIT, {"limit": "0"})


def lift_deadlines(connection: Connection) -> None:
    """Let this transaction take its time; how long it may wait for a lock stays bounded."""
    for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
        connection.exec_driver_sql(f"SET LOCAL {name} = 0")


def keep_writers_out(connection: Connection) -> None:
    """Let nobody write until this transaction, which changes the schema, ends.

    Whoever writes reads the revision first, and holds that table's lock. Releases before revision 0018
    do not; they begin with a marker.
    """
    for table in _FIRST_OF_WRITERS:
        if connection.exec_driver_sql(f"SELECT to_regclass('{table}')").scalar_one() is not None:
            connection.exec_driver_sql(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")


def refuse_unless_durable(connection: Connection) -> None:
    """Refuse a server that acknowledges what a power cut would lose.

    Raises:
        ConfigurationError: fsync, full_page_writes or synchronous_commit is off.
    """
    for name in _DURABLE:
        value = connection.exec_driver_sql(f"SHOW {name}").scalar_one()
        if value == "off":
            raise ConfigurationError(
                f"The PostgreSQL server has {name} off: records would be lost in a power cut.",
                remedy=f"Set {name} = on for this database.",
            )


def forget_warnings(connection: Connection) -> None:
    """Begin to listen for warnings, just before COMMIT."""
    connection.info.setdefault(_WARNINGS, []).clear()


def warned(connection: Connection) -> bool:
    """Return whether the server warned since: a COMMIT with a warning may not be replicated."""
    return bool(connection.info.get(_WARNINGS))


def cut(connection: Any) -> None:
    """Shut a driver connection's socket from another thread, so that a hung COMMIT there returns."""
    with contextlib.suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as held:
        held.shutdown(socket.SHUT_RDWR)


def cancel(connection: Any) -> None:
    """Cancel what a driver connection runs, from another thread."""
    with contextlib.suppress(Exception):
        connection.cancel_safe(timeout=CONNECT_SECONDS)


def _hear_warnings(connection: Any, record: Any) -> None:
    warnings: list[str] = []
    record.info[_WARNINGS] = warnings

    def note(diagnostic: Any) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            warnings.append(str(diagnostic.sqlstate))

    connection.add_notice_handler(note)
