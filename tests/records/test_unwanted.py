"""A statement whose answer nobody wants is stopped while it runs; what writes is not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from world import World

from delegation import cancellation
from delegation.cancellation import Cancellation
from delegation.errors import (
    QuestionsBusyError,
    QuestionStoppedError,
    QuestionTooLongError,
    StoreUnavailableError,
)
from delegation.graph import engine
from delegation.records.engine.database import QUESTION_CONNECTIONS, Database
from delegation.records.engine.sqlite import cursor_of

# Some minutes of either engine's time, unless it is stopped.
ENDLESS = (
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 300000000) "
    "SELECT count(*) FROM n"
)
SLEEP = "SELECT pg_sleep(4)"
SOON = 60  # seconds: far less than the statement, far more than it takes


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """Return a database of each engine."""
    found = Database(url)
    yield found
    found.close()


def after(seconds: float, act: Callable[[], None]) -> threading.Timer:
    """Do something later."""
    timer = threading.Timer(seconds, act)
    timer.start()
    return timer


def asked(database: Database) -> str:
    """Return what takes long there: PostgreSQL ends a statement of its own after five seconds."""
    return ENDLESS if database.is_sqlite else SLEEP


def test_a_running_statement_ends_with_whoever_waits(database: Database) -> None:
    """And its connection serves the next one."""
    wanted = Cancellation(60)
    timer = after(0.3, lambda: wanted.end("client"))
    begun = time.monotonic()
    with (
        cancellation.of(wanted),
        pytest.raises(QuestionStoppedError) as stopped,
        database.reading() as connection,
    ):
        connection.execute(text(asked(database)))
    timer.join()
    assert isinstance(stopped.value.__context__, DBAPIError)  # cut, not come to its end
    assert not database.is_sqlite or time.monotonic() - begun < SOON
    with (
        cancellation.of(wanted),
        pytest.raises(QuestionStoppedError),
        database.reading() as connection,
    ):
        connection.execute(text("SELECT 1"))
    for _ in range(3):
        with database.reading() as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_the_drivers_own_cursor_ends_as_any_other() -> None:
    """SQLite's driver raises its own errors there; whoever waits for SQLAlchemy's must meet those."""
    database, wanted = Database("sqlite://"), Cancellation(60)
    timer = after(0.3, lambda: wanted.end("client"))
    with (
        cancellation.of(wanted),
        pytest.raises(QuestionStoppedError) as stopped,
        database.reading() as connection,
        cursor_of(connection) as cursor,
    ):
        cursor.execute(ENDLESS)
    timer.join()
    assert isinstance(stopped.value.__context__, DBAPIError)
    refused = pytest.raises(StoreUnavailableError)
    with refused, database.reading() as connection, cursor_of(connection) as cursor:
        cursor.execute("SELECT n FROM nowhere")
    database.close()


def test_what_writes_is_finished(database: Database) -> None:
    """Nobody waits for it, and it is done all the same."""
    gone = Cancellation(0.001, lambda: False)
    gone.end("client")
    with cancellation.of(gone), database.writing(alone=None) as connection:
        connection.execute(text("CREATE TABLE kept (n INTEGER)"))
        connection.execute(text("INSERT INTO kept VALUES (1)"))
        cancellation.look()
    with database.reading() as connection:
        assert connection.execute(text("SELECT n FROM kept")).scalar_one() == 1


def test_time_counts_from_a_threads_first_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting before it is no work; beyond a second it must be admitted, beyond its time it ends."""
    now = [100.0]
    monkeypatch.setattr(cancellation.time, "monotonic", lambda: now[0])
    admitted: list[bool] = []

    def admit() -> bool:
        admitted.append(True)
        return True

    with cancellation.of(Cancellation(5, admit)):
        now[0] += 50
        cancellation.look()
        now[0] += 0.9
        cancellation.look()
        assert not admitted
        now[0] += 2
        cancellation.look()
        cancellation.look()
        assert admitted == [True]
        now[0] += 3
        with pytest.raises(QuestionTooLongError):
            cancellation.look()
    cancellation.look()  # nobody set one: nothing
    with cancellation.of(Cancellation(5, lambda: False)):
        cancellation.look()
        now[0] += 2
        with pytest.raises(QuestionsBusyError):
            cancellation.look()


def test_questions_leave_connections_to_decisions(database: Database) -> None:
    """However many ask at once, whoever asks nothing gets one."""
    inside = threading.Barrier(QUESTION_CONNECTIONS + 1)
    ends = threading.Event()

    def hold() -> None:
        with cancellation.of(Cancellation(60)), database.reading():
            inside.wait(SOON)
            ends.wait(SOON)

    threads = [threading.Thread(target=hold) for _ in range(QUESTION_CONNECTIONS)]
    for thread in threads:
        thread.start()
    inside.wait(SOON)
    wanted = Cancellation(60)
    timer = after(0.3, lambda: wanted.end("client"))
    with cancellation.of(wanted), pytest.raises(QuestionStoppedError), database.reading():
        raise AssertionError("there was none for it")
    with database.reading() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    ends.set()
    timer.join()
    for thread in threads:
        thread.join()


def test_a_program_that_draws_ends_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes a while is waited for; one that nobody waits for any more is killed."""
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\ncat; sleep 1; exec sleep ${SLOW:-0}\n")
    program.chmod(0o755)
    monkeypatch.setattr(engine.shutil, "which", lambda _: str(program))
    world = World()
    world.chain("boss")
    lineage = world.tracker.lineage(world.task).entry
    assert b"digraph" in engine.render(lineage, "svg")
    monkeypatch.setenv("SLOW", "60")
    wanted = Cancellation(60)
    timer = after(1.5, lambda: wanted.end("client"))
    with cancellation.of(wanted), pytest.raises(QuestionStoppedError):
        engine.render(lineage, "svg")
    timer.join()
    world.tracker.close()
