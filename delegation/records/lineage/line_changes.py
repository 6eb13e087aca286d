"""Revokes, suspends and resumes a link with its renewals, and an owner under every spelling.

Each suspension is one row of its own subject; those that come with it name it, and only its own end
lifts them. Where two of a line are suspended for themselves, both must be resumed.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from delegation.errors import ConflictError
from delegation.identity.person import folded
from delegation.judge.subject import Subject
from delegation.lineage.feed import Revocation
from delegation.lineage.revocation_effect import holding
from delegation.records.lineage.renewals import held_in_line, line, lines_of
from delegation.records.revocation import changes
from delegation.records.revocation.revoked_people import ended_people, spellings

_EVER: Final = 2**62
_REASON: Final = 500  # characters, as `commands.revoke` admits them
_WITH: Final = {"link": "in one line of renewals with", "owner": "spelled otherwise than"}


def revoke(  # what a change consists of
    connection: Connection,
    subject: Subject,
    *,
    by: str,
    reason: str,
    at: int,
    effective_at: int | None = None,
) -> Revocation:
    """Record a revocation of a subject and of what goes with it; see `changes.revoke`.

    The others go first, so that whoever has applied the answer's epoch has applied all of it. What
    holds as early already is not repeated: what was handed out anew since is another matter.
    """
    begins = at if effective_at is None else max(at, effective_at)
    known = changes.of(connection, subject)
    if not any(one.act == "revoke" and one.effective_at <= begins for one in known):
        told = _told(subject, reason)
        for other in _ended_with(connection, subject, at):
            changes.revoke(connection, other, by=by, reason=told, at=at, effective_at=effective_at)
    return changes.revoke(
        connection, subject, by=by, reason=reason, at=at, effective_at=effective_at
    )


def suspend(
    connection: Connection, subject: Subject, *, by: str, reason: str, at: int
) -> Revocation:
    """Record a suspension of a subject and of what goes with it; see `changes.suspend`.

    Raises:
        ConflictError: The subject is revoked, which is final.
    """
    for other in _ended_with(connection, subject, at):
        if _holding(connection, other, at) is None:
            told = _told(subject, reason)
            changes.suspend(connection, other, by=by, reason=told, at=at, cause=subject.id)
    held = _holding(connection, subject, at)
    if held is not None and held.act == "suspend" and changes.cause_of(connection, held):
        # It came with another so far. This is one of its own, and outlasts the end of that.
        return changes.tell(connection, "suspend", subject, by=by, reason=reason, at=at)
    return changes.suspend(connection, subject, by=by, reason=reason, at=at)


def resume(
    connection: Connection, subject: Subject, *, by: str, reason: str, at: int
) -> Revocation:
    """Record that a suspension ends, and of what goes with it what was suspended by it.

    What another suspension of the same line stops stays stopped: then the answer is a suspension,
    whose reason names the one that is left.

    Raises:
        ConflictError: The subject is revoked, which is final, or is not suspended, or is suspended
            with another one, which is to be resumed instead.
    """
    held = _holding(connection, subject, at)
    cause = "" if held is None or held.act != "suspend" else changes.cause_of(connection, held)
    if cause and _is_own(connection, _holding(connection, Subject(subject.kind, cause), at)):
        raise ConflictError(f"It is suspended with {cause}: resume that one.")
    others = [(one, _holding(connection, one, at)) for one in _together(connection, subject)]
    left = next((one for one, change in others if _is_own(connection, change)), None)
    for other, change in others:
        if change is None or change.act != "suspend":
            continue
        if changes.cause_of(connection, change) == subject.id:
            _end(connection, other, left, by=by, reason=_told(subject, reason), at=at)
    return _end(connection, subject, left, by=by, reason=reason, at=at)


def refuse_respelled(connection: Connection, owner: str) -> None:
    """Refuse an owner who is ended here under another spelling, or will be.

    Raises:
        ConflictError: An owner is, whose folded name is the same.
    """
    held = ended_people(connection, at=_EVER).get(folded(owner))
    if held is not None and held.subject.id != owner:
        name = held.subject.id
        raise ConflictError(f"This owner is known here as {name}, and is revoked or suspended.")


def _end(
    connection: Connection, subject: Subject, left: Subject | None, *, by: str, reason: str, at: int
) -> Revocation:
    if left is None:
        return changes.resume(connection, subject, by=by, reason=reason, at=at)
    told = _told(left, reason)
    return changes.tell(connection, "suspend", subject, by=by, reason=told, at=at, cause=left.id)


def _together(connection: Connection, subject: Subject) -> list[Subject]:
    """Return what is ended with a subject: the others of a link's line, an owner's other spellings."""
    match subject.kind:
        case "link":
            return [Subject("link", name) for name in line(connection, subject.id)]
        case "owner":
            return [
                Subject("owner", name)
                for name in spellings(connection, subject.id)
                if name != subject.id
            ]
    return []


def _ended_with(connection: Connection, subject: Subject, at: int) -> list[Subject]:
    """Return what is ended with a subject; of a line what is not over.

    The first of a line is ended though its window be over: by it what renews the line later, offline,
    is known to be ended too.
    """
    if subject.kind != "link":
        return _together(connection, subject)
    held = dict.fromkeys(held_in_line(connection, subject.id, at=at))
    first = lines_of(connection, [subject.id]).values()
    names = dict.fromkeys([*held, *first])
    return [Subject("link", name) for name in names if name != subject.id]


def _holding(connection: Connection, subject: Subject, at: int) -> Revocation | None:
    return holding(changes.of(connection, subject), at=at)


def _is_own(connection: Connection, change: Revocation | None) -> bool:
    if change is None or change.act != "suspend":
        return False
    return not changes.cause_of(connection, change)


def _told(subject: Subject, reason: str = "") -> str:
    return f"{_WITH.get(subject.kind, '')} {subject.id}: {reason}"[:_REASON].strip()
