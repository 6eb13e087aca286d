"""Tells what time it surely is, from a clock that may jump: what is forgotten by it is really old.

A clock that is ahead for a moment makes everything look old. So what is deleted for its age is judged
by the earliest of all readings of some time, each moved on by what the monotonic clock says has
passed since; and not at all before readings of that time are there. A jump that is set right
within that time deletes nothing, and a service that starts with a wrong clock deletes nothing soon.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Final

HOUR: Final = 3600.0  # of readings, for what people would miss
_EVERY: Final = 5.0  # seconds between two readings that are kept


class SteadyClock:
    """Readings of one process's clock.

    Args:
        monotonic: Returns seconds that only grow.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Begin without a reading."""
        self._monotonic = monotonic
        self._lock = Lock()
        self._readings: deque[tuple[float, float]] = deque()  # when, and how far the clock is ahead

    def sure(self, at: int, seconds: float = HOUR) -> int | None:
        """Return the time that it surely is, None if the clock was not watched for so long.

        Args:
            at: What the clock says, Unix seconds.
            seconds: For how long a wrong clock may go unnoticed, at most an hour.
        """
        now = self._monotonic()
        with self._lock:
            readings = self._readings
            if readings and now - readings[-1][0] < _EVERY:
                when, ahead = readings.pop()
                readings.append((when, min(ahead, at - now)))
            else:
                readings.append((now, at - now))
            while len(readings) > 1 and readings[1][0] <= now - HOUR:
                readings.popleft()
            if now - readings[0][0] < seconds:
                return None
            lowest = readings[-1][1]
            for when, ahead in reversed(readings):
                lowest = min(lowest, ahead)
                if when <= now - seconds:
                    break
        return int(now + lowest)
