"""Records changes of standing, numbered without gaps, and reads them back for followers."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Row, and_, bindparam, insert, select

from delegation.errors import ConflictError
from delegation.judge.subject import Subject
from delegation.lineage.feed import Act, Feed, Revocation
from delegation.records.engine.numbers import read_numbers, take_number
from delegation.records.log.leaves import log_change
from delegation.records.tables.records import REVOCATIONS

CHANNEL: Final = "delegation_standing"  # PostgreSQL's NOTIFY: a hint to look, never the news itself
# A task's end and a registration are told to those who remember answers about tasks and agents.
SUBJECT_ACTS: Final = ("revoke", "suspend", "resume")
_OF: Final = (
    select(REVOCATIONS)
    .where(
        REVOCATIONS.c.kind == bindparam("of_kind"),
        REVOCATIONS.c.id == bindparam("of_id"),
        REVOCATIONS.c.act.in_(SUBJECT_ACTS),
    )
    .order_by(REVOCATIONS.c.epoch)
)


def tell(  # what a change consists of
    connection: Connection,
    act: Act,
    subject: Subject,
    *,
    by: str,
    reason: str,
    at: int,
    effective_at: int | None = None,
    cause: str = "",
) -> Revocation:
    """Record a change under the next number; the transaction holds the gate alone."""
    epoch = take_number(connection, "epoch")
    begins = at if effective_at is None else max(at, effective_at)
    row = {
        "epoch": epoch,
        "kind": subject.kind,
        "id": subject.id,
        "act": act,
        "by": by,
        "reason": reason,
        "at": at,
        "effective_at": begins,
        "cause": cause,
    }
    connection.execute(insert(REVOCATIONS), row)
    log_change(connection, row)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"NOTIFY {CHANNEL}")
    return Revocation(epoch, subject, by, reason, at, act, begins)


def revoke(  # what a change consists of
    connection: Connection,
    subject: Subject,
    *,
    by: str,
    reason: str,
    at: int,
    effective_at: int | None = None,
) -> Revocation:
    """Record a revocation, or return the one that holds as early already."""
    begins = at if effective_at is None else max(at, effective_at)
    for row in _rows(connection, subject):
        if row.act == "revoke" and row.effective_at <= begins:
            return change_of(row)
    return tell(
        connection, "revoke", subject, by=by, reason=reason, at=at, effective_at=effective_at
    )


def suspend(  # what a change consists of
    connection: Connection, subject: Subject, *, by: str, reason: str, at: int, cause: str = ""
) -> Revocation:
    """Record a suspension, or return the one that holds.

    Raises:
        ConflictError: The subject is revoked, which is final.
    """
    rows = _rows(connection, subject)
    _refuse_revoked(rows, at)
    latest = _latest(rows)
    if latest is not None and latest.act == "suspend":
        return change_of(latest)
    return tell(connection, "suspend", subject, by=by, reason=reason, at=at, cause=cause)


def resume(
    connection: Connection, subject: Subject, *, by: str, reason: str, at: int
) -> Revocation:
    """Record that a suspension ends.

    Raises:
        ConflictError: The subject is revoked, which is final, or is not suspended.
    """
    rows = _rows(connection, subject)
    _refuse_revoked(rows, at)
    latest = _latest(rows)
    if latest is None or latest.act != "suspend":
        raise ConflictError("It is not suspended.")
    return tell(connection, "resume", subject, by=by, reason=reason, at=at)


def _rows(connection: Connection, subject: Subject) -> list[Row[Any]]:
    return list(connection.execute(_OF, {"of_kind": subject.kind, "of_id": subject.id}))


def _latest(rows: list[Row[Any]]) -> Row[Any] | None:
    moved = [row for row in rows if row.act != "revoke"]
    return moved[-1] if moved else None


def _refuse_revoked(rows: list[Row[Any]], at: int) -> None:
    if any(row.act == "revoke" and row.effective_at <= at for row in rows):
        raise ConflictError("It is revoked, which is final.")


def of(connection: Connection, subject: Subject) -> list[Revocation]:
    """Return what was ever recorded of one subject, oldest first."""
    return [change_of(row) for row in _rows(connection, subject)]


def cause_of(connection: Connection, change: Revocation) -> str:
    """Return what a suspension came with, nothing if it is one for itself."""
    query = select(REVOCATIONS.c.cause).where(REVOCATIONS.c.epoch == change.epoch)
    return str(connection.execute(query).scalar_one())


def feed(connection: Connection, *, after: int, limit: int, history: bool = False) -> Feed:
    """Return what changed after an epoch, oldest first, complete up to the feed's own epoch.

    Args:
        connection: A snapshot, or a transaction that writes.
        after: The last epoch that the reader has applied.
        limit: At most so many changes.
        history: Leave out closings and registrations, for a reader that remembers nothing yet.
    """
    numbers = read_numbers(connection)
    newest = numbers["epoch"]
    wanted = and_(REVOCATIONS.c.epoch > after, REVOCATIONS.c.epoch <= newest)
    if history:
        wanted = and_(wanted, REVOCATIONS.c.act.in_(SUBJECT_ACTS))
    query = select(REVOCATIONS).where(wanted).order_by(REVOCATIONS.c.epoch).limit(limit)
    found = tuple(change_of(row) for row in connection.execute(query))
    upto = found[-1].epoch if len(found) == limit else newest
    return Feed(found, upto, newest, numbers["catalogue"])


def change_of(row: Row[Any]) -> Revocation:
    """Return a row as a change."""
    return Revocation(
        row.epoch,
        Subject(row.kind, row.id),
        row.by,
        row.reason,
        row.at,
        row.act,
        row.effective_at,
    )
