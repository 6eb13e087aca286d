"""Changes of what stands, with the line of renewals that a link belongs to."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from delegation.judge.facts import Subject
from delegation.lineage.feed import Revocation
from delegation.records import changes
from delegation.records.renewals import held_in_line

_REASON: Final = 500  # characters, as `tracker.revoke` admits them


def revoke(  # what a change consists of
    connection: Connection,
    subject: Subject,
    *,
    by: str,
    reason: str,
    at: int,
    effective_at: int | None = None,
) -> Revocation:
    """Record a revocation of a subject, and of its line if it is a link; see `changes.revoke`.

    The line goes first, so that whoever has applied the answer's epoch has applied all of it.
    """
    if not any(change.act == "revoke" for change in changes.of(connection, subject)):
        told = _told(subject, reason)
        for other in _line(connection, subject, at):
            changes.revoke(connection, other, by=by, reason=told, at=at, effective_at=effective_at)
    return changes.revoke(
        connection, subject, by=by, reason=reason, at=at, effective_at=effective_at
    )


def suspend(
    connection: Connection, subject: Subject, *, by: str, reason: str, at: int
) -> Revocation:
    """Record a suspension of a subject, and of its line if it is a link; see `changes.suspend`.

    Raises:
        ConflictError: The subject is revoked, which is final.
    """
    for other in _line(connection, subject, at):
        if not any(change.act == "revoke" for change in changes.of(connection, other)):
            told = _told(subject, reason)
            changes.suspend(connection, other, by=by, reason=told, at=at)
    return changes.suspend(connection, subject, by=by, reason=reason, at=at)


def resume(
    connection: Connection, subject: Subject, *, by: str, reason: str, at: int
) -> Revocation:
    """Record that a suspension ends, and what was suspended of its line with it.

    What another suspension of the line's other links stopped stays stopped.

    Raises:
        ConflictError: The subject is revoked, which is final, or is not suspended.
    """
    done = changes.resume(connection, subject, by=by, reason=reason, at=at)
    for other in _line(connection, subject, at):
        latest = changes.of(connection, other)[-1:]
        if latest and latest[0].act == "suspend" and latest[0].reason.startswith(_told(subject)):
            changes.resume(connection, other, by=by, reason=_told(subject, reason), at=at)
    return done


def _line(connection: Connection, subject: Subject, at: int) -> list[Subject]:
    if subject.kind != "link":
        return []
    return [Subject("link", link) for link in held_in_line(connection, subject.id, at=at)]


def _told(subject: Subject, reason: str = "") -> str:
    return f"in one line of renewals with {subject.id}: {reason}"[:_REASON].rstrip()
