"""Wakes subscribers when a revocation, suspension, task state or approval changed.

A hint to look and nothing more: who waits for news looks again by itself when the time is up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import Any, Final

import sqlalchemy.exc

from delegation.identity.approval import ApprovalEvent
from delegation.records.engine.database import Database
from delegation.records.engine.errors import described
from delegation.records.revocation.changes import CHANNEL

_LOOK_SECONDS: Final = 0.5  # how often the listener looks whether it is to end
_AGAIN_SECONDS: Final = 1.0  # between two tries to listen to a server that is gone
_LOG: Final = logging.getLogger("delegation.records")


class Notifier:
    """Calls whoever subscribed. On PostgreSQL a thread hears other processes' NOTIFY of what stands.

    Args:
        database: Whose changes are heard.
    """

    def __init__(self, database: Database) -> None:
        """Begin without listeners; the thread starts with the first."""
        self._database = database
        self._heard: dict[int, Callable[[ApprovalEvent | None], None]] = {}
        self._lock = Lock()
        self._ends = Event()
        self._thread: Thread | None = None
        self._next = 0

    def subscribe(self, heard: Callable[[ApprovalEvent | None], None]) -> Callable[[], None]:
        """Have a function called at each event, from any thread; return what ends that."""
        with self._lock:
            self._next += 1
            name = self._next
            if self._thread is None and not self._database.is_sqlite and not self._ends.is_set():
                thread = Thread(target=self._listen, name="delegation-bell", daemon=True)
                thread.start()  # else nobody is subscribed, and there is nothing to join at the end
                self._thread = thread
            self._heard[name] = heard

        def end() -> None:
            with self._lock:
                self._heard.pop(name, None)

        return end

    def ring(self, event: ApprovalEvent | None = None) -> None:
        """Call everybody.

        Args:
            event: What happened to a request for approval; else, standing may have changed.
        """
        with self._lock:
            waiting = list(self._heard.values())
        for heard in waiting:
            try:
                heard(event)
            except Exception as error:  # noqa: BLE001  # a subscriber's fault is not the event's
                _LOG.warning("a subscriber failed: %s", type(error).__name__)

    def close(self) -> None:
        """End listening."""
        self._ends.set()
        thread = self._thread
        if thread is not None:
            thread.join(timeout=4 * _LOOK_SECONDS)

    def _listen(self) -> None:
        while not self._ends.is_set():
            try:
                self._hear()
            except Exception as error:  # noqa: BLE001  # a hint that is lost costs time, never safety
                _LOG.info("listening for changes ended: %s", described(error))
                self._ends.wait(_AGAIN_SECONDS)

    def _hear(self) -> None:
        try:
            held = self._database.engine.raw_connection()
        except sqlalchemy.exc.SQLAlchemyError as error:
            _LOG.info("listening for changes is not possible: %s", described(error))
            self._ends.wait(_AGAIN_SECONDS)
            return
        connection: Any = held.driver_connection  # psycopg's own type
        held.detach()  # it is ours from here on; the pool makes another
        try:
            connection.rollback()
            connection.autocommit = True
            connection.execute(f"LISTEN {CHANNEL}")
            self.ring()  # what happened before LISTEN was not heard
            while not self._ends.is_set():
                for _ in connection.notifies(timeout=_LOOK_SECONDS, stop_after=1):
                    self.ring()
        finally:
            connection.close()
