"""Ready means that it can decide: each way in which it cannot is said by its code, and passes by itself."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

import psycopg
import pytest
from audit import audit
from clocks import Clocked, codes, read, turns
from load import Caller, call
from postgres import Server
from under_fault import Place, Serving, placed, until
from world import World

from delegation.commands.readiness import Readiness, Reason, StoreMovedError
from delegation.integrations.spool import Entry, Spool, SpoolError
from delegation.records.readiness import judge_clocks
from delegation_api.starts import MOST


def refused(service: Serving, place: Place, leaf) -> str:
    """Return the code by which a check is refused, empty if it is decided."""
    caller = Caller(service.port, place.key)
    answer = caller.send(call(*leaf))
    caller.close()
    return answer.body.get("code", "?") if answer.status == 503 else ""


@pytest.mark.thorough
def test_nothing_is_allowed_into_a_file_that_is_not_the_one_at_the_path(on_sqlite: Place) -> None:
    """Moved, replaced, its WAL deleted: refused before anything is recorded, and what was recorded stays."""
    service, (leaf,) = on_sqlite.serving(), on_sqlite.leaves(40, 40)
    service.start()
    store = Path(on_sqlite.url.removeprefix("sqlite:///"))
    aside = store.with_name("aside.db")
    assert refused(service, on_sqlite, leaf) == ""
    on_sqlite.world.tracker.close()  # from here on the service's are the only connections
    store.rename(aside)
    assert refused(service, on_sqlite, leaf) == "store_moved"
    assert turns(service, 503, "store_moved")
    assert service.status("/healthz")[0] == 200
    shutil.copy(aside, store)  # as good as it looks, it is another one
    assert refused(service, on_sqlite, leaf) == "store_moved"
    aside.replace(store)
    assert turns(service, 200)
    assert refused(service, on_sqlite, leaf) == ""
    store.with_name("s.db-wal").unlink()
    assert refused(service, on_sqlite, leaf) == "store_moved"
    assert turns(service, 503, "store_moved")
    assert service.end() == 0  # what it holds is written back into the file
    stored = audit(on_sqlite.url)
    assert [row.allowed for row in stored.values()] == [1, 1]
    service.start()
    assert refused(service, on_sqlite, leaf) == ""


def test_an_unlinked_file_is_found_before_and_after_a_commit(tmp_path: Path) -> None:
    """Deleted between a transaction's begin and its end: whoever waits is told that it is not known."""
    world = World(path=tmp_path / "s.db")
    token = world.chain("boss", "a")
    assert world.check(token, "a")
    database = world.tracker._store._database
    with pytest.raises(StoreMovedError), database.writing():
        world.path.rename(tmp_path / "gone.db")
    with pytest.raises(StoreMovedError):
        world.check(token, "a")
    with pytest.raises(StoreMovedError):
        world.tracker.open_task("T", owner="a@b.example", ceiling=world.task.ceiling)
    assert world.tracker.tasks(limit=1), "what was recorded can still be read, and saved"
    assert not world.tracker.readiness().is_ready
    (tmp_path / "gone.db").rename(world.path)
    assert world.check(token, "a")
    link = tmp_path / "link.db"
    link.symlink_to(world.path)
    world.tracker.close()
    world = World(path=link, ring=world.ring)
    link.unlink()
    with pytest.raises(StoreMovedError):
        world.open()
    world.tracker.close()


def test_a_spool_that_was_deleted_settles_nothing(tmp_path: Path) -> None:
    """An in-process verifier's nonces in a file that nobody finds are no nonces at its next start."""
    spool = Spool(tmp_path / "spool")
    entry = Entry("dec_1", "{}")
    assert spool.claim(entry, holder=b"h", jti=b"1", at=1000)
    (tmp_path / "spool").rename(tmp_path / "gone")
    with pytest.raises(SpoolError):
        spool.claim(Entry("dec_2", "{}"), holder=b"h", jti=b"2", at=1000)
    (tmp_path / "gone").rename(tmp_path / "spool")
    assert spool.claim(Entry("dec_2", "{}"), holder=b"h", jti=b"2", at=1000)
    (tmp_path / "spool-wal").unlink()
    with pytest.raises(SpoolError):
        spool.claim(Entry("dec_3", "{}"), holder=b"h", jti=b"3", at=1000)
    spool.close()


@pytest.mark.thorough
def test_rights_used_proofs_and_clocks_are_asked_of_postgresql(
    tmp_path: Path, server: Server
) -> None:
    """A role that may only read, an embargo, an hour ahead and an hour behind: red, and green again."""
    url = server.new_database()
    with placed(tmp_path, url) as place:
        server.execute("DROP ROLE IF EXISTS clerk")
        server.execute("CREATE ROLE clerk LOGIN")
        service = Clocked(tmp_path, url.replace("postgres@", "clerk@"))
        place.services.append(service)

        def tell(statement: str) -> None:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(statement)

        tell("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk")
        tell("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO clerk")
        service.start()
        (leaf,) = place.leaves(40, 40)
        assert refused(service, place, leaf) == ""
        tell("REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public FROM clerk")
        assert turns(service, 503, "store_read_only")
        tell("GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk")
        assert turns(service, 200)
        tell(f"UPDATE numbers SET n = {int(time.time()) + 600} WHERE name = 'nonces_before'")
        assert turns(service, 503, "clock_behind")
        assert refused(service, place, leaf) == "clock_behind"
        tell("UPDATE numbers SET n = 0 WHERE name = 'nonces_before'")
        assert turns(service, 200)
        service.set(3600)
        assert turns(service, 503, "clock_differs")
        service.set(30)  # calls are decided, and somebody has to look
        assert until(lambda: codes(service) == (200, ["clock_differs"]))
        assert read(service)[1]["status"] == "degraded"
        service.set(-3600)
        assert turns(service, 503, "clock_differs", "clock_behind")
        service.set(0)
        assert turns(service, 200)
        assert refused(service, place, leaf) == ""
        assert service.end() == 0
    server.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")
    server.execute("DROP ROLE clerk")


@pytest.mark.thorough
def test_health_is_answered_whatever_hangs(on_postgres: Place, server: Server) -> None:
    """The database frozen and every thread busy with it: alive at once, and not ready soon."""
    service = on_postgres.serving()
    service.start()
    reviewer = on_postgres.world.tracker.create_api_key("reviewer", "reviewer")

    def ask() -> None:
        connection = HTTPConnection("127.0.0.1", service.port, timeout=120)
        connection.request("GET", "/v1/tasks", headers={"Authorization": f"Bearer {reviewer}"})
        connection.getresponse().read()
        connection.close()

    server.freeze()
    try:
        asking = [threading.Thread(target=ask, daemon=True) for _ in range(64)]
        for one in asking:
            one.start()
        assert until(lambda: codes(service) == (503, ["store_unavailable"]))
        begun = time.monotonic()
        assert service.status("/healthz")[0] == 200
        assert codes(service)[0] == 503
        assert time.monotonic() - begun < 30, "neither waits for what hangs"
    finally:
        server.thaw()
    assert turns(service, 200)
    for one in asking:
        one.join(120)


def test_many_who_ask_cost_one_look(on_sqlite: Place) -> None:
    """Nobody needs a key for it: what two hundred ask within half a second is looked at a few times."""
    looks = []
    tracker = on_sqlite.world.tracker
    tracker.probe_readiness(lambda: looks.append(1) or ())
    from served import served

    from delegation_api.app import create_app

    with served(create_app(tracker)) as url:
        connection = HTTPConnection(url.removeprefix("http://"), timeout=90)
        begun = time.monotonic()
        for _ in range(200):
            connection.request("GET", "/readyz")
            assert connection.getresponse().read()
        took = time.monotonic() - begun
        connection.close()
    assert len(looks) <= 2 + took / 0.5


@pytest.mark.thorough
def test_a_worker_that_ends_again_and_again_is_no_readiness(tmp_path: Path, server: Server) -> None:
    """Two workers, of which one is killed whenever it is back: those that answer say so."""
    with placed(tmp_path, server.new_database()) as place:
        service = place.serving(2, TMPDIR=str(tmp_path))
        service.start()
        assert turns(service, 200)
        (starts,) = tmp_path.glob("delegation-metrics-*/starts")
        for count in range(2, 2 + MOST):
            assert until(lambda count=count: len(starts.read_text().split()) >= count)
            os.kill(_workers(service)[-1], signal.SIGKILL)
        assert turns(service, 503, "workers_restart")
        service.end()


def _workers(service: Serving) -> list[int]:
    assert service.process is not None
    parent = str(service.process.pid)
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        words = (file.parent / "cmdline").read_bytes()
        if fields[1] == parent and fields[0] != "Z" and b"resource_tracker" not in words:
            found.append(int(file.parent.name))
    return sorted(found)


def test_reasons_that_block_come_first_and_each_code_once() -> None:
    """Pure rules: what is red, what is only said, and when two clocks differ."""
    blocking, other = Reason("a", "A."), Reason("b", "B.", blocks=False)
    found = Readiness.of([other, blocking, Reason("a", "Again.")])
    assert found.reasons == (blocking, other)
    assert (found.state, Readiness.of([other]).state, Readiness.of([]).state) == (
        "not_ready", "degraded", "ready",
    )  # fmt: skip
    lines = {
        (begun, ended, clock): [reason.blocks for reason in judge_clocks(begun, ended, clock)]
        for begun, ended, clock in (
            (100, 100, 100), (100, 107, 103), (100, 100, 105), (100, 100, 95), (100, 100, 94),
            (100, 100, 40), (100, 100, 39), (100, 100, 106), (90, 120, 60),
        )
    }  # fmt: skip
    assert list(lines.values()) == [[], [], [], [], [False], [False], [True], [True], [False]]
