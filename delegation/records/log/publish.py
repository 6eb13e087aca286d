"""Publishes entries as tiles and signs them, never a fork or a smaller log.

The order of steps, each safe to repeat after a crash: places (one transaction), a look at all that
was ever signed, tiles, the key's memory, the stored head (compare and swap), the folder's checkpoint.
A checkpoint names only entries whose tiles are on disk.

Three places remember what was signed: the database, the folder, and a file beside the key ring. A
database that was restored from an older backup contradicts the other two, and nothing is signed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

from sqlalchemy import update

from delegation.commands.retry import tried_again
from delegation.commands.ring import RingSource
from delegation.errors import ConfigurationError, LogStoppedError
from delegation.records.engine.database import Database
from delegation.records.engine.numbers import raise_number
from delegation.records.log.files import Kept, LogFolder, refuse_unless_writable
from delegation.records.log.heads import sign_head
from delegation.records.log.log import LogState, SqlLog, read_state
from delegation.records.log.sequencer import sequence
from delegation.records.tables.log import STATE
from delegation.transparency.checkpoint import Checkpoint, LogKey, origin_of
from delegation.transparency.merkle import EMPTY_ROOT
from delegation.transparency.tile import tiles_of

TRY_SECONDS: Final = 10.0  # between two tries whether files can be written, while nothing waits
BEHIND_SECONDS: Final = 60.0  # for which what waits may stay unsigned, before that is said
_SEQUENCER: Final = 0x64656C6C  # one advisory lock of ours: "dell"


class Publisher:
    """Sequences, writes and signs; one at a time, whoever comes first.

    Args:
        database: The truth.
        keys: The service's keys; without a `log` key nothing is signed.
        folder: Where tiles are written, None for nowhere.
        memory: Where the key remembers what it signed, None for nowhere.
    """

    def __init__(
        self,
        database: Database,
        keys: RingSource,
        *,
        folder: Path | None,
        memory: Path | None,
    ) -> None:
        """Do nothing yet."""
        self._database = database
        self.source = keys
        self.folder = None if folder is None else LogFolder(folder)
        self.memory = None if memory is None else Kept(memory, mode=0o600)
        self._lock = Lock()
        self._has_looked = False  # whether files and database were compared since the start
        self._published: Checkpoint | None = None
        self.trouble = ""  # why this process cannot sign or write at present
        self._tried = 0.0
        self._due_since: float | None = None

    def keys(self, generation: int) -> list[LogKey]:
        """Return the log's public keys: all of the ring, coming and retired ones included."""
        ring = self.source.ring
        origin = origin_of(ring.issuer, generation)
        return [LogKey(origin, key.public) for key in ring.keys if key.role == "log"]

    def update(self, *, at: int) -> bool:
        """Bring the log up to date; return False if another process is at it.

        Args:
            at: Now, Unix seconds.

        Raises:
            LogStoppedError: What was signed before is not the beginning of what there is now. The
                reason is recorded; nothing was written or signed.
            StoreUnavailableError: The database does not answer.
            ConfigurationError: Files cannot be written; nothing that needs them was published.
        """
        with self._alone() as goes_on:
            if goes_on is None:
                return False
            try:
                self._sequence(goes_on)
                self._publish(at, goes_on)
                self._has_looked = True
            except LogStoppedError as error:
                self.trouble = str(error)
                self._stop(error, at)
                raise
            except OSError as error:
                raise self._unwritable(error) from error
            self.trouble, self._tried = "", time.monotonic()
            return True

    def update_if_due(self, *, at: int) -> None:
        """Do the same if something waits; else try now and then whether the files could be written.

        Raises:
            LogStoppedError: As above.
            StoreUnavailableError: As above.
            ConfigurationError: Files cannot be written, or others do not sign what waits.
        """
        now = time.monotonic()
        if not self.is_due():
            self._due_since = None
            if now - self._tried >= TRY_SECONDS:
                self._try_files()
                self.trouble, self._tried = "", now
            return
        self._due_since = now if self._due_since is None else self._due_since
        if self.update(at=at):
            self._due_since = None
        elif now - self._due_since > BEHIND_SECONDS:
            self.trouble = (
                f"Nothing was signed for {BEHIND_SECONDS:g} seconds: another process holds the log."
            )
            raise ConfigurationError(
                self.trouble, remedy="Look at the other processes of this store."
            )

    def _try_files(self) -> None:
        places = [] if self.folder is None else [self.folder.folder]
        places += [] if self.memory is None else [self.memory.file.parent]
        try:
            for place in places:
                refuse_unless_writable(place)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> ConfigurationError:
        self.trouble = f"{error.filename} cannot be written: {error.strerror}."
        return ConfigurationError(
            f"The log is not signed: {self.trouble}",
            remedy="Look at DELEGATION_LOG_DIR, DELEGATION_LOG_MEMORY and the space on their disks.",
        )

    def is_due(self) -> bool:
        """Return whether something waits, or was not signed or written yet; one cheap question."""
        with self._database.reading() as connection:
            state = read_state(connection)
        if state.waiting or state.older or state.stopped or not self._has_looked:
            return True
        # What another process signed is written by this one, too, where its folder is another.
        return state.head != self._published or self._is_unsigned(state)

    def _is_unsigned(self, state: LogState) -> bool:
        """Return whether the head does not cover all, or is not signed with the key that signs now."""
        ring, head = self.source.ring, state.head
        if not ring.serves("log") or not state.size:
            return False
        key = LogKey(origin_of(ring.issuer, state.generation), ring.active("log").public)
        signers = () if head is None else [one.key_id for one in head.signatures]
        return head is None or head.size < state.size or key.id not in signers

    @contextmanager
    def _alone(self) -> Iterator[Callable[[], None] | None]:
        """Hold the sequencer's lock, or yield None if somebody else does.

        PostgreSQL frees a dead process's own, and after some seconds that of one that stands still.
        What is yielded keeps the lock, and raises in a process that lost it while it stood still: what
        it would sign then is no fork, but only who holds the lock says how far the log is.
        """
        if self._database.is_sqlite:
            with self._lock:
                yield lambda: None
            return
        with self._database.holding(_SEQUENCER) as goes_on:
            yield goes_on

    def _sequence(self, goes_on: Callable[[], None]) -> None:
        while True:
            goes_on()
            if self._step() == 0:
                return

    @tried_again
    def _step(self) -> int:
        with self._database.writing() as connection:
            return sequence(connection)

    def _publish(self, at: int, goes_on: Callable[[], None]) -> None:
        kept = self._kept()
        with self._database.reading() as connection:
            log = SqlLog(connection)
            state = log.state()
            self._refuse_fork(log, state, kept)
            head = state.head
            goes_on()
            if self._is_unsigned(state):
                head = sign_head(self.source.signing(), state, log.root(state.size), at=at)
            if head is not None:
                self._write_tiles(log, head, goes_on)
        goes_on()
        if state.stopped:
            self._note("")
        if head is None:
            return
        if self.memory is not None:
            self.memory.write(head)
        if head != state.head and not self._swap(state.head, head, at):
            return  # another process signed meanwhile; what it signed is published by it
        if self.folder is not None:
            self.folder.checkpoint.write(head)
        self._published = head

    def _kept(self) -> list[tuple[Checkpoint, str]]:
        """Return what files remember. Read before the database: what they name is committed there.

        Read after it, a checkpoint that another process just signed would look like a lost one.
        """
        found = []
        if self.memory is not None:
            what = f"a checkpoint that this key signed (in {self.memory.file.name})"
            found.append((self.memory.read(), what))
        if self.folder is not None:
            found.append((self.folder.checkpoint.read(), "the folder's checkpoint"))
        return [(one, what) for one, what in found if one is not None]

    def _refuse_fork(
        self, log: SqlLog, state: LogState, kept: Sequence[tuple[Checkpoint, str]]
    ) -> None:
        """Refuse a database that is not the continuation of all that was signed.

        Raises:
            LogStoppedError: It is not.
        """
        if state.head is not None:
            self._refuse_unless_begins(
                log, state, state.head, "the database's own checkpoint", is_older=False
            )
        earlier = {origin_of(self.source.ring.issuer, g) for g in range(1, state.generation)}
        for found, what in kept:
            if found.origin not in earlier:
                self._refuse_unless_begins(log, state, found, what, is_older=True)

    def _refuse_unless_begins(
        self, log: SqlLog, state: LogState, signed: Checkpoint, what: str, *, is_older: bool
    ) -> None:
        if not self._is_ours(signed, state.generation):
            raise LogStoppedError(f"{what} is not signed by this log's key.", is_older=is_older)
        if signed.size > state.size == 0:
            # Most often nothing is lost: somebody made a new store beside an old one's files.
            raise LogStoppedError(
                f"the database is empty, and {what} covers {signed.size} entries. If this store is "
                "meant to be new, stop the service and move that file, which is of an earlier "
                "store, out of the way; for 65 seconds nothing is decided. Else the store was lost: "
                "restore it.",
                is_older=is_older,
            )
        if signed.size > state.size:
            raise LogStoppedError(
                f"the database has {state.size} entries, and {what} covers {signed.size}: it was "
                "restored from an older backup, or entries were deleted.",
                is_older=is_older,
            )
        now = log.root(signed.size) if signed.size else EMPTY_ROOT
        if now != signed.root:
            raise LogStoppedError(
                f"the first {signed.size} entries are not those of {what}.", is_older=is_older
            )

    def _is_ours(self, signed: Checkpoint, generation: int) -> bool:
        """Return whether a key of the ring signed: a newer one than was known here is none of another."""
        ring = self.source.ring
        return signed.is_signed_by(self.keys(generation)) or (
            self.source.newer(ring) and signed.is_signed_by(self.keys(generation))
        )

    def _write_tiles(self, log: SqlLog, head: Checkpoint, goes_on: Callable[[], None]) -> None:
        if self.folder is None:
            return
        held = self.folder.checkpoint.read()
        since = held.size if held is not None and held.origin == head.origin else 0
        for tile in tiles_of(head.size, since=since):
            goes_on()
            self.folder.write_tile(tile, log.tile(tile, size=head.size))

    @tried_again
    def _swap(self, old: Checkpoint | None, new: Checkpoint, at: int) -> bool:
        """Store the new head if the old one is still there; return whether it was."""
        with self._database.writing() as connection:
            state = read_state(connection, locks=True)
            if state.head != old:
                return False
            values = {"head": new.text, "signed_at": at}
            connection.execute(update(STATE).values(**values))
            return True

    @tried_again
    def _note(self, why: str) -> None:
        """Record why the log stopped, or that it goes on."""
        with self._database.writing() as connection:
            connection.execute(update(STATE).values(stopped=why))

    @tried_again
    def _stop(self, stopped: LogStoppedError, at: int, *, anew: bool = False) -> None:
        """Record why the log stopped, and let no proof pass that may have been used before.

        An older database lost nonces, too. Proofs from before this instant are refused until they
        are stale: for a little more than a minute nothing is decided.
        """
        with self._database.writing(alone=True) as connection:
            was_stopped = read_state(connection, locks=True).stopped
            connection.execute(update(STATE).values(stopped=str(stopped)))
            # Once it is known, the minute runs already, and must come to an end.
            if stopped.is_older and (anew or not was_stopped):
                raise_number(connection, "nonces_before", at)

    def look(self, *, at: int) -> str:
        """Compare the database with all that was signed, before a call is decided.

        Args:
            at: Now, Unix seconds.

        Returns:
            Why the log stopped; empty if it did not.
        """
        if self.memory is None and self.folder is None:
            return ""
        try:
            kept = self._kept()
            with self._database.reading() as connection:
                log = SqlLog(connection)
                self._refuse_fork(log, log.state(), kept)
        except LogStoppedError as error:
            found = error
        else:
            return ""
        self._stop(found, at, anew=True)
        return str(found)

    def rebuild(self, *, at: int) -> int:
        """Write all tiles again from the database; return how many.

        Args:
            at: Now, Unix seconds.

        Raises:
            LogStoppedError: The database is not the continuation of what was signed.
        """
        self.update(at=at)
        if self.folder is None:
            return 0
        with self._database.reading() as connection:
            log = SqlLog(connection)
            state = log.state()
            if state.head is None:
                return 0
            self.folder.clear()
            count = 0
            for count, tile in enumerate(tiles_of(state.head.size), start=1):  # noqa: B007  # counted
                self.folder.write_tile(tile, log.tile(tile, size=state.head.size))
            self.folder.checkpoint.write(state.head)
            return count

    @tried_again
    def restart(self) -> str:
        """Begin a new log under a new name with all that is recorded; return its name.

        For a database that lost what was signed. The old log's checkpoints stay what they are:
        evidence that something was lost.
        """
        with self._alone() as goes_on, self._database.writing() as connection:
            if goes_on is None:
                raise LogStoppedError("another process is sequencing; stop the service first.")
            state = read_state(connection, locks=True)
            kept = [
                place.read()
                for place in (self.memory, self.folder and self.folder.checkpoint)
                if place
            ]
            # The key may have signed a later log than this database knows.
            names = {one.origin for one in kept if one is not None}
            fresh = state.generation + 1
            while origin_of(self.source.ring.issuer, fresh) in names:
                fresh += 1
            connection.execute(
                update(STATE).values(generation=fresh, head=None, signed_at=0, stopped="")
            )
            if self.folder is not None:
                self.folder.set_aside(fresh - 1)
        return origin_of(self.source.ring.issuer, fresh)
