"""`delegation tighten`: evidence in words, a grant as Python, TOML and JSON, exit codes."""

from __future__ import annotations

import json
import time
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner
from world import World

from delegation import Grant
from delegation.cli.main import app

RUN = CliRunner()


@pytest.fixture
def used(tmp_path: Path, monkeypatch):
    """Return a store with a link that sent twelve mails, and the link."""
    monkeypatch.chdir(tmp_path)
    world = World(path=tmp_path / "delegation.db", at=int(time.time()))
    world.tracker._desk.ring.save(tmp_path / "delegation.ring.json")
    token = world.chain("boss", "<b>[red]x")
    for number in range(12):
        call = world.access("mail.send", to=f"u{number}@acme.example", body="Hi")
        assert world.check(token, "<b>[red]x", call)
    return world, token


def test_the_words_are_code(used) -> None:
    """What is printed runs as it is, and says how it was found."""
    _, token = used
    done = RUN.invoke(app, ["tighten", token.id])
    assert done.exit_code == 0, done.output
    assert "Would have allowed all 12 recorded calls" in done.stdout
    names: dict[str, object] = {}
    exec(done.stdout, names)
    assert isinstance(names["grant"], Grant)
    told = json.loads(RUN.invoke(app, ["tighten", token.id, "--json"]).stdout)
    assert Grant.from_json(told[0]["grant"]) == names["grant"]
    toml = RUN.invoke(app, ["tighten", token.id, "--format", "toml"])
    assert Grant.from_json(tomllib.loads(toml.stdout)["grant"]) == names["grant"]
    plain = RUN.invoke(app, ["tighten", token.id, "--format", "json"])
    (line,) = [line for line in plain.stdout.splitlines() if not line.startswith("#")]
    assert Grant.from_json(json.loads(line)) == names["grant"]


def test_exit_codes_say_whether_there_is_a_proposal(used) -> None:
    """3 without one, 1 for what is not there."""
    world, token = used
    assert RUN.invoke(app, ["tighten", token.id, "--minimum", "13"]).exit_code == 3
    assert RUN.invoke(app, ["tighten", world.task.id]).exit_code == 0
    for wrong, code in ((["lnk_none"], 1), (["nobody"], 1), ([token.id, "--format", "exe"], 2), ([token.id, "--ignore", "-1"], 1)):  # fmt: skip
        done = RUN.invoke(app, ["tighten", *wrong])
        assert done.exit_code == code, done.output
        assert "Traceback" not in done.output
