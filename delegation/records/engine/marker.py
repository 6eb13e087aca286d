"""Marks a transaction in its own rows, so that a COMMIT in doubt can be looked up.

A marker's time is the database's own, when it is written and when it is forgotten: a process whose
clock is ahead must not take away what another still looks for. What PostgreSQL's tells beside costs no
statement of its own: the schema's revision, and which session of the server answers.
"""

from __future__ import annotations

import secrets
from typing import Final

from sqlalchemy import BigInteger, Connection, Text, column, text

from delegation.records.engine.revision import Revision
from delegation.records.engine.session import meet_session
from delegation.records.tables.records import BATCHES

KEPT_SECONDS: Final = 3600  # well above the deadline of whoever tries again
_CLOCKS: Final = {
    "postgresql": "extract(epoch FROM clock_timestamp())::bigint",
    "sqlite": "CAST(strftime('%s', 'now') AS INTEGER)",
}
_BESIDE: Final = {
    "postgresql": ", (SELECT version_num FROM alembic_version) AS revision, pg_backend_pid() AS session",
    "sqlite": ", NULL AS revision, 0 AS session",
}
_MARKS: Final = {
    engine: text(
        f"INSERT INTO batch (id, attempt, at) VALUES (:id, 1, {clock})"  # noqa: S608  # constants
        f" ON CONFLICT (id) DO UPDATE SET attempt = batch.attempt + 1 RETURNING attempt{_BESIDE[engine]}"
    ).columns(BATCHES.c.attempt, column("revision", Text), column("session", BigInteger))
    for engine, clock in _CLOCKS.items()
}
_FORGETS: Final = {
    engine: f"DELETE FROM batch WHERE at < {clock} - {KEPT_SECONDS}"  # noqa: S608  # constants
    for engine, clock in _CLOCKS.items()
}


def new_name() -> str:
    """Draw a name for a transaction of this process."""
    return f"txn_{secrets.token_hex(16)}"


def mark(connection: Connection, name: str) -> bool:
    """Write the marker of a transaction, and return whether it was committed before."""
    return _mark(connection, name)[0]


def marked(revision: Revision, connection: Connection, name: str) -> bool:
    """Mark a transaction of PostgreSQL; return whether an earlier attempt was committed after all.

    It writes on a second attempt too: under synchronous replication a COMMIT without a write of its
    own would come back before the standby has what the first attempt left in doubt. An attempt that
    still runs somewhere holds the marker, so this waits for its end.

    Args:
        revision: That this process works with.
        connection: The transaction's.
        name: Of the transaction, drawn before its first attempt.

    Raises:
        SchemaChangedError: Another release changed the schema.
        PoolerError: Another session answers than the connection's.
    """
    is_again, found, session = _mark(connection, name)
    meet_session(connection, session)
    revision.meet(found)
    return is_again


def forget_old(connection: Connection) -> None:
    """Delete the markers that nobody looks for any more."""
    connection.exec_driver_sql(_FORGETS[connection.dialect.name])


def _mark(connection: Connection, name: str) -> tuple[bool, str | None, int]:
    told = connection.execute(_MARKS[connection.dialect.name], {"id": name})
    attempt, revision, session = told.one()
    return attempt > 1, revision, session
