"""Queues for SQLite's one write lock: first come, first served in this process.

SQLite lets those who wait ask again now and then, so that whoever writes all the time keeps all others
out for as long as it likes. Here threads of a process queue in order; of several processes only one
asks SQLite at a time, and who has just written comes after it. Nothing depends on it but fairness:
where the file of the queue cannot be made, or with writers that know nothing of it, SQLite's own lock
still holds.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock, get_ident
from typing import Final

from delegation.commands.retry import Deadline, about

try:
    import fcntl
except ImportError:  # a system without it has SQLite's own lock only
    fcntl = None  # type: ignore[assignment]

SUFFIX: Final = "-queue"
_LOOK_SECONDS: Final = 0.002  # between two looks at another process's place in the queue


class Turn:
    """A lock whose waiters get it in the order in which they came; its holder may take it again."""

    def __init__(self) -> None:
        """Begin free."""
        self._lock = Lock()
        self._waiting: deque[Event] = deque()
        self._holder = 0
        self._depth = 0

    def acquire(self, deadline: Deadline) -> bool:
        """Wait for the turn; return False if it did not come in time."""
        me = get_ident()
        with self._lock:
            if self._holder in {0, me}:
                self._holder, self._depth = me, self._depth + 1
                return True
            mine = Event()
            self._waiting.append(mine)
        if not mine.wait(deadline.left):
            with self._lock:
                if not mine.is_set():
                    self._waiting.remove(mine)
                    return False
        self._holder = me  # handed over: nobody else looks at it before it is given back
        return True

    def release(self) -> None:
        """Give it back, to who has waited longest."""
        with self._lock:
            self._depth -= 1
            if self._depth:
                return
            if self._waiting:
                self._holder, self._depth = -1, 1
                self._waiting.popleft().set()
            else:
                self._holder = 0


class Queue:
    """The place of processes before a SQLite file's write lock.

    Args:
        database: The file; the queue is an empty file beside it.
    """

    def __init__(self, database: Path) -> None:
        """Open nothing yet."""
        self._file = database.with_name(database.name + SUFFIX)
        self._held: int | None = None

    @contextmanager
    def place(self, deadline: Deadline) -> Iterator[bool]:
        """Be the one process that asks for the write lock, while the block runs.

        Called by one thread at a time.

        Args:
            deadline: Until when it waits.

        Yields:
            Whether it got there in time; True, too, where there can be no queue.
        """
        if fcntl is None or not self._is_open():
            yield True
            return
        while not (got := self._got()) and time.monotonic() < deadline.ends:
            time.sleep(about(_LOOK_SECONDS))
        try:
            yield got
        finally:
            if got and self._held is not None:
                fcntl.flock(self._held, fcntl.LOCK_UN)

    def close(self) -> None:
        """Leave it."""
        if self._held is not None:
            with contextlib.suppress(OSError):
                os.close(self._held)
            self._held = None

    def _got(self) -> bool:
        if self._held is None:
            return True
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # no such lock on this file system
            self.close()
        return True

    def _is_open(self) -> bool:
        if self._held is None:
            try:
                mode = self._file.with_name(self._file.name.removesuffix(SUFFIX)).stat().st_mode
                flags = os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC
                self._held = os.open(self._file, flags, mode & 0o666)
            except OSError:
                return False
        return True
