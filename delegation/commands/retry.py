"""Retries work that is known to be undone, until its caller's deadline.

Refusing is right, giving up early is not: on a machine whose processors are all taken, a transaction
loses its lock, its turn or its connection without anything being wrong. What did not happen may be
done again; what may have happened is never repeated blindly (see `records.engine.marker`).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from delegation.errors import StoreUnavailableError

P = ParamSpec("P")
R = TypeVar("R")
# A client waits longer for one attempt (`client.exchange.TIMEOUT`), so it hears the refusal.
SECONDS: Final = 15.0  # from a request to its answer, or to its refusal
_FIRST: Final = 0.01
_MOST: Final = 0.5
_CHANCE: Final = random.SystemRandom()
_ENDS: Final[ContextVar[float | None]] = ContextVar("delegation_deadline", default=None)


def about(seconds: float) -> float:
    """Return a length around this one, so that those who wait together do not look together."""
    return seconds * (0.5 + _CHANCE.random())


class Deadline:
    """The time that one caller has, and the pauses between its attempts.

    Args:
        seconds: From now on, of the monotonic clock; never more than who called this one has left.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        """Begin to count."""
        above = _ENDS.get()
        ends = time.monotonic() + seconds
        self.ends = ends if above is None else min(ends, above)
        self._pause = _FIRST

    @property
    def left(self) -> float:
        """Seconds that are left, never below 0."""
        return max(0.0, self.ends - time.monotonic())

    def pause(self) -> bool:
        """Wait a moment before another attempt; False, at once, if no time is left for one.

        Pauses double up to half a second, and each is cut short by chance, so that those who failed
        together do not come back together.
        """
        length = about(self._pause) / 1.5
        if length >= self.left:
            return False
        time.sleep(length)
        self._pause = min(2 * self._pause, _MOST)
        return True


@contextmanager
def within(seconds: float) -> Iterator[Deadline]:
    """Let everything that is tried again inside the block end in time.

    Args:
        seconds: That the caller has; a bound that holds already is only made tighter.
    """
    deadline = Deadline(seconds)
    token = _ENDS.set(deadline.ends)
    try:
        yield deadline
    finally:
        _ENDS.reset(token)


def tried_again(command: Callable[P, R]) -> Callable[P, R]:
    """Run a command again while its one transaction is known to be undone.

    For commands that write in a single transaction: the whole command runs again, its reads too, so
    nothing that was true for the first attempt is believed in the next.

    Raises:
        StoreUnavailableError: The time is over, or the failure is none that passes by itself.
        UnknownOutcomeError: Whether it was committed could not be found out; it is not repeated.
    """

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with within(SECONDS) as deadline:
            while True:
                try:
                    return command(*args, **kwargs)
                except StoreUnavailableError as error:
                    if not error.is_undone or not deadline.pause():
                        raise

    return run
