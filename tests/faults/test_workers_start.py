"""Workers that cannot start end their parent with the first one's sentence; a later one is replaced."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import warm
from postgres import Server
from proxies import ROOT, free_port
from under_fault import WAIT, Place, until

FOLDER = {"DELEGATION_FORWARD_ROUTES": "r.toml"}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_start_that_cannot_be_ends_with_its_reason(on_postgres: Place, workers: str) -> None:
    """Exit code 1 and one error, however many workers met it; no process is left."""
    folder = on_postgres.folder
    (folder / "r.toml").write_text("[[mount]]\n")
    words = ["serve", "--store", on_postgres.url, "--port", "0", "--workers", workers, "--json"]
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DELEGATION_")}
    done = subprocess.run(
        [*warm.python(), "-m", "delegation.cli", *words, "--no-make-keys"],
        cwd=folder,
        env={
            **kept, **FOLDER, "PYTHONPATH": f"{ROOT}:{ROOT / 'api'}", "WARM_WORKERS": "1",
            "DELEGATION_RING": str(folder / "ring.json"),
        },
        capture_output=True,
        text=True,
        timeout=WAIT,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    errors = [json.loads(line) for line in done.stderr.splitlines() if line.startswith('{"code')]
    assert [one["code"] for one in errors] == ["route_table"]
    assert "mount" in errors[0]["message"]
    assert "Traceback" not in done.stderr


@pytest.mark.thorough
def test_workers_that_end_without_a_word_end_their_parent(on_postgres: Place) -> None:
    """A program that runs itself again in each worker, as one without its guard does: no endless start."""
    folder = on_postgres.folder
    program = folder / "unguarded.py"
    program.write_text("from delegation.cli.__main__ import main\nmain()\n")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DELEGATION_")}
    words = ["serve", "--store", on_postgres.url, "--port", str(free_port()), "--workers", "2"]
    done = subprocess.run(
        [sys.executable, str(program), *words, "--no-make-keys", "--json"],
        cwd=folder,
        env={
            **kept, "PYTHONPATH": f"{ROOT}:{ROOT / 'api'}",
            "DELEGATION_RING": str(folder / "ring.json"),
        },
        capture_output=True,
        text=True,
        timeout=WAIT,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "before it served anybody" in done.stderr.splitlines()[-1]


def workers_of(parent: int) -> set[int]:
    """Return the living processes below another."""
    found = set()
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, above = file.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(above) == parent and state != "Z":
            found.add(int(file.parent.name))
    return found


@pytest.mark.thorough
def test_a_worker_that_ends_while_the_database_is_away_is_replaced(
    on_postgres: Place, server: Server
) -> None:
    """Its replacement cannot open the store, and the parent goes on: all is well when it is back."""
    service = on_postgres.serving(workers=2)
    service.start()
    parent = service.process.pid
    try:
        server.stop()
        os.kill(min(workers_of(parent)), signal.SIGKILL)
        assert until(lambda: "the worker cannot start" in service.log.read_text())
        assert service.process.poll() is None
    finally:
        server.start()
    assert until(lambda: service.status("/readyz")[0] == 200)
    assert until(lambda: len(workers_of(parent)) >= 2)
    assert service.end() == 0
