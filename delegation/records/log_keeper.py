"""The keeper: looks twice a second whether something waits for its place in the log.

So a signed checkpoint is at most a second behind while there is something new. It polls because
other processes write too: a command beside the service, another worker.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread
from typing import Final

from delegation.errors import DelegationError
from delegation.records.database import described
from delegation.records.publish import Publisher

SECONDS: Final = 0.5  # between two looks; with the work itself well under a second
_JOIN: Final = 10.0
_LOG: Final = logging.getLogger("delegation.log")


class LogKeeper:
    """One thread of a service's process.

    Args:
        publisher: What brings the log up to date.
        clock: Returns Unix seconds.
    """

    def __init__(self, publisher: Publisher, clock: Callable[[], int]) -> None:
        """Start nothing yet."""
        self._publisher = publisher
        self._clock = clock
        self._closing = Event()
        self._said = ""
        self._thread = Thread(target=self._run, name="delegation-log", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Bring the log up to date once more and end."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN)

    def _run(self) -> None:
        while not self._closing.wait(SECONDS):
            self._look()
        self._look()

    def _look(self) -> None:
        try:
            if self._publisher.is_due():
                self._publisher.update(at=self._clock())
            said = ""
        except DelegationError as error:
            said = f"{error.code}: {error}"
        except Exception as error:  # noqa: BLE001  # the loop must go on
            said = f"unexpected: {described(error)}"
        if said and said != self._said:
            _LOG.error("the log is not up to date: %s", said)
        self._said = said
