"""The log of a real service: signed by itself, verified offline and over HTTP, alive after kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from delegation import Access, Grant, HolderKey, Tool, anything, may
from delegation.cli.main import app
from delegation.client import Client
from delegation.errors import NotFoundError
from delegation.tracker import Tracker

RUN = CliRunner()


def start(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start `delegation serve` with a folder for the log; return the process and its URL."""
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DELEGATION_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "delegation.cli", "serve", "--port", "0", "--no-make-keys",
         "--store", "s.db", "--issuer", "http://issuer.example", "--ready-file", str(ready)],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**kept, "DELEGATION_LOG_DIR": str(folder / "log"), "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    for _ in range(1200):
        if ready.exists():
            return process, json.loads(ready.read_text())["url"]
        assert process.poll() is None
        time.sleep(0.05)
    raise AssertionError("the service did not start")


def proof_of(client: Client, decision: str):
    """Return a decision's proof, once a checkpoint covers it."""
    for _ in range(1800):
        try:
            return client.decision_proof(decision)
        except NotFoundError:
            time.sleep(0.05)
    raise AssertionError("no checkpoint covers it")


def test_a_service_signs_by_itself_and_its_log_is_verified_from_outside(
    tmp_path: Path, monkeypatch
) -> None:
    """Decide, wait for the proof, verify by folder, URL and store; kill -9; go on, and verify again."""
    monkeypatch.chdir(tmp_path)
    with Tracker.open(
        "sqlite:///s.db", ring_file="s.ring.json", issuer="http://issuer.example"
    ) as tracker:
        operator = tracker.create_api_key("op", "operator")
        key = tracker.log_status().keys[0]
    monkeypatch.setenv("DELEGATION_API_KEY", operator)
    process, url = start(tmp_path)
    boss = HolderKey.generate("boss")
    made: list[str] = []
    try:
        for again in (False, True):
            with Client(url, api_key=operator) as client:
                if not again:
                    client.add_tool(Tool("files.read", effect="read", arguments={"path": "path"}))
                    ceiling = Grant([may("files.read", path=anything())], audience=["desk"])
                    task = client.open_task("Read", owner="ana@acme.example", ceiling=ceiling)
                    token = client.issue(task, to=boss.public)
                access = Access("files.read", {"path": "/a"}, audience="desk")
                for _ in range(3):
                    decision = client.check(token, boss.prove(token, access), access)
                    assert decision
                    made.append(decision.id)
                for name in made:
                    assert proof_of(client, name).verify([key]).id == name
            for place in (str(tmp_path / "log"), url):
                done = RUN.invoke(app, ["log", "verify", place, "--key", key.text, "--json"])
                assert done.exit_code == 0, done.output
                assert json.loads(done.stdout)["decisions"] == len(made)
            with_store = ["log", "verify", str(tmp_path / "log"), "--store", "s.db"]
            assert RUN.invoke(app, with_store).exit_code == 0
            if not again:
                kept = tmp_path / "kept"
                kept.write_bytes((tmp_path / "log" / "checkpoint").read_bytes())
                process.send_signal(signal.SIGKILL)
                process.wait(90)
                process, url = start(tmp_path)
        since = ["log", "verify", url, "--key", key.text, "--since", str(kept)]
        assert RUN.invoke(app, since).exit_code == 0
        forged = kept.read_text().replace("\n4\n", "\n3\n")
        kept.write_text(forged)
        assert RUN.invoke(app, since).exit_code == 1
    finally:
        process.terminate()
        process.wait(90)


@pytest.mark.parametrize("days", ["1", "189", "-1", "x"])
def test_a_service_that_would_erase_too_early_does_not_start(days: str, monkeypatch) -> None:
    """The minimum is refused at start-up, not found out later."""
    from delegation_api.settings import Settings

    monkeypatch.setenv("DELEGATION_RETAIN_DAYS", days)
    with pytest.raises(ValueError, match="retain_days"):
        Settings()
    monkeypatch.setenv("DELEGATION_RETAIN_DAYS", "190")
    assert Settings().retain_days == 190
