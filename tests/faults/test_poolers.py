"""PgBouncer in front of PostgreSQL: in session mode all holds, in the others nothing is begun."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import ExitStack, closing

import psycopg
import pytest
from audit import audit
from load import Load, call
from poolers import pooling
from postgres import Server
from under_fault import placed, until

from delegation.records.engine.database import Database
from delegation.records.engine.session import PoolerError
from delegation.records.store import open_store
from delegation.tracker import Tracker

SESSION = "pool_mode = session\ndefault_pool_size = 40"
SHARED = (
    "pool_mode = transaction\ndefault_pool_size = {}\nserver_round_robin = {}\n"
    "ignore_startup_parameters = options"
).format
LOCK = "SELECT pg_try_advisory_lock(4711)"


def name_of(url: str) -> str:
    """Return the name of a URL's database."""
    return url.rpartition("/")[2]


def test_through_one_that_shares_sessions_two_would_hold_the_one_lock(server: Server) -> None:
    """Why it is refused: a lock of a session is granted to both, and each is told that it still has it."""
    with pooling(server, SHARED(5, 0)) as bouncer, ExitStack() as stack:
        one, other = (
            stack.enter_context(psycopg.connect(bouncer.url("postgres"), autocommit=True))
            for _ in range(2)
        )
        assert [c.execute(LOCK).fetchone()[0] for c in (one, other)] == [True, True]
    with ExitStack() as stack:
        one, other = (
            stack.enter_context(psycopg.connect(server.url(), autocommit=True)) for _ in range(2)
        )
        assert [c.execute(LOCK).fetchone()[0] for c in (one, other)] == [True, False]


@pytest.mark.parametrize("size", [1, 2, 3, 20])
@pytest.mark.parametrize("in_turn", [0, 1])
def test_a_pooler_that_shares_sessions_is_refused_at_the_start(
    server: Server, size: int, in_turn: int
) -> None:
    """By what it does, however many sessions it has and in whichever order it gives them out."""
    name = name_of(server.new_database())
    with pooling(server, SHARED(size, in_turn)) as bouncer:
        with pytest.raises(PoolerError) as caught:
            open_store(bouncer.url(name))
        assert "session mode" in caught.value.remedy
    with psycopg.connect(server.url(name)) as connection:
        found = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert found.fetchone() == (0,), "something was made through it"


def test_it_is_refused_while_others_keep_it_busy(server: Server) -> None:
    """Other clients' transactions come between, so that two questions meet one session by chance."""
    name, over = name_of(server.new_database()), threading.Event()

    def works(url: str) -> None:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            while not over.is_set():
                connection.execute("SELECT pg_sleep(0.001)")

    with pooling(server, SHARED(6, 0)) as bouncer:
        busy = [threading.Thread(target=works, args=(bouncer.url(name),)) for _ in range(8)]
        for one in busy:
            one.start()
        try:
            for _ in range(5):
                with pytest.raises(PoolerError):
                    open_store(bouncer.url(name))
        finally:
            over.set()
            for one in busy:
                one.join()


def test_one_that_gives_each_statement_another_session_is_refused(server: Server) -> None:
    """With the same sentence, by a service too."""
    name = name_of(server.new_database())
    with pooling(server, "pool_mode = statement") as bouncer:
        found = subprocess.run(
            [sys.executable, "-m", "delegation.cli", "serve", "--store", bouncer.url(name), "--json",
             "--port", "0"],
            cwd=bouncer._folder, capture_output=True, text=True, timeout=280, check=False,
        )  # fmt: skip
    assert found.returncode == 1
    assert json.loads(found.stderr)["code"] == "pooler_shares_sessions"


def test_in_session_mode_all_holds(server: Server, tmp_path) -> None:
    """Locks of a session, its limits, and what it hears are its own; the log has one writer."""
    url = server.new_database()
    with (
        pooling(server, SESSION) as bouncer,
        placed(tmp_path, bouncer.url(name_of(url))) as place,
        closing(Database(bouncer.url(name_of(url)))) as other,
    ):
        world = place.world
        database = world.tracker._store._database
        with database.holding(4711) as held, other.holding(4711) as second:
            assert held is not None
            assert second is None
            held()
        with database.writing() as connection:
            limits = [
                connection.exec_driver_sql(f"SHOW {limit}").scalar_one()
                for limit in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
            ]  # fmt: skip
        assert limits == ["5s", "5s", "10s"]
        heard = threading.Event()
        with Tracker.open(bouncer.url(name_of(url)), ring=world.tracker._desk.ring) as listening:
            end = listening.on_change(lambda *_: heard.set())
            assert heard.wait(60)  # once, when it listens
            heard.clear()
            token = place.root()
            world.tracker.revoke("link", token.id, by="t")
            assert heard.wait(60)
            end()


@pytest.mark.thorough
def test_a_service_works_through_session_mode(server: Server, tmp_path) -> None:
    """Two workers under load, as without it."""
    url = server.new_database()
    with pooling(server, SESSION) as bouncer, placed(tmp_path, bouncer.url(name_of(url))) as place:
        leaves = place.leaves(400, 200, 200)
        service = place.serving(workers=2)
        service.start()
        with Load([service.port], place.key, lambda n: call(*leaves[n % 2]), most=60) as load:
            load.join()
        assert {answer.status for answer in load.answers} == {200}
        assert service.end() == 0
        audit(url, load.answers)
        assert "Traceback" not in service.log.read_text()


def test_a_pooler_that_begins_to_share_sessions_is_refused_while_it_runs(
    server: Server, tmp_path
) -> None:
    """Whatever is written says in the same statement which session answers."""
    url = server.new_database()
    with pooling(server, SESSION) as bouncer, placed(tmp_path, bouncer.url(name_of(url))) as place:
        world = place.world
        token = place.root()
        bouncer.change(SHARED(3, 1))

        def refused() -> bool:
            threads = [threading.Thread(target=ask) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return bool(said)

        said: list[str] = []

        def ask() -> None:
            try:
                world.tracker.create_login_link("nobody", "http://localhost")
            except PoolerError as error:
                said.append(error.code)
            except Exception:  # noqa: BLE001  # there is no such key
                pass
            try:
                world.tracker.revoke("link", token.id, by="t")
            except PoolerError as error:
                said.append(error.code)

        assert until(refused)
        assert set(said) == {"pooler_shares_sessions"}
