"""Notes when the workers of one service start, so that all of them see one that never lasts."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from delegation.commands.readiness import Reason

SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"  # the folder that all workers of one service have
WINDOW_SECONDS: Final = 60.0
MOST: Final = (
    3  # starts in that time after the first of each worker: one that is replaced is no loop
)
_NAME: Final = "starts"
_WIDTH: Final = 16  # characters of a line


class Starts:
    """The starts of one service's workers, a line each.

    Args:
        folder: Which all of them have.
        workers: How many there are.
        clock: Seconds since the machine's start, the same in all processes.
    """

    def __init__(
        self, folder: Path, workers: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Look at nothing yet."""
        self._file = folder / _NAME
        self._workers = workers
        self._clock = clock

    def note(self) -> None:
        """Note that this process starts."""
        with contextlib.suppress(OSError), self._file.open("a") as stream:
            stream.write(f"{self._clock():{_WIDTH - 1}.3f}\n")

    def reasons(self) -> list[Reason]:
        """Return that workers end and are started again, if they do: some calls get no answer."""
        try:
            with self._file.open("rb") as stream:
                size = stream.seek(0, os.SEEK_END)
                stream.seek(min(size, max(self._workers * _WIDTH, size - MOST * _WIDTH)))
                again = stream.read().split()  # the newest, without the first of each worker
        except OSError:
            return []
        if len(again) < MOST or self._clock() - float(again[0]) > WINDOW_SECONDS:
            return []
        return [
            Reason(
                "workers_restart",
                "Workers of this service end and are started again.",
                "The log says what ends them: look for their last lines, and for the system's memory.",
            )
        ]
