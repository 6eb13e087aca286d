"""Keeps revocations in a file beside the key ring, out of reach of a database's backups.

A database that is restored from an older backup has forgotten revocations that people rely on, and
learns them again when it is opened.

One line for each change of standing, in the order of their numbers, appended after COMMIT and before
the answer; and one for each API key that was withdrawn and each request for approval that was refused or
used, which are no changes of the feed. The file says more than the database only after a restore. Lines
of other stores are passed over: a store's number is drawn once and is part of its backups. So is a line
that was cut while it was written: that change was not answered, and was written again.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias, cast

from sqlalchemy import Connection, delete, insert, select, update

from delegation.commands.retry import tried_again
from delegation.errors import ConfigurationError, StoreUnavailableError
from delegation.judge.subject import Subject
from delegation.lineage.feed import Revocation
from delegation.lineage.revocation_effect import holding
from delegation.records.engine.database import Database
from delegation.records.engine.numbers import raise_number, read_numbers
from delegation.records.revocation import changes
from delegation.records.tables.approvals import APPROVALS
from delegation.records.tables.people import API_KEYS, LOGINS
from delegation.records.tables.records import NUMBERS, REVOCATIONS, TASKS

_KEPT: Final = ("revoke", "suspend", "resume", "close")
_STORE: Final = "store"
_OPEN: Final = ("pending", "granted")  # states of a request that may still be used
_CHUNK: Final = 400  # values in one IN list
_REASON: Final = 500  # characters, as `commands.revoke` admits them
_CUT: Final = re.compile(rb"\[(-|-?\d+|-?\d+,.*)?", re.DOTALL)  # as each line begins
MarkAct: TypeAlias = Literal["withdraw", "refused", "used"]
_MARKS: Final = ("withdraw", "refused", "used")
_LOG: Final = logging.getLogger("delegation.records")


@dataclass(frozen=True, slots=True)
class Mark:
    """One end that is no change of the feed.

    Args:
        act: `withdraw` of an API key; `refused` or `used` of a request for approval.
        id: The key's name, or the request.
        at: Unix seconds: when the key was made, or the request ended.
    """

    act: MarkAct
    id: str
    at: int


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the file: a change with its cause, or a mark, and the store that it is of."""

    store: int
    told: Revocation | Mark
    cause: str = ""


class KeptRevocations:
    """The file of one ring.

    Args:
        database: The store that it is about.
        file: Where it is; made with the first change.
    """

    def __init__(self, database: Database, file: Path) -> None:
        """Read nothing yet."""
        self._database = database
        self._file = file
        self._store = 0
        self._upto = 0

    def restore(self, *, at: int, draw: Callable[[], int]) -> int:
        """Tell the database what it has forgotten, and the file what it does not know; at opening.

        Args:
            at: Unix seconds.
            draw: Draws the number by which a store that has none is told from others.

        Returns:
            How many changes were told again.

        Raises:
            ConfigurationError: The file cannot be read.
            StoreUnavailableError: The database does not answer.
        """
        with self._database.reading() as connection:
            self._store = read_numbers(connection).get(_STORE, 0)
        if self._store == 0:
            self._name(draw)
        lines = (
            self._lines()
        )  # read before the snapshot, which has whatever they were written after
        with self._database.reading() as connection:
            is_whole = _is_known(connection, lines) and not _revived(connection, lines)
        told = 0 if is_whole else self._tell_again(at)
        self._upto = max((one.epoch for one in _changes(lines)), default=0) if is_whole else 0
        self.keep()
        return told

    def mark(self, marks: Iterable[Mark]) -> None:
        """Append ends that are no changes of the feed; a file that cannot be written is logged."""
        lines = [json.dumps([self._store, 0, m.act, m.id, m.at]).encode() for m in marks]
        try:
            if lines:
                _append(self._file, lines)
        except OSError as error:
            _LOG.warning("what was ended could not be kept beside the ring: %s", error)

    def keep(self) -> None:
        """Append what was told since; a file that cannot be written is logged, the change holds."""
        query = select(REVOCATIONS).where(
            REVOCATIONS.c.epoch > self._upto, REVOCATIONS.c.act.in_(_KEPT)
        )
        try:
            with self._database.reading() as connection:
                found = connection.execute(query.order_by(REVOCATIONS.c.epoch)).all()
            if found:
                told = ((changes.change_of(row), row.cause) for row in found)
                _append(self._file, [_written(self._store, *one) for one in told])
                self._upto = found[-1].epoch
        except (OSError, StoreUnavailableError) as error:
            # It holds, and is told to the file with the next change or at the next start.
            _LOG.warning("what was ended could not be kept beside the ring: %s", error)

    @tried_again
    def _name(self, draw: Callable[[], int]) -> None:
        with self._database.writing(alone=True) as connection:
            held = read_numbers(connection).get(_STORE, 0)
            self._store = held or draw()
            if not held:
                connection.execute(insert(NUMBERS), {"name": _STORE, "n": self._store})

    @tried_again
    def _tell_again(self, at: int) -> int:
        with self._database.writing(alone=True) as connection:
            # Several processes append: each change once, in the order of their numbers.
            lines = self._lines()
            known = {line.told: line.cause for line in lines if isinstance(line.told, Revocation)}
            made = _changes(lines)
            lost = [one for one in made if not _has(connection, one)]
            lost = [] if _is_known(connection, lines) else lost
            if lost:
                # Their numbers are not given out again: who has applied them asks for what came after.
                raise_number(connection, "epoch", made[-1].epoch)
            told = sum(_tell(connection, change, known[change], at) for change in lost)
            marked = sum(_end(connection, one) for one in _revived(connection, lines))
            if lost or marked:
                _shut(connection, at)
        if lost or marked:
            _LOG.warning(
                "the database was restored from an older backup: %d changes of standing were told "
                "again, %d keys and requests ended again; all sessions and waiting grants are over",
                told,
                marked,
            )
        return told + marked

    def _lines(self) -> list[_Line]:
        """Return this store's lines, in the order they were written."""
        try:
            text = self._file.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unreadable() from error
        found: list[_Line] = []
        for number, line in enumerate(text.split(b"\n"), start=1):
            read = self._read(number, line) if line else None
            if read is not None and read.store == self._store:
                found.append(read)
        return found

    def _read(self, number: int, line: bytes) -> _Line | None:
        try:
            store, epoch, act, *rest = json.loads(line)
            told: Revocation | Mark
            if act in _MARKS:
                name, at = rest
                told, cause = Mark(cast("MarkAct", act), name, at), ""
            else:
                kind, name, by, reason, at, begins, cause = rest
                told = Revocation(epoch, Subject(kind, name), by, reason, at, act, begins)
        except (TypeError, ValueError, RecursionError) as error:
            if isinstance(error, json.JSONDecodeError) and _CUT.fullmatch(line):
                _LOG.warning("line %d of %s was cut while it was written", number, self._file)
                return None
            raise self._unreadable() from error
        if type(store) is not int or type(epoch) is not int or act not in (*_KEPT, *_MARKS):
            raise self._unreadable()
        return _Line(store, told, cause)

    def _unreadable(self) -> ConfigurationError:
        return ConfigurationError(
            f"What was ended before cannot be read from {self._file}.",
            remedy="Put the file back from its backup; moved away, what an older backup of the "
            "database has forgotten stands again.",
        )


def _written(store: int, change: Revocation, cause: str) -> bytes:
    # Reasons are texts as people wrote them, which need have no canonical form.
    body = [
        store, change.epoch, change.act, change.subject.kind, change.subject.id,
        change.by, change.reason, change.at, change.effective_at, cause,
    ]  # fmt: skip
    return json.dumps(body, separators=(",", ":")).encode()


def _append(file: Path, lines: Iterable[bytes]) -> None:
    # One write, so that two processes do not mix theirs; a line that both append is one change. It
    # begins with a line's end: what was cut before, by a full disk, is a line of its own.
    text = b"\n" + b"".join(line + b"\n" for line in lines)
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        if os.write(handle, text) != len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))
        os.fsync(handle)
    finally:
        os.close(handle)


def _end(connection: Connection, mark: Mark) -> bool:
    """End an API key or a request again that was ended; return whether it was forgotten."""
    if mark.act == "withdraw":
        gone = update(API_KEYS).where(API_KEYS.c.name == mark.id, API_KEYS.c.is_revoked.is_(False))
        return connection.execute(gone.values(is_revoked=True)).rowcount == 1
    gone = update(APPROVALS).where(APPROVALS.c.id == mark.id, APPROVALS.c.state.in_(_OPEN))
    return connection.execute(gone.values(state=mark.act, ended_at=mark.at)).rowcount == 1


def _shut(connection: Connection, at: int) -> None:
    """End all sessions, and what was granted and not used: which of them were over is not known."""
    connection.execute(delete(LOGINS))
    granted = update(APPROVALS).where(APPROVALS.c.state == "granted", APPROVALS.c.expires_at > at)
    connection.execute(granted.values(expires_at=at))


def _changes(lines: Iterable[_Line]) -> list[Revocation]:
    """Return the changes among these lines, each once, in the order of their numbers."""
    found = dict.fromkeys(line.told for line in lines if isinstance(line.told, Revocation))
    return sorted(found, key=lambda change: change.epoch)


def _is_known(connection: Connection, lines: Iterable[_Line]) -> bool:
    """Return whether the newest change is recorded: then what was before it is, or was told again."""
    made = _changes(lines)
    return not made or _has(connection, made[-1])


def _revived(connection: Connection, lines: Iterable[_Line]) -> list[Mark]:
    """Return the marks of which the database knows nothing, though it knows their subject."""
    marks = list(dict.fromkeys(line.told for line in lines if isinstance(line.told, Mark)))
    found: list[Mark] = []
    for start in range(0, len(marks), _CHUNK):
        part = marks[start : start + _CHUNK]
        names = [mark.id for mark in part]
        live = select(API_KEYS.c.name, API_KEYS.c.at).where(API_KEYS.c.name.in_(names))
        live = live.where(API_KEYS.c.is_revoked.is_(False))
        # One that was made since, under a name that the backup did not know, is another key.
        keys = {(row.name, row.at) for row in connection.execute(live)}
        waiting = select(APPROVALS.c.id).where(
            APPROVALS.c.id.in_(names), APPROVALS.c.state.in_(_OPEN)
        )
        requests = set(connection.execute(waiting).scalars())
        found += [m for m in part if m.act == "withdraw" and (m.id, m.at) in keys]
        found += [m for m in part if m.act != "withdraw" and m.id in requests]
    return found


def _has(connection: Connection, change: Revocation) -> bool:
    query = select(REVOCATIONS).where(REVOCATIONS.c.epoch == change.epoch)
    row = connection.execute(query).one_or_none()
    return row is not None and changes.change_of(row) == change


def _tell(connection: Connection, change: Revocation, cause: str, at: int) -> bool:
    """Record a change once more, under a new number; return whether it still was one."""
    subject = change.subject
    began = datetime.fromtimestamp(max(change.at, change.effective_at), UTC)
    reason = f"{change.reason} (since {began:%Y-%m-%dT%H:%M:%SZ}; told again after a restore)"
    given = {"by": change.by, "reason": reason.strip()[:_REASON], "at": at, "cause": cause}
    held = holding(changes.of(connection, subject), at=at)
    match change.act:
        case "close":
            gone = update(TASKS).where(TASKS.c.id == subject.id, TASKS.c.state == "open")
            values = gone.values(state=change.reason, closed_at=change.at)
            if connection.execute(values).rowcount != 1:
                return False
            changes.tell(connection, "close", subject, **given)  # type: ignore[arg-type]
        case "revoke":
            begins = max(at, change.effective_at)
            earlier = changes.of(connection, subject)
            if any(one.act == "revoke" and one.effective_at <= begins for one in earlier):
                return False
            changes.tell(connection, "revoke", subject, **given, effective_at=change.effective_at)  # type: ignore[arg-type]
        case _:
            is_ended = held is not None
            if is_ended is (change.act == "suspend") or (held is not None and held.act == "revoke"):
                return False
            changes.tell(connection, change.act, subject, **given)  # type: ignore[arg-type]
    return True
