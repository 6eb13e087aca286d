"""`delegation keys rotate` and what `doctor` says of it, with a replica that has a copy of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from delegation.cli.main import app
from delegation.identity.keyring import ROLES, KeyRing
from delegation.records import ring_book
from delegation.tracker import Tracker

RUN = CliRunner()


@pytest.fixture
def here(tmp_path: Path, monkeypatch) -> Iterator[Tracker]:
    """Serve a store in this process with the second copy of its ring; the first is the command's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DELEGATION_STORE", str(tmp_path / "s.db"))
    monkeypatch.setenv("DELEGATION_RING", str(tmp_path / "a.json"))
    monkeypatch.delenv("DELEGATION_URL", raising=False)
    monkeypatch.setattr(ring_book, "SETTLED", 0)
    url = f"sqlite:///{tmp_path / 's.db'}"
    Tracker.open(url, ring_file=tmp_path / "a.json").close()
    shutil.copy2("a.json", "b.json")
    with Tracker.open(url, ring_file=tmp_path / "b.json") as tracker:
        tracker._desk.keys.keep()
        yield tracker


def run(*words: str, code: int = 0) -> str:
    """Run a command and return what it said, in one line."""
    done = RUN.invoke(app, list(words))
    assert done.exit_code == code, done.output
    return done.output.replace("\n", " ")


def said_of_the_ring() -> list[tuple[str, str, str]]:
    """Return what doctor says of the ring: level, what, remedy."""
    told = json.loads(RUN.invoke(app, ["doctor", "--json"]).stdout)
    return [(f["level"], f["what"], f["remedy"]) for f in told["findings"] if f["check"] == "ring"]


def look(tracker: Tracker) -> None:
    """Look, as a service does within a second."""
    tracker._desk.keys._told = ("", "")
    tracker._desk.keys.look()


def test_a_replica_that_lacks_the_key_is_named_and_the_command_goes_on(here: Tracker) -> None:
    """Named by the command and by doctor; once it has the copy, the same call ends the rotation."""
    assert any("1 running processes" in what for _, what, _ in said_of_the_ring())
    told = run("keys", "rotate", "issuer", "--wait", "0", "--keep", "9", "--json", code=1)
    error = json.loads(told)
    assert error["code"] == "key_announced"
    name = here._desk.keys.name
    assert (
        f"issuer key {len(ROLES) + 1} is announced and does not sign yet: {name} lacks it"
        in error["message"]
    )
    assert "Copy the ring file to there" in error["remedy"]
    ((level, what, remedy),) = [f for f in said_of_the_ring() if "announced" in f[1]]
    assert (level, name in what) == ("warn", True)
    assert "keys rotate issuer" in remedy
    Path("b.json").chmod(0o644)
    look(here)
    assert "others" in run("keys", "rotate", "issuer", "--wait", "0", code=1)
    assert any("uses the keys of before" in what for _, what, _ in said_of_the_ring())
    shutil.copy2("a.json", "b.part")
    Path("b.part").replace("b.json")
    look(here)
    ((level, what, _),) = [f for f in said_of_the_ring() if "announced" in f[1]]
    assert "every running process holds it" in what
    done = json.loads(run("keys", "rotate", "issuer", "--keep", "9", "--json"))
    assert (done["role"], done["kid"]) == ("issuer", len(ROLES) + 1)
    assert list(done["ends"]) == ["1"]
    look(here)
    assert here._desk.keys.ring.active("issuer").kid == len(ROLES) + 1
    assert not [f for f in said_of_the_ring() if f[0] != "ok" and "retired" not in f[1]]


def test_a_copy_that_is_not_up_to_date_is_told_and_brought_there(
    here: Tracker, monkeypatch
) -> None:
    """Older than a switch: doctor is wrong with it; only `coming`: the command does just that."""
    shutil.copy2("a.json", "old.json")
    run("keys", "rotate", "log", "--announce")
    shutil.copy2("a.json", "b.json")
    look(here)
    run("keys", "rotate", "log")
    monkeypatch.setenv("DELEGATION_RING", "old.json")
    assert any(level == "wrong" and "older one" in what for level, what, _ in said_of_the_ring())
    assert "older copy" in run("keys", "rotate", "log", code=1)
    monkeypatch.setenv("DELEGATION_RING", "b.json")
    assert any("does not sign yet; it does" in what for _, what, _ in said_of_the_ring())
    kid = len(ROLES) + 1
    assert f"The log key {kid} signs since" in run("keys", "rotate", "log")
    assert KeyRing.load("b.json").active("log").kid == kid, "no other was made"
    assert len(KeyRing.load("b.json").keys) == kid


def test_announcing_alone_lets_readers_learn_of_a_key(here: Tracker) -> None:
    """What is handed out then reads what is signed later."""
    told = run("keys", "rotate", "service", "--announce")
    assert "is announced" in told
    issued = json.loads(run("keys", "issuer"))
    kids = [key["kid"] for key in issued["keys"] if key["role"] == "service"]
    assert len(kids) == 2
    assert {key["state"] for key in issued["keys"]} == {"active"}, (
        "older readers know no other word"
    )
    assert "one of issuer" in run("keys", "rotate", "oracle", code=1)
