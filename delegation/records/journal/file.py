"""Appends to the journal's file under a lock, reads it by its seals, writes it anew without what is over.

Several processes append to one file: whoever has the lock first reads what others wrote since, so that no
line stands there twice and each is sealed over the one before it. A second file, the head, tells how long
the journal was: one that was cut is found out, unless both were.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from delegation.errors import ConfigurationError, MalformedError
from delegation.identity.keyring import KeyRing
from delegation.records.journal.line import Line, Sealer, Told
from delegation.records.log.files import write_whole
from delegation.records.revocation.endings import Ending

Upto: TypeAlias = tuple[int, int]  # newest epoch, number of the newest ending
NOTHING: Final[Upto] = (0, 0)
SMALL: Final = 1024 * 1024  # bytes up to which nothing is written anew while a process runs
MOST: Final = (
    1024 * 1024 * 1024
)  # bytes; whoever writes the file must not fill this process's memory
LONGEST: Final = 16 * 1024 * 1024  # bytes of a line
_WAIT_SECONDS: Final = 5.0  # for another process's append: its change and ours are committed anyway
_PAUSE: Final = 0.01
_LOG: Final = logging.getLogger("delegation.records")


@dataclass(slots=True)
class _State:
    """What this process has read of the file."""

    node: int = 0
    end: int = 0  # where the next line begins
    number: int = 0
    seal: bytes = b""
    bare: bool = False  # whether lines without a seal are there
    written: int = 0  # bytes when it was written anew
    lines: list[Line] = field(default_factory=list)
    upto: dict[int, Upto] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)


def _lock(handle: int, how: int) -> None:
    """Lock a file, or raise OSError where somebody holds it for long."""
    ends = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > ends:
                raise
            time.sleep(_PAUSE)
        else:
            return


def _write_all(handle: int, data: bytes) -> None:
    if os.write(handle, data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(handle)


class JournalFile:
    """One ring's journal.

    Args:
        file: Where it is; made with the first line.
        head: Where its length is kept, on another disk at best.
        ring: Whose keys seal it.
        newest: Returns the ring as it is now; asked where a line has a key that was made since.
    """

    def __init__(
        self, file: Path, head: Path, ring: KeyRing, newest: Callable[[], KeyRing] | None = None
    ) -> None:
        """Read nothing yet."""
        self.file = file
        self.head = head
        self._sealer = Sealer(ring)
        self._newest = newest or (lambda: ring)
        self._state = _State()
        self._said: bytes = b""
        self.told: Mapping[int, Upto] = {}

    @property
    def upto(self) -> dict[int, Upto]:
        """How far each store's lines are, as this process has read."""
        return self._state.upto

    @property
    def is_there(self) -> bool:
        """Whether a line was ever read or written."""
        return self._state.number > 0 or self._state.bare

    def read(self) -> Sequence[Line]:
        """Return all lines, in the order they were written, after a look at the head.

        Raises:
            ConfigurationError: One was altered, or cannot be read.
        """
        with self._held():
            return self.look()

    def look(self) -> Sequence[Line]:
        """Return all lines without waiting for whoever writes one; see `read`."""
        self._state = _State()
        self._catch_up()
        self._look_at_head()
        if self.told and not self._state.number and self._state.bare:
            # Lines were sealed already: somebody without the ring wrote these in their place.
            raise self._unreadable(self.file)
        return tuple(self._state.lines)

    def append(
        self, make: Callable[[dict[int, Upto]], Sequence[tuple[int, int, Told | Ending]]]
    ) -> None:
        """Append lines, on disk before this returns.

        Args:
            make: Returns lines as (store, number, what), told how far the file is under the lock.

        Raises:
            OSError: It cannot be written.
            ConfigurationError: What others wrote cannot be read.
        """
        with self._locked(writes=True) as handle:
            self._catch_up()
            made = make(self._state.upto)
            if made:
                self._write(handle, made)
            self._state.lines.clear()  # of no use once the store is open

    def write_anew(
        self, keeps: Callable[[Sequence[Line]], Sequence[tuple[int, int, Told | Ending]]]
    ) -> None:
        """Write the file without what is over, under the active key; all at once.

        Args:
            keeps: Returns, of all lines, those that stay.

        Raises:
            OSError: It cannot be written; the old one stands.
            ConfigurationError: It cannot be read.
        """
        with self._locked(writes=True):
            self._state = _State()
            self._catch_up()
            state = self._state
            kept = keeps(state.lines)
            fresh = _State(number=state.number + 1)
            text, fresh.seal = self._sealer.written(Line(fresh.number, 0, 0, state.upto), b"")
            parts = [text]
            for store, n, what in kept:
                fresh.number += 1
                text, fresh.seal = self._sealer.written(
                    Line(fresh.number, store, n, what), fresh.seal
                )
                parts.append(text)
            whole = b"".join(part + b"\n" for part in parts)
            write_whole(self.file, whole, mode=0o600)
            fresh.upto, fresh.end, fresh.written = state.upto, len(whole), len(whole)
            fresh.node, fresh.keys = self.file.stat().st_ino, {self._sealer.key}
            self._state = fresh
            self._keep_head()

    @property
    def is_due(self) -> bool:
        """Whether it has grown so far that writing it anew is worth it."""
        return self._state.end > max(SMALL, 2 * self._state.written)

    @property
    def is_of_before(self) -> bool:
        """Whether there are lines without a seal, or of another key than the one that seals now."""
        return self._state.bare or bool(self._state.keys - {self._sealer.key})

    def keep_head(self) -> None:
        """Tell the head how far the file is, if it does not know.

        Raises:
            OSError: It cannot be written.
            ConfigurationError: What others wrote cannot be read.
        """
        with self._locked(writes=False):
            self._catch_up()
            self._state.lines.clear()
            self._keep_head()

    def _keep_head(self) -> None:
        state = self._state
        if state.number == 0:
            return
        text = self._sealer.written(Line(state.number, 0, 0, state.upto), state.seal)[0]
        text = state.seal + b" " + text + b"\n"
        if text != self._said:
            write_whole(self.head, text, mode=0o600)
            self._said = text

    def _look_at_head(self) -> None:
        """Note how far the head says that each store's lines are."""
        self.told = {}
        try:
            with os.fdopen(self._opened(self.head, os.O_RDONLY), "rb") as stream:
                seal, _, text = stream.read(LONGEST).rstrip(b"\n").partition(b" ")
            told = self._sealer.read(text, seal)
        except FileNotFoundError:
            return
        except (OSError, MalformedError) as error:
            raise self._unreadable(self.head) from error
        if told is None or isinstance(told.what, Told | Ending):
            raise self._unreadable(self.head)
        self.told = told.what

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Hold the file to read it.

        Raises:
            ConfigurationError: It cannot be opened, or somebody holds it for long.
        """
        try:
            with self._locked(writes=False):
                yield
        except OSError as error:
            raise self._unreadable(self.file) from error

    @contextmanager
    def _locked(self, *, writes: bool) -> Iterator[int]:
        """Hold the file, alone where it is written; of one that was written anew meanwhile, the new one."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT if writes else os.O_RDONLY
        while True:
            try:
                handle = self._opened(self.file, flags)
            except FileNotFoundError:
                if writes:
                    raise
                yield -1
                return
            try:
                _lock(handle, fcntl.LOCK_EX if writes else fcntl.LOCK_SH)
                with contextlib.suppress(FileNotFoundError):
                    if self.file.stat().st_ino == os.fstat(handle).st_ino:
                        yield handle
                        return
            finally:
                os.close(handle)

    def _opened(self, file: Path, flags: int) -> int:
        """Open a file, and wait for nobody: a named pipe would hold up whoever ends something."""
        handle = os.open(file, flags | os.O_NONBLOCK, 0o600)
        status = os.fstat(handle)
        if stat.S_ISREG(status.st_mode) and status.st_size <= MOST:
            return handle
        os.close(handle)
        raise self._unreadable(file)

    def _catch_up(self) -> None:
        """Read what was written since."""
        state = self._state
        try:
            with os.fdopen(self._opened(self.file, os.O_RDONLY), "rb") as stream:
                status = os.fstat(stream.fileno())
                if status.st_ino != state.node or status.st_size < state.end:
                    state = self._state = _State(node=status.st_ino)
                stream.seek(state.end)
                while part := stream.readline(LONGEST):
                    if len(part) == LONGEST:
                        raise self._unreadable(self.file)
                    self._take_text(part.removesuffix(b"\n"))
                    state.end += len(part)
        except FileNotFoundError:
            self._state = _State()
        except OSError as error:
            raise self._unreadable(self.file) from error

    def _take_text(self, part: bytes) -> None:
        if not part:
            return
        line = self._read(part, self._state.seal)
        if line is None:
            _LOG.warning("a line of %s was cut while it was written", self.file)
        else:
            self._take(line)

    def _read(self, text: bytes, before: bytes) -> Line | None:
        try:
            return self._sealer.read(text, before)
        except MalformedError:
            pass
        try:  # another process may have sealed it with a key that was added since
            self._sealer = Sealer(self._newest())
            return self._sealer.read(text, before)
        except (MalformedError, ConfigurationError) as error:
            raise self._unreadable(self.file) from error

    def _take(self, line: Line) -> None:
        state = self._state
        if not line.seal:
            # Once lines are sealed, one that is not was put there by somebody else.
            if state.number:
                raise self._unreadable(self.file)
            state.bare = True
            state.lines.append(line)
            return
        if line.number <= state.number:
            raise self._unreadable(self.file)
        state.number, state.seal = line.number, line.seal
        state.keys.add(line.key)
        if isinstance(line.what, Told | Ending):
            state.lines.append(line)
            epoch, n = state.upto.get(line.store, NOTHING)
            is_change = isinstance(line.what, Told)
            state.upto[line.store] = (line.n, n) if is_change else (epoch, max(n, line.n))
            state.bare = state.bare or not (
                is_change or line.n
            )  # another store's, see `write_anew`
        else:
            for store, (epoch, n) in line.what.items():
                known = state.upto.get(store, NOTHING)
                state.upto[store] = (max(epoch, known[0]), max(n, known[1]))

    def _write(self, handle: int, made: Sequence[tuple[int, int, Told | Ending]]) -> None:
        state = self._state
        before = (state.number, state.seal, dict(state.upto))
        parts = []
        for store, n, what in made:
            line = Line(state.number + 1, store, n, what)
            text, seal = self._sealer.written(line, state.seal)
            parts.append(text)
            self._take(Line(line.number, store, n, what, self._sealer.key, seal))
        # It begins with a line's end: what was cut before, by a full disk, is a line of its own.
        whole = b"\n" + b"".join(part + b"\n" for part in parts)
        try:
            _write_all(handle, whole)
        except OSError:
            state.number, state.seal, state.upto = before
            with contextlib.suppress(OSError):
                os.ftruncate(handle, state.end)
            raise
        state.node = os.fstat(handle).st_ino
        state.end += len(whole)

    def _unreadable(self, file: Path) -> ConfigurationError:
        return ConfigurationError(
            f"What was ended before cannot be read from {file}.",
            remedy="It was altered, or another ring sealed it. Put the newest copy back. If the ring and "
            f"the store are new, or there is no copy, move it and {self.head.name} away; then what an "
            "older backup of the database has forgotten stands again.",
        )
