"""A guarded service's tool log, and the command that holds it against the record."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from starlette.testclient import TestClient
from typer.testing import CliRunner
from world import DESK, World

from delegation import Access
from delegation.cli.main import app as program
from delegation.errors import ConfigurationError
from delegation.integrations import Guard, decision_of
from delegation.integrations.tool_log import ToolLog
from delegation.lineage.mediation import read_line

RUN = CliRunner()


def guarded(world: World, log: ToolLog) -> TestClient:
    """Return a service with one route, which fails for one path."""
    app = FastAPI(openapi_url=None)

    @app.get("/files")
    def read(path: str, request: Request) -> dict[str, str]:
        if path == "/broken":
            raise ZeroDivisionError
        return {"decision": decision_of(request).id}

    guard = Guard(world.tracker, audience=DESK, clock=lambda: world.at, tool_log=log)
    guard.route("GET", "/files", "files.read", query=["path"])
    return TestClient(guard.protect(app), raise_server_exceptions=False)


def ask(world: World, http: TestClient, path: str):
    """Call the service as an agent."""
    token = world.chain("boss", "a")
    access = Access("files.read", {"path": path}, DESK, purpose="desk")
    proof = world.key("a").prove(token, access, at=world.at)
    headers = {"Authorization": f"Delegation {token.text}", "Delegation-Proof": proof}
    return http.get("/files", params={"path": path}, headers=headers)


def test_a_guard_writes_down_what_ran_and_the_command_agrees(tmp_path: Path, monkeypatch) -> None:
    """Executed and failed calls, no denied ones; a forged line is found."""
    monkeypatch.chdir(tmp_path)
    world = World(path=tmp_path / "delegation.db", at=int(time.time()))
    world.tracker._desk.ring.save(tmp_path / "delegation.ring.json")
    log = ToolLog(tmp_path / "tool.log", audience=DESK, durable=True)
    http = guarded(world, log)
    done = ask(world, http, "/a")
    assert done.status_code == 200
    assert ask(world, http, "/broken").status_code == 500
    assert http.get("/files", params={"path": "/a"}).status_code == 401
    lines = (tmp_path / "tool.log").read_bytes().splitlines()
    read = [read_line(data, n) for n, data in enumerate(lines, start=1)]
    assert [one.outcome for one in read] == ["executed", "failed"]
    assert read[0].decision == done.json()["decision"]
    assert b"/broken" not in (tmp_path / "tool.log").read_bytes()
    assert (tmp_path / "tool.log").stat().st_mode & 0o077 == 0
    fits = RUN.invoke(program, ["reconcile", "tool.log"])
    assert fits.exit_code == 0, fits.output
    assert "Nothing was executed but what was allowed: 2 lines" in fits.stdout
    forged = {**json.loads(lines[0]), "decision": "dec_" + "f" * 22, "tool": "files.read"}
    with (tmp_path / "tool.log").open("ab") as file:
        file.write(json.dumps(forged).encode() + b"\n")
    found = RUN.invoke(program, ["reconcile", "tool.log", "--json"])
    assert found.exit_code == 3
    told = json.loads(found.stdout)
    assert told["counts"] == {"no_decision": 1}
    assert told["findings"][0]["line"] == 3
    assert "line 3: no decision" in RUN.invoke(program, ["reconcile", "tool.log"]).stdout
    piped = RUN.invoke(program, ["reconcile", "-"], input=b"\n".join(lines) + b"\n")
    assert piped.exit_code == 0, piped.output
    log.close()


def test_what_was_not_executed_fails_only_when_asked(tmp_path: Path, monkeypatch) -> None:
    """An allowed call that was not made is no bypass."""
    monkeypatch.chdir(tmp_path)
    world = World(path=tmp_path / "delegation.db", at=int(time.time()))
    world.tracker._desk.ring.save(tmp_path / "delegation.ring.json")
    log = ToolLog("tool.log", audience=DESK)
    assert ask(world, guarded(world, log), "/a").status_code == 200
    world.check(world.chain("boss", "a"), "a")
    command = ["reconcile", "tool.log", "--until", str(world.at + 1)]
    assert RUN.invoke(program, command).exit_code == 0
    assert RUN.invoke(program, [*command, "--strict"]).exit_code == 3
    assert RUN.invoke(program, ["reconcile", "no-such.log"]).exit_code == 1
    assert RUN.invoke(program, ["reconcile", str(tmp_path)]).exit_code == 1
    log.close()


def test_a_log_that_cannot_be_opened_stops_the_start(tmp_path: Path) -> None:
    """Not the first call."""
    with pytest.raises(ConfigurationError):
        ToolLog(tmp_path / "no" / "such.log", audience=DESK)


def test_a_log_that_cannot_be_written_is_said_and_loses_no_answer(
    world: World, tmp_path: Path, caplog
) -> None:
    """The call was made; the line that is missing is found as a decision without execution."""
    log = ToolLog(tmp_path / "tool.log", audience=DESK)
    log.close()
    log._file = os.open("/dev/full", os.O_WRONLY)
    assert ask(world, guarded(world, log), "/a").status_code == 200
    assert "the tool log lacks dec_" in caplog.text
    log.close()
