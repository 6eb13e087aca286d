"""Claims nonces and idempotency keys, each won by the first who writes it.

A claim is an INSERT that does nothing when the key is there; the database decides who was first,
also between processes: a loser waits for the winner's COMMIT or takes over after its rollback.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, LargeBinary, bindparam, delete, func, select, text, tuple_
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT
from sqlalchemy.types import Text

from delegation.identity.proof import NONCE_SECONDS
from delegation.records.engine import marker
from delegation.records.engine.numbers import raise_number, read_numbers
from delegation.records.engine.sqlite import cursor_of
from delegation.records.revocation.endings import forget_endings
from delegation.records.settling.kept_denials import forget_turns
from delegation.records.tables.records import ANNOUNCED, NONCES, REQUESTS

REQUEST_SECONDS: Final = 24 * 3600  # how long a lost answer may be asked for again

_NONCE_SQLITE: Final = "INSERT OR IGNORE INTO nonce (holder, jti, at) VALUES (?, ?, ?)"
_NONCE_POSTGRES: Final = text(
    "INSERT INTO nonce (holder, jti, at) SELECT * FROM unnest(:holders, :jtis, :ats)"
    " ON CONFLICT DO NOTHING RETURNING holder, jti"
).bindparams(
    bindparam("holders", type_=ARRAY(LargeBinary)),
    bindparam("jtis", type_=ARRAY(LargeBinary)),
    bindparam("ats", type_=ARRAY(BIGINT)),
)
_REQUEST_SQLITE: Final = (
    "INSERT OR IGNORE INTO request (caller, key, digest, decision, at) VALUES (?, ?, ?, ?, ?)"
)
_REQUEST_POSTGRES: Final = text(
    "INSERT INTO request (caller, key, digest, decision, at)"
    " SELECT * FROM unnest(:callers, :keys, :digests, :decisions, :ats)"
    " ON CONFLICT DO NOTHING"
).bindparams(
    bindparam("callers", type_=ARRAY(Text)),
    bindparam("keys", type_=ARRAY(Text)),
    bindparam("digests", type_=ARRAY(LargeBinary)),
    bindparam("decisions", type_=ARRAY(Text)),
    bindparam("ats", type_=ARRAY(BIGINT)),
)
_OWNERS: Final = select(REQUESTS).where(
    tuple_(REQUESTS.c.caller, REQUESTS.c.key).in_(bindparam("keys", expanding=True))
)
_NEWEST_OLD: Final = select(func.max(NONCES.c.at)).where(NONCES.c.at < bindparam("before"))


def claim_nonces(
    connection: Connection, nonces: Sequence[tuple[bytes, bytes, int]]
) -> set[tuple[bytes, bytes]]:
    """Claim (holder, jti, at) and return those (holder, jti) that nobody had claimed before.

    Args:
        connection: A transaction that writes.
        nonces: Without duplicates.
    """
    ordered = sorted(nonces)  # a fixed lock order prevents deadlock
    if connection.dialect.name == "sqlite":
        won = set()
        with cursor_of(connection) as cursor:
            for holder, jti, at in ordered:
                cursor.execute(_NONCE_SQLITE, (holder, jti, at))
                if cursor.rowcount == 1:
                    won.add((holder, jti))
        return won
    holders, jtis, ats = (list(column) for column in zip(*ordered, strict=True))
    found = connection.execute(_NONCE_POSTGRES, {"holders": holders, "jtis": jtis, "ats": ats})
    return {(bytes(row.holder), bytes(row.jti)) for row in found}


def claim_requests(
    connection: Connection, requests: Sequence[tuple[str, str, bytes, str, int]]
) -> dict[tuple[str, str], tuple[bytes, str]]:
    """Claim (caller, key, digest, decision, at) and return each key's owner: (digest, decision).

    Args:
        connection: A transaction that writes.
        requests: Without duplicates of (caller, key).
    """
    ordered = sorted(requests)
    if connection.dialect.name == "sqlite":
        with cursor_of(connection) as cursor:
            cursor.executemany(_REQUEST_SQLITE, ordered)
    else:
        names = ("callers", "keys", "digests", "decisions", "ats")
        columns: dict[str, Any] = {
            name: list(column)
            for name, column in zip(names, zip(*ordered, strict=True), strict=True)
        }
        connection.execute(_REQUEST_POSTGRES, columns)
    keys = [(caller, key) for caller, key, *_ in ordered]
    return {
        (row.caller, row.key): (bytes(row.digest), row.decision)
        for row in connection.execute(_OWNERS, {"keys": keys})
    }


def close_off(connection: Connection, at: int) -> int:
    """Declare claims forgotten that no request can meet any more; return the mark up to where.

    The mark is what keeps a clock that is set back from meeting proofs whose nonces are gone. It is
    set by what is there, not by the clock alone: one that ran ahead for a moment and is right again
    does not refuse for as long as it was ahead.

    Args:
        connection: A transaction that holds the gate alone: whoever settles has read the mark
            before or reads it after, and a claim below it is not being made meanwhile.
        at: Unix seconds.
    """
    newest = connection.execute(_NEWEST_OLD, {"before": at - NONCE_SECONDS}).scalar_one()
    if newest is not None:
        raise_number(connection, "nonces_before", newest + 1)
    return read_numbers(connection)["nonces_before"]


def forget_old(connection: Connection, at: int, nonces_before: int, *, sure: int | None) -> None:
    """Delete nonces below the mark of `close_off`, and other claims by their age.

    Args:
        connection: A transaction that writes.
        at: What the clock says, Unix seconds; of counts of denials, which may begin anew.
        nonces_before: The mark.
        sure: The time that it surely is: a key that is forgotten too early lets its call be decided,
            and charged, twice. None forgets no key.
    """
    connection.execute(delete(NONCES).where(NONCES.c.at < nonces_before))
    marker.forget_old(connection)
    if sure is not None:
        forget_endings(connection, at=sure)
        connection.execute(delete(REQUESTS).where(REQUESTS.c.at < sure - REQUEST_SECONDS))
        connection.execute(delete(ANNOUNCED).where(ANNOUNCED.c.expires_at < sure))
    forget_turns(connection, at)
