"""Marks a transaction in its own rows, so that a COMMIT in doubt can be looked up.

A marker's time is the database's own, when it is written and when it is forgotten: a process whose
clock is ahead must not take away what another still looks for.
"""

from __future__ import annotations

import secrets
from typing import Final

from sqlalchemy import Connection, text

from delegation.records.tables.records import BATCHES

KEPT_SECONDS: Final = 3600  # well above the deadline of whoever tries again
_CLOCKS: Final = {
    "postgresql": "extract(epoch FROM clock_timestamp())::bigint",
    "sqlite": "CAST(strftime('%s', 'now') AS INTEGER)",
}
_MARKS: Final = {
    engine: text(
        f"INSERT INTO batch (id, attempt, at) VALUES (:id, 1, {clock})"  # noqa: S608  # constants
        " ON CONFLICT (id) DO UPDATE SET attempt = batch.attempt + 1 RETURNING attempt"
    ).columns(BATCHES.c.attempt)
    for engine, clock in _CLOCKS.items()
}
_FORGETS: Final = {
    engine: f"DELETE FROM batch WHERE at < {clock} - {KEPT_SECONDS}"  # noqa: S608  # constants
    for engine, clock in _CLOCKS.items()
}


def new_name() -> str:
    """Return the name of a transaction that nobody else has."""
    return f"txn_{secrets.token_hex(16)}"


def mark(connection: Connection, name: str) -> bool:
    """Write the transaction's marker and return whether an earlier attempt was committed after all.

    It writes on a second attempt too: under synchronous replication a COMMIT without a write of its
    own would come back before the standby has what the first attempt left in doubt. An attempt that
    still runs somewhere holds the marker, so this waits for its end.

    Args:
        connection: A transaction that writes.
        name: Of the transaction, drawn before its first attempt.
    """
    marked = connection.execute(_MARKS[connection.dialect.name], {"id": name})
    return bool(marked.scalar_one() > 1)


def forget_old(connection: Connection) -> None:
    """Delete the markers that nobody looks for any more."""
    connection.exec_driver_sql(_FORGETS[connection.dialect.name])
