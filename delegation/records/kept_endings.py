"""What was ended, kept in a file beside the key ring, out of reach of a database's backups.

A database that is restored from an older backup has forgotten revocations that people rely on, and
learns them again when it is opened.

One line for each change of what stands, in the order of their numbers, appended after COMMIT and before
the answer. The file says more than the database only after a restore. Lines of other stores are passed
over: a store's number is drawn once and is part of its backups.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, insert, select, update

from delegation.errors import ConfigurationError, StoreUnavailableError
from delegation.judge.facts import Subject
from delegation.lineage.ending import holding
from delegation.lineage.feed import Revocation
from delegation.records import changes
from delegation.records.database import Database
from delegation.records.numbers import raise_number, read_numbers
from delegation.records.tables import NUMBERS, REVOCATIONS, TASKS
from delegation.tracker.retry import tried_again

_KEPT: Final = ("revoke", "suspend", "resume", "close")
_STORE: Final = "store"
_TAIL: Final = 8192  # bytes that hold the last line whole: ids, names and reasons are bounded
_LOG: Final = logging.getLogger("delegation.records")


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the file: a change, and the store that it was made in."""

    store: int
    change: Revocation


class KeptEndings:
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
            numbers = read_numbers(connection)
            self._store = numbers.get(_STORE, 0)
            last = self._last()
            is_known = last is None or last.store != self._store or _has(connection, last.change)
        if self._store == 0:
            self._name(draw)
        told = 0
        if last is not None and not is_known:
            told = self._tell_again(at)
        if last is not None and last.store == self._store and is_known:
            self._upto = last.change.epoch
        self.keep()
        return told

    def keep(self) -> None:
        """Append what was told since; a file that cannot be written is logged, the change holds."""
        query = select(REVOCATIONS).where(
            REVOCATIONS.c.epoch > self._upto, REVOCATIONS.c.act.in_(_KEPT)
        )
        try:
            with self._database.reading() as connection:
                found = connection.execute(query.order_by(REVOCATIONS.c.epoch)).all()
            if found:
                told = (changes.change_of(row) for row in found)
                _append(self._file, b"".join(_written(self._store, one) for one in told))
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
            known = dict.fromkeys(
                line.change for line in self._lines() if line.store == self._store
            )
            lines = sorted(known, key=lambda change: change.epoch)
            lost = [change for change in lines if not _has(connection, change)]
            # Their numbers are not given out again: who has applied them asks for what came after.
            raise_number(connection, "epoch", max(change.epoch for change in lines))
            told = sum(_tell(connection, change, at) for change in lost)
        _LOG.warning(
            "the database was restored from an older backup: %d changes of what stands were told again",
            told,
        )
        return told

    def _last(self) -> _Line | None:
        try:
            with self._file.open("rb") as stream:
                size = stream.seek(0, os.SEEK_END)
                stream.seek(max(0, size - _TAIL))
                ends = [line for line in stream.read().split(b"\n")[:-1] if line]
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable() from error
        return self._read(ends[-1]) if ends else None

    def _lines(self) -> Iterator[_Line]:
        try:
            text = self._file.read_bytes()
        except OSError as error:
            raise self._unreadable() from error
        # What follows the last line's end was being written when the process died: never answered.
        for line in text.split(b"\n")[:-1]:
            if line:
                yield self._read(line)

    def _read(self, line: bytes) -> _Line:
        try:
            body = json.loads(line)
            store, epoch, act, kind, name, by, reason, at, begins = body
            subject = Subject(kind, name)
            change = Revocation(epoch, subject, by, reason, at, act, begins)
        except (TypeError, ValueError, RecursionError) as error:
            raise self._unreadable() from error
        if type(store) is not int or type(epoch) is not int or act not in _KEPT:
            raise self._unreadable()
        return _Line(store, change)

    def _unreadable(self) -> ConfigurationError:
        return ConfigurationError(
            f"What was ended before cannot be read from {self._file}.",
            remedy="Put the file back from its backup; moved away, what an older backup of the "
            "database has forgotten stands again.",
        )


def _written(store: int, change: Revocation) -> bytes:
    # Reasons are texts as people wrote them, which need have no canonical form.
    body = [
        store, change.epoch, change.act, change.subject.kind, change.subject.id,
        change.by, change.reason, change.at, change.effective_at,
    ]  # fmt: skip
    return json.dumps(body, separators=(",", ":")).encode() + b"\n"


def _append(file: Path, lines: bytes) -> None:
    # One write, so that two processes do not mix theirs; a line that both append is one change.
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        while lines:
            lines = lines[os.write(handle, lines) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _has(connection: Connection, change: Revocation) -> bool:
    query = select(REVOCATIONS).where(REVOCATIONS.c.epoch == change.epoch)
    row = connection.execute(query).one_or_none()
    return row is not None and changes.change_of(row) == change


def _tell(connection: Connection, change: Revocation, at: int) -> bool:
    """Record a change once more, under a new number; return whether it still was one."""
    subject = change.subject
    given = {"by": change.by, "reason": change.reason, "at": at}
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
