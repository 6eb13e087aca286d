"""Runs a service's recurring chores, each in its own thread: updating the log, erasing old evidence."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Final

from delegation.errors import DelegationError
from delegation.records.engine.errors import described

AGAIN_SECONDS: Final = 60.0  # between two lines about one failure
_JOIN: Final = 10.0  # seconds for what was begun
_LOG: Final = logging.getLogger("delegation.records")


class Background:
    """Does one chore again and again until it is closed; a failure is tried again, and never silent.

    It is logged at once and then every minute for as long as it lasts.

    It polls, because other processes write too: a command beside the service, another worker.

    Args:
        name: Of the chore, in logs.
        seconds: Between two times.
        chore: What is done.
        at_end: Whether it is done once more when it is closed.
    """

    def __init__(
        self, name: str, seconds: float, chore: Callable[[], object], *, at_end: bool
    ) -> None:
        """Begin."""
        self.name = name
        self.is_failing = False
        self._seconds = seconds
        self._chore = chore
        self._at_end = at_end
        self._closing = Event()
        self._said = ""
        self._told = 0.0
        self._thread = Thread(target=self._run, name=f"delegation-{name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._closing.set()
        self._thread.join(_JOIN)

    def _run(self) -> None:
        self._do()
        while not self._closing.wait(self._seconds):
            self._do()
        if self._at_end:
            self._do()

    def _do(self) -> None:
        try:
            self._chore()
            said = ""
        except DelegationError as error:
            said = f"{error.code}: {error}"
        except Exception as error:  # noqa: BLE001  # the loop must go on
            said = f"unexpected: {described(error)}"
        now = time.monotonic()
        if said and (said != self._said or now - self._told >= AGAIN_SECONDS):
            _LOG.error("%s failed and is tried again: %s", self.name, said)
            self._told = now
        self._said, self.is_failing = said, bool(said)
