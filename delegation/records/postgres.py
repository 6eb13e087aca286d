"""PostgreSQL as an engine: deadlines on every connection, durable or refused, warnings are doubts.

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

CONNECT_SECONDS: Final = 2
STATEMENT_SECONDS: Final = 5  # also for waiting on locks
# A process that stands still with the gate open keeps every revocation waiting: it loses its
# transaction, and what it held, before those who wait give up.
GATE_IDLE_SECONDS: Final = 3
HOLD_SECONDS: Final = 5  # for which one that stands still keeps a lock of the whole database
_POOL: Final = {"pool_size": 5, "max_overflow": 10, "pool_timeout": 5.0, "pool_recycle": 1800}
_DURABLE: Final = ("fsync", "full_page_writes", "synchronous_commit")
_GATE: Final = 0x64656C65  # one advisory lock of ours: "dele"
_LIMIT: Final = text(
    "SELECT set_config(name, :limit, false) FROM pg_settings WHERE name = 'idle_session_timeout'"
)
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
    milliseconds = STATEMENT_SECONDS * 1000
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "delegation",
            "tcp_user_timeout": milliseconds,
            "options": f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds} "
            f"-c idle_in_transaction_session_timeout={2 * milliseconds}",
        },
        hide_parameters=True,  # errors are logged, arguments of calls are not
        **_POOL,
    )
    event.listen(engine, "connect", _on_connect)
    return engine


def to_read(connection: Connection) -> Connection:
    """Return the connection, whose next transaction is one snapshot that writes nothing."""
    return connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def take_gate(connection: Connection, *, alone: bool) -> None:
    """Hold the gate of standing until the transaction ends.

    Whoever settles calls shares it; whoever changes what stands (revokes, closes, registers) takes
    it alone. An advisory lock queues fairly, where sharers of a row's lock can starve who waits to
    change it.
    """
    shared = "" if alone else "_shared"
    idle = f"'idle_in_transaction_session_timeout', '{GATE_IDLE_SECONDS}s', true"
    # The limit first, in the same round trip: it holds from the very lock on.
    connection.exec_driver_sql(f"SELECT set_config({idle}), pg_advisory_xact_lock{shared}({_GATE})")


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


def _on_connect(connection: Any, record: Any) -> None:  # the driver's own types
    warnings: list[str] = []
    record.info[_WARNINGS] = warnings

    def note(diagnostic: Any) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            warnings.append(str(diagnostic.sqlstate))

    connection.add_notice_handler(note)
