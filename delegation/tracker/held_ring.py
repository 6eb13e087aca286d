"""Holds a process's keys: looks every second whether its ring file or the store says something new.

What it verifies with is loaded first, and told to the store then, so that a key which the store lets
sign is held by everybody who was heard. A process that slept may not call a key unknown before it has
looked again.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Final

from delegation.commands.ring import Rotation, behind
from delegation.errors import KeyFileError, StoreUnavailableError
from delegation.identity.keyring import KeyRing, RingRole
from delegation.identity.ring_state import KnownKey, foreign, lacking, under
from delegation.records.ring_book import GONE, RingBook, held_by, older_copy

LOOK_SECONDS: Final = 1.0
FRESH: Final = GONE / 3000  # seconds for which a look is relied on
_HELD_SECONDS: Final = 4.0  # between two times that a process says it runs
_TOLD: Final = 2 * GONE / 3000  # seconds after which others may take it for gone
_LOG: Final = logging.getLogger("delegation.ring")


def _running() -> float:
    """Return seconds of a clock that runs on while the machine sleeps, where there is one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class HeldRing:
    """See `commands.ring.RingSource`, whose sentences hold here.

    Args:
        ring: As the file holds it.
        book: What the store knows.
        file: Where it is; None for a ring that was given and does not change.
        holder: An id of this process's own.
        clock: Unix seconds.
        running: Seconds that run on while the machine sleeps.
    """

    def __init__(
        self,
        ring: KeyRing,
        book: RingBook,
        *,
        file: Path | None,
        holder: str,
        clock: Callable[[], int],
        running: Callable[[], float] = _running,
    ) -> None:
        """Hold the ring; nothing is asked or told yet."""
        self._file_ring = self._ring = ring
        self._book, self._file, self._holder = book, file, holder
        self._clock, self._running = clock, running
        where = "" if file is None else f" ({file})"
        self.name = f"{socket.gethostname()} process {os.getpid()}{where}"
        self._lock = Lock()
        self._is_kept = False
        self._looked = self._told_at = -_TOLD
        self._told = ("", "")
        self._seen: object = None
        self._problem = ""
        self._behind: KnownKey | None = None

    @property
    def ring(self) -> KeyRing:
        """The keys as they were seen last, each with the state that the store gives it."""
        return self._ring

    def look(self) -> None:
        """Load the file if it changed, tell the store what is held, take what it says of the keys.

        Raises:
            StoreUnavailableError: The store does not answer.
        """
        with self._lock:
            began = self._running()
            self._load()
            known = self._book.tell(self._file_ring, by=self.name, at=self._clock())
            self._take(known)  # before it is told to others: it verifies with them by then
            if self._is_kept:
                self._take(self._hold(began) or known)
            self._looked = began

    def _take(self, known: Sequence[KnownKey]) -> None:
        fresh = under(self._file_ring, known)
        if fresh.keys != self._ring.keys:
            self._ring = fresh
        self._behind = foreign(fresh, known) or lacking(fresh, known, at=self._clock())

    def _hold(self, began: float) -> Sequence[KnownKey]:
        now = (held_by(self._file_ring), self._problem)
        if now == self._told and 0 <= began - self._told_at < _HELD_SECONDS:
            return ()
        known = self._book.hold(self._holder, self.name, *now)
        self._told, self._told_at = now, began
        return known

    def _load(self) -> None:
        """Take the file's ring if it has all that is held: an older copy takes nothing away."""
        if self._file is None:
            return
        try:
            status = self._file.stat()
            seen = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            if seen == self._seen:
                return
            ring = KeyRing.load(self._file)
            held = {(key.role, key.kid): key.seed for key in ring.keys}
            lost = [k for k in self._file_ring.keys if held.get((k.role, k.kid)) != k.seed]
            if lost or ring.issuer != self._file_ring.issuer:
                self._seen = seen
                self._say(
                    f"{self._file} was replaced by another or an older copy, which is not read."
                )
                return
        except (OSError, KeyFileError) as error:
            self._say(str(error) if isinstance(error, KeyFileError) else f"{self._file} is gone.")
            return
        if self._seen is not None:
            _LOG.info("the key ring was read again: %r", ring)
        self._file_ring, self._seen = ring, seen
        self._say("")

    def _say(self, problem: str) -> None:
        if problem and problem != self._problem:
            _LOG.error(
                "the key ring cannot be read again; the keys of before are used: %s", problem
            )
        self._problem = problem

    def refuse_older(self) -> None:
        """Refuse a ring that lacks a key which signs for the store or is still believed.

        Raises:
            KeyFileError: It does.
        """
        if self._behind is not None:
            raise older_copy(self._file, self._behind)

    def _refuse_behind(self) -> None:
        if self._behind is not None:
            raise behind(self._behind)

    @property
    def _is_fresh(self) -> bool:
        now = self._running()
        is_told = not self._is_kept or 0 <= now - self._told_at < _TOLD
        return is_told and 0 <= now - self._looked < FRESH

    def signing(self) -> KeyRing:
        """Return the keys to sign with outside a transaction; looked at again after a long sleep."""
        if not 0 <= self._running() - self._looked < 4 * FRESH:
            self.look()
        self._refuse_behind()
        return self._ring

    def newer(self, than: KeyRing) -> bool:
        """Return whether there are others by now, before a key is called unknown."""
        if not self._is_fresh:
            if self._is_kept:
                # A service's loop waits for no store: its own thread looks, and the caller asks again.
                raise StoreUnavailableError(
                    "A key is unknown here, and whether others know it cannot be told now.",
                    remedy="Try again; another replica may know it.",
                )
            self.look()
        self._refuse_behind()
        return self._ring is not than

    def keep(self) -> None:
        """Say to the store from now on that this process runs and what it holds.

        Raises:
            StoreUnavailableError: The store does not answer.
        """
        self._is_kept = True
        self.look()

    def leave(self) -> None:
        """Say that it runs no more: whoever rotates waits for it no longer."""
        with self._lock:
            was_kept, self._is_kept = self._is_kept, False
            if was_kept:
                self._book.leave(self._holder)

    def announce(self, role: RingRole) -> Rotation:
        """Add a key to the file that verifies and does not sign; see `RingBook.announce`.

        Raises:
            KeyFileError: There is no file, it cannot be read or written, or is an older copy.
            KeyRingError: The ring has room for no other key.
            StoreUnavailableError: The store does not answer.
        """
        done = self._book.announce(self._named(), role, by=self.name, at=self._clock())
        self.look()
        return done

    def switch(self, role: RingRole, kid: int, *, keep: int) -> Rotation:
        """Let it sign if every running process has held it long enough; see `RingBook.switch`.

        Raises:
            KeyFileError: There is no file, or it cannot be read or written.
            StoreUnavailableError: The store does not answer.
        """
        done = self._book.switch(self._named(), role, kid, keep=keep, at=self._clock())
        self.look()
        return done

    def _named(self) -> Path:
        if self._file is None:
            raise KeyFileError("The ring was given without its file.", remedy="Name ring_file.")
        return self._file
