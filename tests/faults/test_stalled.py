"""A process that stands still with something locked: the others go on, and it does nothing when it wakes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import pytest
from under_fault import WAIT, Place, until

from delegation.errors import StoreUnavailableError
from delegation.records.engine.database import Database
from delegation.records.log.publish import _SEQUENCER


class Stalled:
    """A thread that stands still inside what another process would have locked."""

    def __init__(self, inside) -> None:
        self.entered, self.wakes = threading.Event(), threading.Event()
        self.error: BaseException | None = None
        self._inside = inside
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            with self._inside() as found:
                self.entered.set()
                self.wakes.wait(2 * WAIT)
                if callable(found):
                    found()
                else:
                    found.exec_driver_sql("UPDATE numbers SET n = n + 1000 WHERE name = 'approval'")
        except Exception as error:  # noqa: BLE001  # looked at by the test
            self.error = error
        finally:
            self.entered.set()

    def __enter__(self) -> Self:
        """Begin, and return once it stands still."""
        self._thread.start()
        assert self.entered.wait(WAIT)
        assert self.error is None
        return self

    def wake(self) -> None:
        """Let it go on, to its end."""
        self.wakes.set()
        self._thread.join(WAIT)

    def __exit__(self, *_: object) -> None:
        """Leave no thread behind."""
        self.wake()


@pytest.fixture
def other(on_postgres: Place) -> Iterator[Database]:
    """Return another process's connections to the same store."""
    found = Database(on_postgres.url)
    yield found
    found.close()


@pytest.mark.parametrize("alone", [False, True], ids=["settling", "changing"])
def test_a_revocation_does_not_wait_for_who_stands_still(
    on_postgres: Place, other: Database, alone: bool
) -> None:
    """With the gate held by a process that is stopped: recorded at the first try, and that one is undone."""
    tracker = on_postgres.world.tracker
    root = on_postgres.root()
    before = tracker._store._database
    with Stalled(lambda: other.writing(alone=alone)) as stalled:
        done = tracker.revoke("link", root.id, by="t")
        stalled.wake()
    assert isinstance(stalled.error, StoreUnavailableError)
    assert [r.epoch for r in tracker.revocations()] == [done.epoch]
    with before.reading() as connection:
        asked = "SELECT n FROM numbers WHERE name = 'approval'"
        assert connection.exec_driver_sql(asked).scalar_one() == 0


def test_a_poll_keeps_no_revocation_waiting(on_postgres: Place, other: Database) -> None:
    """Whoever only follows passes the gate by: it holds nothing that a revocation needs."""
    tracker = on_postgres.world.tracker
    with Stalled(lambda: other.writing(alone=None)) as stalled, other.reading() as looking:
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        assert looking.exec_driver_sql(held).scalar_one() == 0
        tracker.revoke("link", on_postgres.root().id, by="t")
        stalled.wake()
    assert stalled.error is None


def test_another_process_takes_over_from_a_sequencer_that_stands_still(
    on_postgres: Place, other: Database
) -> None:
    """It loses its lock after some seconds; when it wakes, it is told before it signs."""
    publisher = on_postgres.world.tracker._log.publisher

    @contextmanager
    def sequencing():
        with other.holding(_SEQUENCER) as goes_on:
            assert goes_on is not None
            yield goes_on

    with Stalled(sequencing) as stalled:
        assert publisher.update(at=1) is False
        assert until(lambda: publisher.update(at=1))
        stalled.wake()
    assert isinstance(stalled.error, StoreUnavailableError)


def test_a_sequencer_that_goes_on_keeps_its_lock(on_postgres: Place, other: Database) -> None:
    """However long it takes: while it says so in time, nobody else gets in."""
    publisher = on_postgres.world.tracker._log.publisher
    with other.holding(_SEQUENCER) as goes_on:
        for _ in range(7):
            threading.Event().wait(1)
            goes_on()
        assert publisher.update(at=1) is False
    assert publisher.update(at=1) is True
    with other.engine.connect() as connection:  # the connection that held it sleeps as long as any
        assert connection.exec_driver_sql("SHOW idle_session_timeout").scalar_one() == "0"
