"""Tries whether a database takes writes, without writing: statements that meet no row."""

from __future__ import annotations

from typing import Final

from sqlalchemy.exc import DBAPIError

from delegation.commands.readiness import StoreReadOnlyError
from delegation.records.engine.database import Database
from delegation.records.engine.errors import translated

# What each settled call writes. No row is met, so none is locked and no transaction id is used; the
# server judges rights, and whether it is a standby, all the same.
_TRY: Final = """
WITH a AS (INSERT INTO decision (id) SELECT '' WHERE false RETURNING 1),
b AS (INSERT INTO nonce (at) SELECT 0 WHERE false RETURNING 1),
c AS (INSERT INTO batch (id) SELECT '' WHERE false RETURNING 1),
d AS (INSERT INTO log_pending (kind) SELECT '' WHERE false RETURNING 1),
e AS (UPDATE counter SET id = id WHERE false RETURNING 1),
f AS (UPDATE numbers SET n = n WHERE false RETURNING 1),
g AS (DELETE FROM nonce WHERE false RETURNING 1)
SELECT extract(epoch FROM clock_timestamp())::bigint
"""
_REFUSED: Final = frozenset(
    {"42501", "25006"}
)  # no right to; a read-only transaction, or a standby


def refuse_unless_writable(database: Database) -> int | None:
    """Refuse a database that can be read only; return its server's clock, None for a file.

    Not seen here: a full disk, which only a COMMIT meets.

    Raises:
        StoreMovedError: Its file is not the one at its path.
        StoreReadOnlyError: Its user may only read, or the server is a standby.
        StoreUnavailableError: It does not answer.
    """
    if database.file is not None:
        database.file.refuse_if_gone()
        if not database.file.is_writable:
            raise StoreReadOnlyError
    if database.is_sqlite:
        return None
    with translated():
        try:
            with database.engine.connect() as connection:
                return int(connection.exec_driver_sql(_TRY).scalar_one())
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) in _REFUSED:
                raise StoreReadOnlyError from error
            raise
