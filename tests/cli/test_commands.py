"""The command line: words for people, JSON for programs, exit codes, and no traceback."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner
from world import NOW, World

from delegation.cli.main import app
from delegation.records.schema.migrate import head

RUN = CliRunner()


@pytest.fixture
def store(tmp_path: Path, monkeypatch) -> tuple[World, Path]:
    """Return a world in a file with its ring beside it, at the present time."""
    import time

    monkeypatch.chdir(tmp_path)
    file = tmp_path / "delegation.db"
    world = World(path=file, at=int(time.time()))
    world.tracker._desk.ring.save(tmp_path / "delegation.ring.json")
    return world, file


def test_reviewers_commands_work_on_a_store(store, tmp_path: Path) -> None:
    """tasks, lineage, graph, inspect, check, explain, revoke: each says what it did."""
    world, _ = store
    token = world.chain("boss", "<script>[red]x")
    denied = world.check(
        token, "<script>[red]x", world.access("ops.restart", host="h.acme.example")
    )
    listed = RUN.invoke(app, ["tasks", "--json"])
    assert json.loads(listed.stdout)[0]["id"] == world.task.id
    assert "Ticket 1" in RUN.invoke(app, ["tasks"]).stdout
    tree = RUN.invoke(app, ["lineage", world.task.id])
    assert "<script>[red]x" in tree.stdout
    explained = RUN.invoke(app, ["explain", denied.id])
    assert "effect_not_granted" in explained.stdout
    assert "capability" in explained.stdout
    assert (
        json.loads(RUN.invoke(app, ["explain", denied.id, "--json"]).stdout)["denial"]["step"] == 8
    )
    for form in ("svg", "txt", "mmd", "dot", "json"):
        out = tmp_path / f"g.{form}"
        assert (
            RUN.invoke(app, ["graph", world.task.id, "--format", form, "-o", str(out)]).exit_code
            == 0
        )
        assert out.stat().st_size > 100
    file = tmp_path / "t.txt"
    file.write_text(token.text + "\n")
    shown = RUN.invoke(app, ["inspect", str(file)])
    assert shown.exit_code == 0
    assert token.text not in shown.stdout
    access = world.access()
    call = tmp_path / "call.json"
    call.write_text(
        json.dumps(
            {
                "token": token.text,
                "proof": world.key("<script>[red]x").prove(token, access, at=world.at),
                "access": access.to_json(),
            }
        )
    )
    assert RUN.invoke(app, ["check", str(call)]).exit_code == 0
    again = RUN.invoke(app, ["check", str(call), "--json"])
    assert again.exit_code == 3
    assert json.loads(again.stdout)["denial"]["code"] == "replayed"
    done = RUN.invoke(app, ["revoke", "link", token.id, "--reason", "test"])
    assert "epoch 1" in done.stdout
    assert "REVOKED" in RUN.invoke(app, ["lineage", world.task.id]).stdout


def test_operators_commands_preview_suspend_and_freeze(store) -> None:
    """Previews change nothing; a freeze prints its receipt and is ended by its opposite."""
    world, _ = store
    token = world.chain("boss", "a")
    assert world.check(token, "a")
    previewed = RUN.invoke(app, ["revoke", "link", token.id, "--preview"])
    assert "would end 1 active links" in previewed.stdout
    assert token.id in previewed.stdout
    assert world.check(token, "a")
    assert RUN.invoke(app, ["suspend", "tool", "files.read", "--wait"]).exit_code == 0
    assert world.check(token, "a").denial.code == "tool_suspended"
    assert RUN.invoke(app, ["resume", "tool", "files.read"]).exit_code == 0
    assert "would end 2" in RUN.invoke(app, ["freeze", "--preview"]).stdout
    frozen = RUN.invoke(app, ["freeze", "--reason", "drill"])
    assert "last call allowed: dec_" in frozen.stdout
    assert "confirmed by all 0" in frozen.stdout
    assert "receipt: " in frozen.stdout
    assert world.check(token, "a").denial.code == "frozen"
    assert json.loads(RUN.invoke(app, ["freeze", "--json"]).stdout)["kind"] == "everything"
    assert RUN.invoke(app, ["unfreeze"]).exit_code == 0
    assert RUN.invoke(app, ["unfreeze"]).exit_code == 1
    assert world.check(token, "a")
    assert RUN.invoke(app, ["suspend", "planet", "mars"]).exit_code == 1


def test_keys_and_schema_commands_work(store) -> None:
    """API keys are made, listed without secrets and withdrawn; the ring rotates; revisions are told."""
    secret = RUN.invoke(
        app, ["keys", "create", "svc", "--role", "service", "--audience", "https://x.example"]
    ).stdout.strip()
    assert secret.startswith("dk_")
    listed = RUN.invoke(app, ["keys", "list", "--json"]).stdout
    assert "svc" in listed
    assert secret not in listed
    assert RUN.invoke(app, ["keys", "revoke", "svc"]).exit_code == 0
    assert "revoked" in RUN.invoke(app, ["keys", "list"]).stdout
    assert RUN.invoke(app, ["keys", "rotate", "issuer"]).exit_code == 0
    ring = json.loads(RUN.invoke(app, ["keys", "ring", "--json"]).stdout)
    assert sorted(k["state"] for k in ring["keys"] if k["role"] == "issuer") == [
        "active",
        "retired",
    ]
    assert re.search(r"retired +│ 20\d\d-\d\d-\d\d", RUN.invoke(app, ["keys", "ring"]).stdout)
    assert re.search(
        r"signed_at +│ (20\d\d-\d\d-\d\d|never)", RUN.invoke(app, ["log", "status"]).stdout
    )
    assert f"database {head()}" in RUN.invoke(app, ["db", "current"]).stdout
    assert RUN.invoke(app, ["db", "upgrade"]).exit_code == 0


WRONG = [
    ["lineage", "tsk_none"], ["explain", "dec_none"], ["graph", "x", "--format", "exe"], ["revoke", "planet", "x"], ["revoke", "task", "tsk_none"],
    ["inspect", "no-such-file"], ["check", "no-such-file"], ["keys", "create", "x", "--role", "god"], ["keys", "revoke", "nobody"], ["rehearse", "whowhen", "no-such-folder"],
    ["approvals", "show", "apr_none"], ["approvals", "list", "--state", "odd"], ["approvals", "grant", "apr_x", "--reason", "k"],
    ["approvals", "verify", "no-such-file", "--ring", "none"],
]  # fmt: skip


@pytest.mark.parametrize("command", WRONG, ids=" ".join)
def test_what_is_wrong_is_one_sentence_and_an_exit_code(store, command: list[str]) -> None:
    """No traceback reaches a user."""
    done = RUN.invoke(app, command)
    assert done.exit_code in {1, 2, 3}
    assert "Traceback" not in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert done.output.strip()


def test_a_missing_store_is_not_made_by_accident(tmp_path: Path, monkeypatch) -> None:
    """Asking about nothing creates nothing."""
    monkeypatch.chdir(tmp_path)
    assert RUN.invoke(app, ["tasks"]).exit_code == 1
    assert list(tmp_path.iterdir()) == []
    assert NOW > 0


def test_a_missing_ring_is_not_made_by_accident(store, tmp_path: Path) -> None:
    """A new one would carry another issuer, and no token would verify again."""
    ring = tmp_path / "delegation.ring.json"
    ring.unlink()
    done = RUN.invoke(app, ["tasks", "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stderr)["code"] == "key_file"
    assert not ring.exists()


def test_an_older_program_does_not_upgrade_what_a_later_one_wrote(store) -> None:
    """Refused with the release's sentence and 78, as `serve` is, and the revision stays."""
    world, file = store
    world.tracker.close()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    done = RUN.invoke(app, ["db", "upgrade"])
    assert done.exit_code == 78, done.output
    assert "9999, which this program does not know" in done.stderr.replace("\n", " ")
    assert "database 9999" in RUN.invoke(app, ["db", "current"]).stdout


@pytest.mark.parametrize("word", ["hunter2", "hun@ter2"])
def test_a_database_that_is_not_reached_is_said_in_the_drivers_words(
    store, word: str, monkeypatch
) -> None:
    """A wrong port is found out by its sentence; no password, not a part of one that broke its URL."""
    monkeypatch.setenv("DELEGATION_RING", "delegation.ring.json")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        url = f"postgresql://u:{word}@127.0.0.1:{taken.getsockname()[1]}/x"
        looked = RUN.invoke(app, ["doctor", "--json", "--store", url])
        said = RUN.invoke(app, ["tasks", "--store", url]).stderr
    (found,) = [one for one in json.loads(looked.stdout)["findings"] if one["level"] == "wrong"]
    assert "ter2" not in said + looked.output
    if word == "hunter2":
        assert "refused" in found["what"]
        assert "refused" in said
        assert "doctor" not in found["remedy"]
