"""Cancels work whose answer is not wanted any more: who works long looks now and then, and stops.

A thread cannot be ended from outside. So whoever wants an answer sets a `Cancellation` in the context in
which it is worked out, and what works looks at it: each statement to the store, the database while it
runs one, and every loop over many links. Where nobody set one, looking costs next to nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Final, Literal

from delegation.errors import QuestionsBusyError, QuestionStoppedError, QuestionTooLongError

LONG_SECONDS: Final = 1.0  # a question that works longer is one of the few that may
Why = Literal["client", "ending"]
_SENTENCES: Final[dict[Why, str]] = {
    "client": "Nobody waits for the answer any more.",
    "ending": "The service is ending.",
}


class Cancellation:
    """Whether an answer is still wanted, and for how long it may be worked at.

    Args:
        seconds: For how long one thread may work at it.
        admit: Asked when that takes longer than a second; False if too many others do.
    """

    def __init__(self, seconds: float, admit: Callable[[], bool] = lambda: True) -> None:
        """Begin to want an answer."""
        self.seconds = seconds
        self.admit = admit
        self._why: Why | None = None
        self._lock = Lock()
        self._cuts: list[Callable[[], None]] = []

    def end(self, why: Why) -> None:
        """Want no answer any more; called from any thread, and may take as long as a cut does."""
        self._why = self._why or why
        with self._lock:
            for cut in self._cuts:
                cut()
            self._cuts.clear()

    @property
    def is_over(self) -> bool:
        """Whether the answer is not wanted any more."""
        return self._why is not None

    @contextmanager
    def cut_by(self, cut: Callable[[], None]) -> Iterator[None]:
        """Have something called at the end that stops what this thread waits for."""
        with self._lock:
            self._cuts.append(cut)
        try:
            yield
        finally:
            with self._lock:
                if cut in self._cuts:
                    self._cuts.remove(cut)

    def look(self) -> None:
        """Begin to work, in this thread.

        Raises:
            QuestionStoppedError: The answer is not wanted any more.
        """
        _PRESENT.set(_Work(self))
        self.refuse_if_over()

    def refuse_if_over(self) -> None:
        """Raise if the answer is not wanted any more.

        Raises:
            QuestionStoppedError: It is not.
        """
        if self._why is not None:
            raise QuestionStoppedError(_SENTENCES[self._why])


class _Work:
    """One thread's work at an answer; its time runs from when it first looked."""

    __slots__ = ("_begun", "_is_long", "cancellation")

    def __init__(self, cancellation: Cancellation) -> None:
        self.cancellation = cancellation
        self._begun = time.monotonic()
        self._is_long = False

    def look(self) -> None:
        self.cancellation.refuse_if_over()
        worked = time.monotonic() - self._begun
        if worked < LONG_SECONDS:
            return
        if not self._is_long:
            if not self.cancellation.admit():
                raise QuestionsBusyError
            self._is_long = True
        if worked > self.cancellation.seconds:
            raise QuestionTooLongError(self.cancellation.seconds)


_PRESENT: ContextVar[Cancellation | _Work | None] = ContextVar("cancellation", default=None)


def look() -> None:
    """Stop working if the answer is not wanted any more; to be called in every long loop.

    Raises:
        QuestionStoppedError: Its client is gone, or the service ends.
        QuestionTooLongError: It took too long.
        QuestionsBusyError: It takes long, and as many others do as may.
    """
    if (present := _PRESENT.get()) is not None:
        present.look()


def present() -> Cancellation | None:
    """Return the cancellation of what is worked at here, None where there is none."""
    found = _PRESENT.get()
    return found.cancellation if isinstance(found, _Work) else found


@contextmanager
def of(cancellation: Cancellation | None) -> Iterator[None]:
    """Work with this cancellation; with None nothing stops it: what writes is not left half way."""
    token = _PRESENT.set(cancellation)
    try:
        yield
    finally:
        _PRESENT.reset(token)
