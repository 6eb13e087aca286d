"""Known to be undone is tried again within the caller's time; in doubt is looked up, never guessed."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import OperationalError
from under_fault import Place, until
from writing import scalar

from delegation import Grant, HolderKey, Tool
from delegation.canonical import b64u
from delegation.commands import retry
from delegation.commands.retry import Deadline, tried_again, within
from delegation.errors import StoreUnavailableError, UnknownOutcomeError
from delegation.records.engine import sqlite
from delegation.records.engine.database import Database
from delegation.records.engine.turn import SUFFIX, Queue, Turn
from delegation.records.settling import writer
from delegation.tracker import Tracker

MANY = 400  # statements, more than any command has


class Cut:
    """Ends the server's session just before a chosen statement of the threads that a test runs."""

    def __init__(self, place: Place, nth: int) -> None:
        self.met, self.cut = 0, False
        self._nth = nth
        self._engine = place.world.tracker._store._database.engine
        self._other = create_engine(place.url.replace("postgresql:", "postgresql+psycopg:"))

    def __call__(self, connection, _cursor, statement: str, *_: object) -> None:
        if statement.startswith(("SHOW", "SELECT 1")):
            return
        self.met += 1
        if self.met == self._nth:
            pid = connection.connection.driver_connection.info.backend_pid
            with self._other.connect() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
            self.cut = True

    def __enter__(self):
        event.listen(self._engine, "before_cursor_execute", self)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self)
        self._other.dispose()


def fresh(number: list[int]) -> str:
    """Return a name that was not used before."""
    number.append(0)
    return f"n{len(number)}"


class Commands:
    """One command of each kind that writes; each run makes one thing more."""

    def __init__(self, place: Place) -> None:
        self.place, self.tracker = place, place.world.tracker
        self.leaf, self.holder = place.leaves(900, 900)[0]
        self.access = place.world.access()
        self._used: list[int] = []

    def name(self) -> str:
        """Return a name that was not used before."""
        return fresh(self._used)

    def prepared(self, kind: str) -> Callable[[], object]:
        """Return the next run of a command."""
        tracker, key = self.tracker, HolderKey.generate("k").public
        if kind == "outcome":
            made = self.check()
            return lambda: tracker.report_outcome(made.id, "executed", by="desk")
        return {
            "check": self.check,
            "revoke": lambda: tracker.revoke("key", b64u(os.urandom(32)), by="t"),
            "open": lambda: tracker.open_task(
                "T", owner="ana@acme.example", lasts=9, ceiling=Grant()
            ),
            "agent": lambda: tracker.add_agent(self.name(), owner="ana@acme.example", keys=[key]),
            "tool": lambda: tracker.add_tool(Tool(f"{self.name()}.read", effect="read")),
            "issue": lambda: tracker.issue(self.place.task, to=key, grant=Grant()),
            "caller": lambda: tracker.create_api_key(self.name(), "reviewer"),
        }[kind]

    def check(self):
        """Make a call that is allowed."""
        proof = self.holder.prove(self.leaf, self.access, at=int(time.time()))
        made = self.tracker.check(self.leaf, proof, self.access, client="desk")
        assert made
        return made


KINDS = {
    "check": "SELECT coalesce(sum(used), 0) FROM counter WHERE scope = 'task'",
    "outcome": "SELECT count(*) FROM outcome",
    "revoke": "SELECT count(*) FROM revocation WHERE act = 'revoke'",
    "open": "SELECT count(*) FROM task",
    "agent": "SELECT count(*) FROM agent_key",
    "tool": "SELECT count(*) FROM tool",
    "issue": "SELECT count(*) FROM link WHERE parent IS NULL",
    "caller": "SELECT count(*) FROM api_key",
}


@pytest.mark.parametrize("kind", ["check", "revoke", "open", "outcome", "caller"])
def test_a_session_that_ends_before_any_statement_costs_an_attempt_and_no_refusal(
    on_postgres: Place, kind: str
) -> None:
    """Cut before each statement in turn: done, done once, and answered as if nothing had been."""
    made, nth = Commands(on_postgres), 0
    made.prepared(kind)()  # what a process keeps is kept
    cut = Cut(on_postgres, 1)
    while nth == 0 or cut.cut:
        nth += 1
        command = made.prepared(kind)
        before = scalar(on_postgres.world, KINDS[kind])
        with Cut(on_postgres, nth) as cut:
            command()
        assert scalar(on_postgres.world, KINDS[kind]) == before + 1, nth
        assert nth < MANY
    assert nth > 3


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_to_commit_that_is_lost_is_looked_up(
    on_postgres: Place, kind: str, monkeypatch
) -> None:
    """Committed, and the connection gone: done once, and answered as done; nothing is repeated blindly."""
    made = Commands(on_postgres)
    command = made.prepared(kind)
    before = scalar(on_postgres.world, KINDS[kind])
    lost = losing_commits(on_postgres.world.tracker._store._database, monkeypatch, is_sent=True)
    command()
    assert lost == ["COMMIT"]
    assert scalar(on_postgres.world, KINDS[kind]) == before + 1


def losing_commits(database: Database, monkeypatch, *, is_sent: bool) -> list[str]:
    """Lose the connection at the next COMMIT of a transaction that writes; return what was lost."""
    real, lost = database.engine.dialect.do_commit, list[str]()

    def commit(connection) -> None:
        held = connection.dbapi_connection
        if lost or held.read_only:
            real(connection)
            return
        lost.append("COMMIT")
        if is_sent:
            real(connection)
        held.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(database.engine.dialect, "do_commit", commit)
    return lost


@pytest.mark.parametrize("kind", ["check", "open"])
def test_a_commit_that_never_arrived_is_done_again(
    on_postgres: Place, kind: str, monkeypatch
) -> None:
    """Looked up and not there: known to be undone, so it is done, once."""
    made = Commands(on_postgres)
    command = made.prepared(kind)
    before = scalar(on_postgres.world, KINDS[kind])
    database = on_postgres.world.tracker._store._database
    lost = losing_commits(database, monkeypatch, is_sent=False)
    command()
    assert lost == ["COMMIT"]
    assert scalar(on_postgres.world, KINDS[kind]) == before + 1


def test_a_commit_that_nobody_tells_of_is_unknown_and_not_repeated(
    on_postgres: Place, monkeypatch
) -> None:
    """The server is gone after COMMIT was sent: said so, once; the caller looks before it repeats."""
    database, runs = on_postgres.world.tracker._store._database, list[int]()
    losing_commits(database, monkeypatch, is_sent=True)

    def gone() -> None:
        raise OperationalError("connect", None, psycopg.OperationalError("refused"))

    @tried_again
    def command() -> None:
        runs.append(1)
        with database.writing() as connection:
            connection.execute(text("UPDATE numbers SET n = n + 1 WHERE name = 'approval'"))
            monkeypatch.setattr(database.engine, "connect", gone)

    with within(0.5), pytest.raises(UnknownOutcomeError):
        command()
    assert runs == [1]
    monkeypatch.undo()
    assert scalar(on_postgres.world, "SELECT n FROM numbers WHERE name = 'approval'") == 1


def test_another_program_with_the_write_lock_is_waited_for(on_sqlite: Place, monkeypatch) -> None:
    """Longer than one attempt takes: checks and commands wait, within their callers' time."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    made, found = Commands(on_sqlite), []
    other = sqlite3.connect(
        on_sqlite.folder / "s.db", isolation_level=None, check_same_thread=False
    )
    other.execute("BEGIN IMMEDIATE")
    threads = [
        threading.Thread(target=lambda kind=kind: found.append(made.prepared(kind)()))
        for kind in ("check", "caller", "open", "tool")
    ]
    for thread in threads:
        thread.start()
    assert not until(lambda: found, 1.0)
    other.execute("ROLLBACK")
    for thread in threads:
        thread.join(60)
    assert len(found) == len(threads)
    other.close()


def test_who_waits_too_long_is_refused_at_its_own_time(on_sqlite: Place, monkeypatch) -> None:
    """The caller's time bounds all attempts: refused then, with nothing written."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr(writer, "ANSWER_SECONDS", 0.5)
    made = Commands(on_sqlite)
    tasks = scalar(on_sqlite.world, KINDS["open"])
    other = sqlite3.connect(on_sqlite.folder / "s.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for kind in ("check", "open"):
        begun = time.monotonic()
        with within(0.5), pytest.raises(StoreUnavailableError) as refused:
            made.prepared(kind)()
        assert time.monotonic() - begun > 0.2
        assert not isinstance(refused.value, UnknownOutcomeError)
    other.execute("ROLLBACK")
    other.close()
    assert scalar(on_sqlite.world, KINDS["open"]) == tasks
    assert made.check()


def test_who_writes_all_the_time_keeps_nobody_out(on_sqlite: Place) -> None:
    """Two processes on one file: whoever asks has its turn after at most a few of the other's."""
    busy, seldom = Database(on_sqlite.url), Database(on_sqlite.url)
    done, ends, between = [0], threading.Event(), []
    touch = text("UPDATE numbers SET n = n WHERE name = 'approval'")

    def write() -> None:
        while not ends.is_set():
            with busy.writing() as connection:
                connection.execute(touch)
                time.sleep(0.03)
                done[0] += 1

    thread = threading.Thread(target=write)
    thread.start()
    assert until(lambda: done[0] > 2)
    for _ in range(12):
        before = done[0]
        with seldom.writing() as connection:
            connection.execute(touch)
            between.append(done[0] - before)
    ends.set()
    thread.join(60)
    busy.close()
    seldom.close()
    assert sorted(between)[-2] <= 3, between  # one may have been put aside by a busy machine


def test_a_queue_that_cannot_be_made_is_done_without(tmp_path) -> None:
    """Fairness is all that is lost: SQLite's own lock still holds."""
    queue = Queue(tmp_path / "no" / "s.db")
    with queue.place(Deadline(0.1)) as is_first:
        assert is_first
    (tmp_path / "s.db").touch()
    (tmp_path / f"s.db{SUFFIX}").mkdir()
    with Queue(tmp_path / "s.db").place(Deadline(0.1)) as is_first:
        assert is_first


def test_a_process_that_died_holds_no_place(tmp_path) -> None:
    """Its place ends with its descriptor; whoever waits in vain is told so."""
    (tmp_path / "s.db").touch()
    first, second = Queue(tmp_path / "s.db"), Queue(tmp_path / "s.db")
    with first.place(Deadline(1)) as is_first, second.place(Deadline(0.05)) as is_second:
        assert (is_first, is_second) == (True, False)
    held = first.place(Deadline(1))
    assert held.__enter__()
    first.close()
    with second.place(Deadline(1)) as is_second:
        assert is_second


def test_threads_have_their_turn_in_the_order_in_which_they_came() -> None:
    """First come, first served; who gives up leaves the queue; the holder may take it again."""
    turn, order = Turn(), []
    assert turn.acquire(Deadline(1))
    assert turn.acquire(Deadline(1))
    turn.release()

    def take(number: int, seconds: float) -> None:
        if turn.acquire(Deadline(seconds)):
            order.append(number)
            turn.release()

    threads = []
    for number, seconds in enumerate((60, 0.01, 60, 60)):
        thread = threading.Thread(target=take, args=(number, seconds))
        thread.start()
        threads.append(thread)
        assert until(lambda n=number: len(turn._waiting) >= (n + 1 if n < 1 else n))
        if number == 1:
            thread.join(60)
    turn.release()
    for thread in threads:
        thread.join(60)
    assert order == [0, 2, 3]


def test_who_is_in_nobodys_way_keeps_its_transaction(on_postgres: Place) -> None:
    """A busy process is idle for longer than a stopped one may be in the way: it is left alone."""
    other = Database(on_postgres.url)
    with other.writing() as connection:
        connection.exec_driver_sql("SELECT 1")
        time.sleep(4)
        assert Commands(on_postgres).check()  # calls are settled beside it
        connection.exec_driver_sql("SELECT 1")
    other.close()


def test_a_revocation_that_ends_a_busy_one_costs_it_an_attempt_only(on_postgres: Place) -> None:
    """It is told that its transaction is undone, and does it again: nobody is refused."""
    other, tries = Tracker.open(on_postgres.url, ring=on_postgres.world.tracker._desk.ring), []
    entered = threading.Event()

    @tried_again
    def slow() -> None:
        tries.append(1)
        with other._store.write() as work:
            entered.set()
            if len(tries) == 1:
                time.sleep(5)
            work.revoke_api_key("desk")

    thread = threading.Thread(target=slow)
    thread.start()
    assert entered.wait(60)
    root = on_postgres.root()
    on_postgres.world.tracker.revoke("link", root.id, by="t")
    thread.join(60)
    assert len(tries) == 2
    asked = "SELECT count(*) FROM api_key WHERE name = 'desk' AND is_revoked"
    assert scalar(on_postgres.world, asked) == 1
    other.close()


def test_an_inner_time_is_never_longer_than_the_outer() -> None:
    """Who has a second gives nobody two; what passes by itself is tried until then, nothing else is."""
    runs: list[int] = []

    @tried_again
    def fails(is_undone: bool) -> None:
        runs.append(1)
        raise StoreUnavailableError("No.", is_undone=is_undone)

    with within(0.2) as outer, within(30) as inner:
        assert inner.ends == outer.ends
        with pytest.raises(StoreUnavailableError):
            fails(is_undone=True)
        assert outer.left < 0.2
    assert len(runs) > 2
    runs.clear()
    with pytest.raises(StoreUnavailableError):
        fails(is_undone=False)
    assert runs == [1]
    assert Deadline().left > retry.SECONDS - 1
    assert not Deadline(0).pause()
