"""No space left: refused with 503, nothing by halves, and decided again once there is space."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from audit import audit
from disks import small_disk
from load import Load, call, repeated
from sqlalchemy import event
from under_fault import Place, Serving, placed, until
from world import World

from delegation.errors import StoreUnavailableError

UNLIMITED = resource.RLIM_INFINITY


def fill_up_and_free(
    place: Place, service: Serving, fill: Callable[[], None], free: Callable[[], None]
) -> None:
    """Take the space away under load and give it back; assert what must hold all the while."""
    leaves = place.leaves(900, 400, 400)
    service.start()
    with Load([service.port], place.key, lambda n: call(*leaves[n % 2]), callers=6) as load:
        load.wait_for(40)
        fill()
        assert until(lambda: sum(answer.status == 503 for answer in load.answers) >= 6)
        full = len(load.answers)
        assert service.status("/healthz")[0] == 200
        free()
        assert until(lambda: any(answer.is_decision for answer in load.answers[full:]))
        load.wait_for(len(load.decided) + 40)
    assert {answer.status for answer in load.answers} == {200, 503}
    refused = load.unanswered
    assert all("retry-after" in answer.headers for answer in refused)
    assert {answer.body["code"] for answer in refused} <= {"store_unavailable", "outcome_unknown"}
    audit(place.url, load.answers)
    again = repeated(service.port, place.key, refused)
    assert service.end() == 0
    audit(place.url, [*load.answers, *again])
    assert "Traceback" not in service.log.read_text()


@pytest.mark.thorough
def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    """A real file system without a free byte (ENOSPC), under load."""
    with (
        small_disk(tmp_path / "disk", "8m") as disk,
        placed(tmp_path, f"sqlite:///{disk / 's.db'}") as place,
    ):
        filler = disk / "filler"

        def fill() -> None:
            with filler.open("wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(4096))
                except OSError:
                    os.fsync(file.fileno())

        fill_up_and_free(place, place.serving(), fill, filler.unlink)


def test_a_file_that_may_not_grow_refuses_and_recovers(on_sqlite: Place) -> None:
    """The same without any right: the process may not make its files larger (EFBIG)."""
    service = on_sqlite.serving()

    def limit(most: int) -> None:
        assert service.process is not None
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (most, UNLIMITED))

    if not hasattr(resource, "prlimit"):
        pytest.skip("this system sets no limits of another process")
    # The log is a file too; what it says is short.
    fill_up_and_free(on_sqlite, service, lambda: limit(64 * 1024), lambda: limit(UNLIMITED))


def test_a_database_at_its_last_page_refuses_and_recovers(tmp_path: Path) -> None:
    """In process, on every system: SQLite itself says that it is full, call after call."""
    world = World(path=tmp_path / "s.db")
    engine, most = world.tracker._store._database.engine, [1 << 30]
    event.listen(
        engine,
        "checkout",
        lambda connection, *_: connection.execute(f"PRAGMA max_page_count={most[0]}"),
    )
    token = world.chain("boss", "a")
    assert world.check(token, "a")
    most[0] = 1
    for deed in (lambda: world.check(token, "a"), world.open):
        with pytest.raises(StoreUnavailableError):
            for _ in range(100):  # the pages that are there fill up first
                deed()
    stored, tasks = audit(f"sqlite:///{world.path}"), len(world.tracker.tasks(limit=200))
    most[0] = 1 << 30
    assert audit(f"sqlite:///{world.path}").keys() == stored.keys()
    world.task = world.open()
    assert len(world.tracker.tasks(limit=200)) == tasks + 1
    assert world.check(world.chain("boss", "a"), "a")
    world.tracker.close()
    audit(f"sqlite:///{world.path}")
