"""The log is never silently off: its folder read-only or full, its memory gone, a clock that is ahead."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from clocks import Clocked, codes, read, turns
from disks import small_disk
from load import Caller, call
from typer.testing import CliRunner
from under_fault import Place, Serving, until
from world import ISSUER, World
from writing import scalar

from delegation import KeyRing
from delegation.cli.main import app
from delegation.commands.retention import DAY, MIN_DAYS
from delegation.records.log import publish


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Mount a folder over itself so that nobody, root neither, may write in it."""
    done = [
        subprocess.run(["mount", *words, str(folder)], capture_output=True, check=False).returncode
        for words in (["--bind", str(folder)], ["-o", "remount,bind,ro"])
    ]
    if any(done):
        pytest.skip("the right to mount is missing")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def metric(service: Serving, key: str, name: str) -> float:
    """Return a metric of the log."""
    connection = HTTPConnection("127.0.0.1", service.port, timeout=90)
    connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {key}"})
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    return float(next(one.split()[1] for one in lines if one.startswith(f"delegation_log_{name} ")))


def decided(service: Serving, place: Place, leaf) -> bool:
    """Return whether a check is decided."""
    caller = Caller(service.port, place.key)
    answer = caller.send(call(*leaf))
    caller.close()
    return answer.is_decision


@pytest.mark.thorough
def test_a_log_that_cannot_be_written_is_loud(on_sqlite: Place, tmp_path: Path) -> None:
    """Read-only, then full: decided and recorded as before, degraded, 1 in metrics, named by doctor."""
    folder = tmp_path / "log"
    folder.mkdir()
    service = on_sqlite.serving(DELEGATION_LOG_DIR=str(folder))
    (leaf,) = on_sqlite.leaves(40, 40)
    tracker = on_sqlite.world.tracker
    key = tracker.create_api_key("reviewer", "reviewer")
    with read_only(folder):
        service.start()
        assert turns(service, 200, "log_stopped")
        assert decided(service, on_sqlite, leaf)
        assert metric(service, key, "stopped") == 1
        # Nothing was ever signed: it is as old as the first record, and grows.
        since = min(task.opened_at for task in tracker.tasks(limit=10))
        assert until(lambda: metric(service, key, "checkpoint_age_seconds") > 0)
        assert metric(service, key, "checkpoint_age_seconds") <= time.time() - since
        status, said = read(service, "/v1/log/status", key)
        assert status == 200
        assert said["stopped"].startswith(str(folder))  # the path within it that was tried
        assert said["stopped"].endswith(" cannot be written: Read-only file system.")
        line = f"log failed and is tried again: configuration: The log is not signed: {folder}"
        assert line in service.log.read_text()
        found = CliRunner().invoke(
            app, ["doctor", "--store", on_sqlite.url.removeprefix("sqlite:///"), "--json"],
            env={"DELEGATION_LOG_DIR": str(folder), "DELEGATION_RING": str(tmp_path / "ring.json")},
        )  # fmt: skip
        assert f"{folder} cannot be written: Read-only file system." in found.stdout
    assert turns(service, 200)
    assert metric(service, key, "stopped") == 0
    assert metric(service, key, "signed_entries") > 0
    assert service.end() == 0


@pytest.mark.thorough
def test_a_full_folder_makes_a_service_unready_that_needs_its_log(
    on_sqlite: Place, tmp_path: Path
) -> None:
    """With DELEGATION_LOG_REQUIRED, while nothing is decided at all: it is tried, and red."""
    with small_disk(tmp_path / "log", "64k") as folder:
        service = on_sqlite.serving(DELEGATION_LOG_DIR=str(folder), DELEGATION_LOG_REQUIRED="true")
        service.start()
        filler = folder / "filler"
        with pytest.raises(OSError, match="space"), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        assert turns(service, 503, "log_stopped")
        filler.unlink()
        assert turns(service, 200)
        assert service.end() == 0


def test_a_memory_that_cannot_be_written_is_loud(tmp_path: Path, monkeypatch) -> None:
    """In process, on every system: its folder is a file; the reason goes with the cause."""
    monkeypatch.setattr(publish, "TRY_SECONDS", 0.0)
    world = World(path=tmp_path / "s.db")
    kept = world.tracker._log.publisher
    kept.memory = publish.Kept(tmp_path / "ring" / "signed")
    (tmp_path / "ring").write_text("a file")
    world.root()
    world.tracker.keep_log(required=True)
    assert until(
        lambda: [one.code for one in world.tracker.readiness().reasons][:1] == ["log_stopped"]
    )
    assert not world.tracker.readiness().is_ready
    assert str(tmp_path / "ring") in world.tracker.log_status().stopped
    (tmp_path / "ring").unlink()
    assert until(lambda: world.tracker.readiness().is_ready)
    world.tracker.close()


def test_a_ring_without_a_log_key_says_that_nothing_is_signed() -> None:
    """Not silently either: it is a state that somebody has to look at."""
    ring = KeyRing.generate(ISSUER)
    (kid,) = [key.kid for key in ring.keys if key.role == "log"]
    world = World(ring=ring.with_state("log", kid, "retired"))
    world.tracker.keep_log()
    assert [one.code for one in world.tracker.readiness().reasons] == ["log_unsigned"]
    world.tracker.close()


@pytest.mark.thorough
def test_served_ahead_for_a_moment_nothing_is_erased(on_sqlite: Place) -> None:
    """Three hundred days ahead, with retention: said at the start, and every argument is still there."""
    service = Clocked(
        on_sqlite.folder, on_sqlite.url, settings={"DELEGATION_RETAIN_DAYS": str(MIN_DAYS)}
    )
    on_sqlite.services.append(service)
    (leaf,) = on_sqlite.leaves(40, 40)
    service.start()
    assert decided(service, on_sqlite, leaf)
    assert service.end() == 0
    service.set(300 * DAY)
    service.start()
    said = "arguments, salts and proofs of 0 decisions"
    assert until(lambda: service.log.read_text().count(said) == 1)
    assert turns(service, 200, "clock_ahead")
    assert service.end() == 0
    left = "SELECT count(*) FROM decision WHERE arguments IS NOT NULL AND proof IS NOT NULL"
    assert scalar(on_sqlite.world, left) == 1
    assert on_sqlite.world.tracker.compare_log() == ()
    service.set(0)
    service.start()
    assert codes(service) == (200, [])
    assert decided(service, on_sqlite, leaf)
    assert service.end() == 0
