"""Erases arguments, salts and proofs of old decisions; their digests stay, and that they were erased.

SQLite writes over what it deletes (`secure_delete`) and its WAL is emptied; PostgreSQL keeps what was
there until it is vacuumed.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, func, insert, select, update

from delegation.commands.retention import By, Erasure
from delegation.records.engine.database import Database, upsert
from delegation.records.engine.errors import translated
from delegation.records.engine.numbers import read_numbers
from delegation.records.tables.log import ENTRIES, ERASURES
from delegation.records.tables.records import DECISIONS, NUMBERS

# What a decision's row holds where arguments, salt and proof were erased; digests and leaf stay.
ERASED: Final[dict[str, str | None]] = {
    "arguments_salt": None,
    "access": None,
    "arguments": None,
    "proof": None,
    "detail": "[null,null]",
    "resources": "[]",
}
_TIME: Final = "erasing_time"  # a number that a store has once retention is set

# Only what has its place in the log: a leaf that is still to be made needs the salt.
_OLD: Final = (
    select(DECISIONS.c.sequence)
    .join(ENTRIES, (ENTRIES.c.kind == "decision") & (ENTRIES.c.record == DECISIONS.c.id))
    .where(DECISIONS.c.at < bindparam("before"), DECISIONS.c.arguments_salt.is_not(None))
)
_DUE: Final = _OLD.order_by(DECISIONS.c.sequence).limit(bindparam("most"))
_COUNT: Final = select(func.count()).select_from(_OLD.subquery())
_ERASE: Final = update(DECISIONS).where(DECISIONS.c.sequence == bindparam("of")).values(**ERASED)
_NEWEST: Final = select(DECISIONS.c.at).order_by(DECISIONS.c.sequence.desc()).limit(1)


def erase_before(connection: Connection, before: int, most: int, *, at: int, by: By) -> int:
    """Erase what may be erased of decisions made before an instant; return of how many.

    That it was done is recorded with it.

    Args:
        connection: A transaction that writes.
        before: Unix seconds.
        most: Decisions at most.
        at: Now, Unix seconds.
        by: Who erases.
    """
    asked = {"before": before, "most": most}
    due = list(connection.execute(_DUE, asked).scalars())
    if due:
        connection.execute(_ERASE, [{"of": sequence} for sequence in due])
        row = {"at": at, "before": before, "by": by, "decisions": len(due)}
        told = upsert(connection, ERASURES).values(row)
        more = {"decisions": ERASURES.c.decisions + told.excluded.decisions}
        connection.execute(
            told.on_conflict_do_update(index_elements=["at", "before", "by"], set_=more)
        )
    return len(due)


def erasable(connection: Connection, before: int) -> int:
    """Return how many decisions `erase_before` would erase."""
    return int(connection.execute(_COUNT, {"before": before}).scalar_one())


def erasures(connection: Connection) -> list[Erasure]:
    """Return all rounds that erased something, oldest first."""
    found = connection.execute(select(ERASURES).order_by(ERASURES.c.at, ERASURES.c.before))
    return [Erasure(row.at, row.before, row.by, row.decisions) for row in found]


def newest_decision(connection: Connection) -> int:
    """Return when the newest decision was made, Unix seconds; 0 for none."""
    return int(connection.execute(_NEWEST).scalar_one_or_none() or 0)


def erasing_time(connection: Connection) -> int:
    """Return how far the time of erasing is; 0 if it was never set."""
    return read_numbers(connection).get(_TIME, 0)


def set_erasing_time(connection: Connection, at: int) -> None:
    """Set it."""
    moved = update(NUMBERS).where(NUMBERS.c.name == _TIME).values(n=at)
    if connection.execute(moved).rowcount == 0:
        connection.execute(insert(NUMBERS), {"name": _TIME, "n": at})


def empty_wal(database: Database) -> bool:
    """Write a SQLite file's WAL back and cut it to nothing; return whether nobody was in the way.

    What was erased stands there as it was until then.
    """
    if not database.is_sqlite or database.is_memory:
        return True
    with translated(), database.engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")  # so that its settings are those of a reader
        connection.rollback()
        driver = connection.connection.driver_connection
        (is_busy, *_) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()  # type: ignore[union-attr]  # the driver's own
    return not is_busy
