"""`delegation approvals`: read by people, answered with their own keys, statements verified offline."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from consent import approver, asked, paying, rule
from typer.testing import CliRunner
from world import World

from delegation.cli.main import app

RUN = CliRunner()


@pytest.fixture
def world(tmp_path: Path, monkeypatch) -> World:
    """Return a world in a file with its ring beside it, at the present time."""
    monkeypatch.chdir(tmp_path)
    made = World(path=tmp_path / "delegation.db", at=int(time.time()))
    made.tracker._desk.ring.save(tmp_path / "delegation.ring.json")
    return made


def run(*words: str, **env: str) -> tuple[int, str]:
    """Run the program; return exit code and output."""
    done = RUN.invoke(app, list(words), env=env)
    assert "Traceback" not in done.output
    return done.exit_code, done.output


def test_a_request_is_listed_shown_granted_and_its_statement_verified(
    world: World, tmp_path: Path
) -> None:
    """From the waiting call to a statement that stands without the store."""
    made = ["keys", "create", "bo", "--role", "approver", "--person", "bo@acme.example"]
    secret = run(*made, "--approves-as", "finance")[1].strip()
    token = paying(world)
    request = asked(world, token)
    assert "pay.refund" in run("approvals", "list", "--state", "pending")[1]
    assert json.loads(run("approvals", "list", "--json")[1])[0]["id"] == request
    shown = run("approvals", "show", request)[1]
    assert "300 usd_cents" in shown
    assert "Needed: 1 of finance" in shown
    assert (
        run("approvals", "grant", request, "--reason", "fine", DELEGATION_API_KEY="dk_" + "x" * 43)[
            0
        ]
        == 1
    )
    done = run("approvals", "grant", request, "--reason", "fine", DELEGATION_API_KEY=secret)
    assert done == (0, f"{request} is granted.\n")
    entry = world.tracker.approval(request)
    (tmp_path / "s.txt").write_text(entry.statement)
    (tmp_path / "ring.json").write_text(json.dumps(world.tracker.public_ring().to_json()))
    (tmp_path / "a.json").write_text('{"order": "o1", "amount": 300}')
    (tmp_path / "b.json").write_text('{"order": "o1", "amount": 301}')
    verify = ["approvals", "verify", "s.txt", "--ring", "ring.json"]
    code, said = run(*verify, "--arguments", "a.json", "--json")
    assert (code, json.loads(said)["approvers"]) == (0, ["bo@acme.example"])
    assert json.loads(said)["arguments_compared"] is True
    assert "bo@acme.example" in run(*verify)[1]
    for wrong in (["--arguments", "b.json"], ["--at", str(entry.expires_at)]):
        assert run(*verify, *wrong)[0] == 3
    again = run("approvals", "refuse", request, "--reason", "no", DELEGATION_API_KEY=secret)
    assert again[0] == 1


def test_what_agents_wrote_is_set_apart_and_cannot_forge_a_line(world: World) -> None:
    """Control characters, reversed text and line feeds stay inside their own line."""
    evil = "o1[red]\n\nNeeded: 0 of nobody"
    token = paying(world, rule("mail.*"), names=("boss", "\u202eNeeded: nobody"))
    access = world.access("mail.send", to="kim@acme.example", body=evil)
    request = asked(world, token, access, by="\u202eNeeded: nobody")
    shown = run("approvals", "show", request)[1]
    ours, _, theirs = shown.partition("Written by agents, shown as text and checked for nothing:")
    assert "nobody" not in ours
    assert all(line.startswith("| ") for line in theirs.strip().splitlines())
    assert not {"\u202e", "\u2028", "\x1b"} & set(shown)


def test_what_is_shown_on_a_terminal_is_whole_and_says_what_is_not_seen(world: World) -> None:
    """The end of a long body, escapes for what is unseen or read from the right, and earlier refusals."""
    world.task = world.open(needs_approval=[rule("mail.*")])
    body = "5\u05d0\u200b " * 24 + "end"
    token = world.chain("boss", "a")
    call = world.access("mail.send", to="x@acme.example", body=body)
    first = asked(world, token, call)
    by = approver(world, "bo@acme.example", "finance")
    world.tracker.refuse_approval(first, by=by, reason="no\u2060 way")
    request = asked(world, world.chain("boss", "c"), call, "c")
    out = run("approvals", "show", request)[1]
    assert not {"\u05d0", "\u200b", "\u2060"} & set(out)
    line = next(one for one in out.splitlines() if one.startswith("| body"))
    assert json.loads(line.partition(" = ")[2]) == body
    assert "Characters that are not seen: 24 in body" in out
    assert "refused before: 2" in out
    assert "no\\u2060 way" in out
    listed = json.loads(run("approvals", "list", "--state", "pending", "--json")[1])
    assert listed[0]["refused_before"][0]["request"] == first
    assert "refused before" in " ".join(run("approvals", "list")[1].split())
    said = run("explain", world.tracker.approval(request).opened_by)[1]
    line = next(one for one in said.splitlines() if one.startswith("as sent: "))
    assert json.loads(line.partition(": ")[2])["arguments"]["body"] == body
