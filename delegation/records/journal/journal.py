"""Follows what is ended into the journal, and tells it again to a database that is older.

A database that is restored from an older backup has forgotten what people rely on. It learns that again
when it is opened, or when a process notices that it was put back below it. Written after COMMIT and before
the answer, by whoever ended something; by every other process within a second. What cannot be written is
told in the log of the process and caught up with: ending something never waits for the journal's disk.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Final

from sqlalchemy import Connection, and_, insert, or_, select

from delegation import sent_json
from delegation.commands.retry import tried_again
from delegation.errors import ConfigurationError, StoreUnavailableError
from delegation.records.engine.database import Database
from delegation.records.engine.numbers import raise_number, read_numbers
from delegation.records.journal.again import end_again, has, shut, tell_again
from delegation.records.journal.file import NOTHING, JournalFile, Upto
from delegation.records.journal.line import KEPT, Line, Told
from delegation.records.journal.lost import signed_beyond, tell_lost
from delegation.records.lineage.caches import Caches
from delegation.records.revocation import changes
from delegation.records.revocation.endings import (
    Ending,
    endings_after,
    forget_endings,
    known_endings,
    note_endings,
    restorations,
)
from delegation.records.tables.endings import ENDINGS
from delegation.records.tables.records import LINKS, NUMBERS, REVOCATIONS, TASKS
from delegation.records.work import SqlWork

_STORE: Final = "store"
_SEEN: Final = "restored"  # for how many signed entries a restored backup was dealt with
_MOST: Final = 5000  # lines of one append
_AFTER_DEADLINE: Final = 86_400  # seconds by which no two clocks differ
_SHOWN: Final = 30 * 86_400  # seconds for which doctor tells of a restored backup
# Nothing of a task outlives its deadline, so what ends a task or a link need not be kept for ever. A
# link's own end would be too soon: where the first of a line of renewals is revoked, none is renewed.
_SINCE: Final = (
    select(REVOCATIONS, TASKS.c.deadline)
    .outerjoin(LINKS, and_(REVOCATIONS.c.kind == "link", LINKS.c.id == REVOCATIONS.c.id))
    .outerjoin(
        TASKS,
        or_(
            and_(REVOCATIONS.c.kind == "task", TASKS.c.id == REVOCATIONS.c.id),
            TASKS.c.id == LINKS.c.task,
        ),
    )
    .where(REVOCATIONS.c.act.in_(KEPT))
    .order_by(REVOCATIONS.c.epoch)
)
_LOG: Final = logging.getLogger("delegation.records")
Kept = tuple[int, int, "Told | Ending"]


class Journal:
    """The journal of one ring, for one store.

    Args:
        database: The store.
        caches: What this process keeps of it.
        file: The journal's file.
        issuer: Whose log the key remembers.
        memory: File in which the log's key remembers what it signed.
        folder: Of the log's tiles.
    """

    def __init__(
        self,
        database: Database,
        caches: Caches,
        file: JournalFile,
        *,
        issuer: str,
        memory: Path | None,
        folder: Path | None,
    ) -> None:
        """Read nothing yet."""
        self._database = database
        self._caches = caches
        self._file = file
        self._issuer = issuer
        self._memory = memory
        self._folder = folder
        self._store = 0
        self._seen: Upto = NOTHING
        self._lock = Lock()
        self.fault = ""

    def restore(self, *, at: int, draw: Callable[[], int]) -> int:
        """Tell the database what it has forgotten, and the file what it does not know; at opening.

        Args:
            at: Unix seconds.
            draw: Draws the number by which a store that has none is told from others.

        Returns:
            How much was told again.

        Raises:
            ConfigurationError: The file cannot be read, was altered, or was cut.
            StoreUnavailableError: The database does not answer.
        """
        with self._database.reading() as connection:
            self._store = read_numbers(connection).get(_STORE, 0)
        if self._store == 0:
            self._name(draw)
        told = self._restore(at)
        self.follow(at=at)
        try:
            if self._file.is_of_before or self._file.is_due:
                self._write_anew(at)
            self._file.keep_head()
        except OSError as error:
            self._say(str(error))
        return told

    def _restore(self, at: int) -> int:
        # Read before the snapshot, which has whatever they were written after.
        lines = [line for line in self._file.read() if line.store == self._store]
        with self._database.reading() as connection:
            self._refuse_cut(connection)
            is_whole = not (
                _lost(connection, lines)
                or _unknown(connection, lines, at)
                or self._signed_beyond(connection)
            )
        return 0 if is_whole else self._tell_again(lines, at)

    def follow(self, *, at: int) -> None:
        """Append what was ended since, here and by other processes; a fault is logged, and told later.

        Args:
            at: Unix seconds.
        """
        with self._lock:
            try:
                self._follow(at)
            except (OSError, StoreUnavailableError, ConfigurationError) as error:
                self._say(str(error))
            else:
                self.fault = ""

    def keep(self, *, at: int) -> None:
        """Follow, tell the head how far the file is, and write anew what has grown; once a second."""
        self.follow(at=at)
        self._caches.steady.sure(at)  # it is asked often, so that it knows
        try:
            self._file.keep_head()
            if self._file.is_due:
                self._write_anew(at)
        except (OSError, ConfigurationError) as error:
            self._say(str(error))

    def _write_anew(self, at: int) -> None:
        # By a clock that is ahead all would be over, and a restored backup revive it.
        sure = self._caches.steady.sure(at) or 0
        self._file.write_anew(lambda lines: _that_stay(lines, self._store, sure))

    def _say(self, why: str) -> None:
        if why != self.fault:
            _LOG.error("what was ended could not be kept beside the ring: %s", why)
        self.fault = why

    def _follow(self, at: int) -> None:
        held = self._file.upto.get(self._store, NOTHING)
        with self._database.reading() as connection:
            numbers = read_numbers(connection)
            now = numbers["epoch"], numbers["ending"]
            if now == self._seen:
                return
            is_older = now[0] < held[0] or now[1] < held[1]
            made: list[Kept] = [] if is_older else self._since(connection, held)
        if is_older:  # it was put back below this process
            self._restore(at)
            return
        if made:
            self._file.append(lambda upto: _beyond(made, upto.get(self._store, NOTHING)))
        if len(made) < _MOST:
            self._seen = now

    def _since(self, connection: Connection, held: Upto) -> list[Kept]:
        rows = connection.execute(_SINCE.where(REVOCATIONS.c.epoch > held[0]).limit(_MOST))
        made: list[Kept] = []
        for row in rows:
            until = 0 if row.deadline is None else row.deadline + _AFTER_DEADLINE
            made.append((self._store, row.epoch, Told(changes.change_of(row), row.cause, until)))
        ended = endings_after(connection, held[1], most=_MOST)
        return made + [(self._store, n, one) for n, one in ended]

    def _refuse_cut(self, connection: Connection) -> None:
        """Refuse a file that is shorter than it was, unless the database knows what is missing."""
        told = self._file.told.get(self._store, NOTHING)
        held = self._file.upto.get(self._store, NOTHING)
        if told[0] <= held[0] and told[1] <= held[1]:
            return
        numbers = read_numbers(connection)
        if numbers["epoch"] >= told[0] and numbers["ending"] >= told[1]:
            _LOG.warning("%s was cut; the database knows what is missing", self._file.file)
            return
        raise ConfigurationError(
            f"What was ended before is not whole in {self._file.file}: it was cut, or put back from a "
            "backup, and so was the database.",
            remedy=f"Put the newest copy of the file back. If there is none, move {self._file.head} "
            "away; what was ended since the backup stands again then.",
        )

    def _signed_beyond(self, connection: Connection) -> int:
        """Return how many entries the log had, where the database has fewer and nobody dealt with it."""
        signed = signed_beyond(connection, self._memory, self._issuer)
        return signed if signed > read_numbers(connection).get(_SEEN, 0) else 0

    @tried_again
    def _name(self, draw: Callable[[], int]) -> None:
        with self._database.writing(alone=True) as connection:
            held = read_numbers(connection).get(_STORE, 0)
            self._store = held or draw()
            if not held:
                connection.execute(insert(NUMBERS), {"name": _STORE, "n": self._store})

    @tried_again
    def _tell_again(self, lines: Sequence[Line], at: int) -> int:
        with self._database.writing(alone=True) as connection:
            lost, unknown = _lost(connection, lines), _unknown(connection, lines, at)
            signed = self._signed_beyond(connection)
            numbers = dict(read_numbers(connection))
            upto = self._file.upto.get(self._store, NOTHING)
            # Their numbers are not given out again: who has applied them asks for what came after.
            newest = max((one.change.epoch for one in lost), default=0)
            raise_number(connection, "epoch", max(newest, upto[0]))
            raise_number(connection, "ending", upto[1])
            made = (one.body[0] for _, one in unknown if one.act in {"tool", "labels"})
            raise_number(connection, "catalogue", max(made, default=0))
            work = SqlWork(connection, self._caches)
            told: Counter[str] = Counter()
            for n, ending in unknown:
                if end_again(work, connection, ending):
                    told[ending.act] += 1
                if n:
                    _keep_number(connection, n, ending)
            # Those of before had none: with one they are known the next time.
            note_endings(connection, [ending for n, ending in unknown if not n])
            for one in lost:
                if tell_again(connection, one, at=at):
                    told[one.change.act] += 1
            # Another machine, with a journal of its own, may have dealt with this backup before.
            done = max((one.body["epoch"][1] for one in restorations(connection)), default=0)
            is_older = bool(told or signed or newest > done or upto[1] > numbers["ending"])
            if is_older:
                raise_number(connection, "nonces_before", at)
                told["flow"] = shut(connection, at=at)
                body: dict[str, Any] = {
                    "told": {act: count for act, count in told.items() if count},
                    "epoch": [numbers["epoch"], max(newest, upto[0])],
                    **tell_lost(connection, signed=signed, folder=self._folder, at=at),
                }
                if signed:
                    _note_seen(connection, signed)
                note_endings(connection, [Ending("restored", str(at), at, at + _SHOWN, body)])
            if (sure := self._caches.steady.sure(at)) is not None:
                forget_endings(connection, at=sure)
        self._caches.catalogue.forget()
        if is_older:
            _LOG.warning(
                "the database was restored from an older backup: %s told again; all sessions and "
                "waiting grants are over; `delegation doctor` lists what cannot be known",
                ", ".join(f"{count} {act}" for act, count in sorted(told.items()) if count) or "0",
            )
        return sum(told.values())


def _keep_number(connection: Connection, n: int, ending: Ending) -> None:
    taken = select(ENDINGS.c.n).where(ENDINGS.c.n == n)
    if connection.execute(taken).first() is None:
        row = {
            "n": n, "act": ending.act, "id": ending.id, "at": ending.at, "until": ending.until,
            "body": sent_json.text_of(ending.body),
        }  # fmt: skip
        connection.execute(insert(ENDINGS), row)


def _note_seen(connection: Connection, signed: int) -> None:
    if _SEEN in read_numbers(connection):
        raise_number(connection, _SEEN, signed)  # type: ignore[arg-type]  # of this file alone
    else:
        connection.execute(insert(NUMBERS), {"name": _SEEN, "n": signed})


def _lost(connection: Connection, lines: Sequence[Line]) -> list[Told]:
    """Return the changes that the database has forgotten, in order; none where it has the newest.

    Several processes may have written one: each counts once.
    """
    made = {what.change: what for line in lines if isinstance(what := line.what, Told)}
    every = sorted(made.values(), key=lambda one: one.change.epoch)
    if not every or has(connection, every[-1]):
        return []
    return [one for one in every if not has(connection, one)]


def _unknown(connection: Connection, lines: Sequence[Line], at: int) -> list[tuple[int, Ending]]:
    """Return the endings that the database does not have under their numbers, in order."""
    made = {
        (line.n, line.what.id, line.what.act): (line.n, line.what)
        for line in lines
        if isinstance(line.what, Ending)
        and line.what.act != "restored"
        and not 0 < line.what.until <= at
    }
    known = known_endings(connection, {n for n, _ in made.values() if n})
    found = [(n, one) for n, one in made.values() if known.get(n) != one]
    return sorted(found, key=lambda pair: pair[0])


def _beyond(made: Sequence[Kept], upto: Upto) -> list[Kept]:
    """Return what is beyond what the file has."""
    return [one for one in made if one[1] > (upto[0] if isinstance(one[2], Told) else upto[1])]


def _that_stay(lines: Sequence[Line], store: int, sure: int) -> list[Kept]:
    """Return what is of use still: of definitions and suspensions the newest, of the rest what lives.

    An ending without a number was told to this store, which gave it one; another store still has to hear it.
    """
    newest: dict[tuple[object, ...], int] = {}
    for place, line in enumerate(lines):
        newest[_subject(line)] = place
    return [
        (line.store, line.n, line.what)
        for place, line in enumerate(lines)
        if isinstance(line.what, Told | Ending)
        and not 0 < line.what.until <= sure
        and newest[_subject(line)] == place
        and (line.n or isinstance(line.what, Told) or line.store != store)
    ]


def _subject(line: Line) -> tuple[object, ...]:
    what = line.what
    if isinstance(what, Told):
        one = what.change
        act = "moved" if one.act in {"suspend", "resume"} else f"{one.act} {one.effective_at}"
        return line.store, act, one.subject
    if isinstance(what, Ending):
        return line.store, what.act, what.id, str(what.body) if what.act == "agent" else ""
    return (line.number,)
