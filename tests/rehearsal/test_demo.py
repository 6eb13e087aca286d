"""The demo: every harmful attempt is refused, every honest call passes, and the picture is drawn."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.request
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import warm


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in this folder."""
    command = [*warm.python(), "-m", "delegation.cli", *words]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=280, check=False
    )


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Play it once, and return its folder and what it said."""
    folder = tmp_path_factory.mktemp("played")
    done = run(folder, "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def test_the_demo_ends_well(played: tuple[Path, str]) -> None:
    """Exit 0, counts told, SVG written, and the store opens again."""
    folder, said = played
    assert "with a shared broad credential: 16 of 16" in said
    assert "with the tracker:               0 of 16" in said
    for code in ("resource_widened", "proof_signature", "replayed", "holder_contradicts_registry", "container_signature",
                 "link_revoked", "task_closed", "budget_spent", "audience_not_granted", "proof_other_access", "delegate_only", "argument_refused"):  # fmt: skip
        assert code in said, code
    ET.parse(folder / "demo" / "graph.svg")
    tasks = run(folder, "tasks", "--json")
    assert "Refund for ticket 4711" in tasks.stdout
    assert "Refund for ticket 4712" in tasks.stdout
    waiting = run(folder, "approvals", "list", "--json")
    assert "ord-91" in waiting.stdout, waiting.stderr


def test_serving_the_demos_store_gives_keys_that_open_it(played: tuple[Path, str]) -> None:
    """`demo`, then `serve`: both first keys are in a file, and the reviewer's lists the demo's tasks."""
    folder, _ = played
    ready, log = folder / "ready.json", folder / "log"
    with log.open("w") as out:
        served = subprocess.Popen(
            [*warm.python(), "-m", "delegation.cli", "serve", "--port", "0", "--ready-file", str(ready)],
            cwd=folder,
            stdout=out,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    try:
        end = time.monotonic() + 90
        while not ready.exists() and time.monotonic() < end:
            time.sleep(0.05)
        (kept,) = folder.rglob("*.keys.json")
        secret = json.loads(kept.read_text())["reviewer"]
        request = urllib.request.Request(
            json.loads(ready.read_text())["url"] + "/v1/tasks",
            headers={"Authorization": f"Bearer {secret}"},
        )
        with urllib.request.urlopen(request, timeout=90) as answer:
            titles = sorted(t["title"] for t in json.load(answer)["tasks"])
            assert titles == ["Refund for ticket 4711", "Refund for ticket 4712"]
    finally:
        served.send_signal(signal.SIGTERM)
        served.wait(90)


def test_the_demo_may_be_played_again(played: tuple[Path, str]) -> None:
    """In the folder where it was, beside a store that was used since."""
    folder, _ = played
    done = run(folder, "demo")
    assert done.returncode == 0, done.stdout + done.stderr
