"""Marks a transaction in its own rows, so that a COMMIT in doubt can be looked up."""

from __future__ import annotations

import secrets
import time
from typing import Final

from sqlalchemy import Connection, text

from delegation.records.tables.records import BATCHES

_MARK: Final = text(
    "INSERT INTO batch (id, attempt, at) VALUES (:id, 1, :at)"
    " ON CONFLICT (id) DO UPDATE SET attempt = batch.attempt + 1 RETURNING attempt"
).columns(BATCHES.c.attempt)


def new_name() -> str:
    """Return the name of a transaction that nobody else has."""
    return f"txn_{secrets.token_hex(16)}"


def is_committed(connection: Connection, name: str) -> bool:
    """Write the marker of `new_name` and return whether the transaction was committed before."""
    return mark(connection, name, int(time.time()))


def mark(connection: Connection, name: str, at: int) -> bool:
    """Write the transaction's marker and return whether an earlier attempt was committed after all.

    It writes on a second attempt too: under synchronous replication a COMMIT without a write of its
    own would come back before the standby has what the first attempt left in doubt. An attempt that
    still runs somewhere holds the marker, so this waits for its end.

    Args:
        connection: A transaction that writes.
        name: Of the transaction, drawn before its first attempt.
        at: Now, Unix seconds; an hour later the marker may be forgotten.
    """
    marked = connection.execute(_MARK, {"id": name, "at": at})
    return bool(marked.scalar_one() > 1)
