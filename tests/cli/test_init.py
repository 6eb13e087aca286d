"""A store and its ring are made for an issuer that is named, and served under no other name."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import httpx2
import pytest
from serving import serving
from typer.testing import CliRunner

from delegation.cli.main import app
from delegation.errors import KeyFileError
from delegation.identity.keyring import KeyRing
from delegation.tracker import Tracker

RUN = CliRunner()
NAME, OTHER = "https://authority.example", "https://second.example"
LOOPBACK = "http://127.0.0.1:8470"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch) -> None:
    """Work in an empty folder, with no setting."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("DELEGATION_")]:
        monkeypatch.delenv(name)


def done(*words: str) -> dict:
    """Return what a command said that went well."""
    found = RUN.invoke(app, [*words, "--json"])
    assert found.exit_code == 0, found.output
    assert "dk_" not in found.stderr
    return json.loads(found.stdout)


def refused(*words: str, code: str = "configuration") -> dict:
    """Return the error of a command that ended with exit code 1."""
    found = RUN.invoke(app, [*words, "--json"])
    assert found.exit_code == 1, found.output
    said = json.loads(found.stderr.splitlines()[-1])
    assert said["code"] == code
    assert said["remedy"]
    return said


def left() -> set[str]:
    """Return what is in the folder."""
    return {one.name for one in Path().iterdir()}


def test_store_and_ring_are_made_for_a_name_and_kept(monkeypatch) -> None:
    """By option or setting; a second time nothing is changed, with the name or without."""
    assert done("init", "--issuer", NAME)["was_there"] is False
    ring = Path("delegation.ring.json")
    assert stat.S_IMODE(ring.stat().st_mode) == 0o600
    before = ring.read_bytes()
    for words in ((), ("--issuer", NAME)):
        again = done("init", *words)
        assert (again["was_there"], again["issuer"], again["keys"]) == (True, NAME, [])
    assert ring.read_bytes() == before
    monkeypatch.setenv("DELEGATION_ISSUER", OTHER)
    assert done("init", "--store", "b.db")["issuer"] == OTHER


def test_nobody_is_guessed() -> None:
    """Without a name nothing is made."""
    assert "No issuer is named" in refused("init")["message"]
    assert left() == set()


@pytest.mark.parametrize("command", [("init",), ("serve", "--port", "0")], ids=lambda c: c[0])
def test_another_name_is_refused_and_both_ways_out_lead_on(command, monkeypatch) -> None:
    """What was made by accident is neither served under another name nor called right."""
    done("init", "--issuer", LOOPBACK)
    monkeypatch.setenv("DELEGATION_ISSUER", NAME)
    said = refused(*command, code="key_file")
    assert LOOPBACK in said["message"]
    assert NAME in said["message"]
    doctor = json.loads(RUN.invoke(app, ["doctor", "--json"]).stdout)
    (found,) = [one for one in doctor["findings"] if one["check"] == "issuer"]
    assert (found["level"], found["remedy"]) == ("wrong", said["remedy"])
    assert f"delegation init --issuer {NAME}" in said["remedy"]
    assert "DELEGATION_ISSUER" in said["remedy"]
    monkeypatch.delenv("DELEGATION_ISSUER")
    assert done("init")["issuer"] == LOOPBACK
    monkeypatch.setenv("DELEGATION_ISSUER", NAME)
    Path("away").mkdir()
    for one in left() - {"away"}:
        Path(one).rename(Path("away") / one)
    assert done("init")["issuer"] == NAME


def test_whoever_opens_a_store_in_another_name_is_refused() -> None:
    """The library as well: with the ring's file, and with a ring."""
    done("init", "--issuer", NAME)
    ring = KeyRing.load("delegation.ring.json")
    for named in ({}, {"ring_file": "delegation.ring.json"}, {"ring": ring}):
        with pytest.raises(KeyFileError, match="issues as"):
            Tracker.open("sqlite:///delegation.db", issuer=OTHER, **named)
        with Tracker.open("sqlite:///delegation.db", **named) as tracker:
            assert tracker.issuer == NAME


def test_the_first_keys_go_to_a_file_of_their_owner() -> None:
    """Mode 0600, in no output, and not a second time; they are what the store knows."""
    found = RUN.invoke(app, ["init", "--issuer", NAME, "--keys-file", "keys"])
    assert found.exit_code == 0
    assert "dk_" not in found.output
    assert "keys" in found.stdout
    assert stat.S_IMODE(Path("keys").stat().st_mode) == 0o600
    held = json.loads(Path("keys").read_text())
    assert held.keys() == {"operator", "reviewer"}
    with Tracker.open("sqlite:///delegation.db") as tracker:
        assert {r: tracker.authenticate(s).role for r, s in held.items()} == {r: r for r in held}
    before = Path("keys").read_bytes()
    assert done("init", "--keys-file", "keys")["keys"] == []
    assert Path("keys").read_bytes() == before


def test_no_file_is_overwritten_and_no_key_is_lost() -> None:
    """Where the file is there, or cannot be, no key is made that nobody would hold."""
    Path("keys").write_text("mine")
    refused("init", "--issuer", NAME, "--keys-file", "keys", code="conflict")
    refused("init", "--keys-file", "none/keys")
    Path("link").symlink_to("elsewhere")
    refused("init", "--keys-file", "link", code="conflict")
    assert Path("keys").read_text() == "mine"
    assert json.loads(RUN.invoke(app, ["keys", "list", "--json"]).stdout) == []
    assert done("init", "--show-keys")["api_keys"].keys() == {"operator", "reviewer"}


def test_a_store_that_was_used_gets_no_new_ring(monkeypatch) -> None:
    """And a folder that is not there is not made."""
    done("init", "--issuer", NAME, "--keys-file", "keys")
    Path("delegation.ring.json").unlink()
    refused("init", "--issuer", NAME, code="key_file")
    assert "no folder" in refused("init", "--issuer", NAME, "--store", "no/s.db")["message"]
    monkeypatch.setenv("DELEGATION_ISSUER", NAME)
    assert "no folder" in refused("serve", "--store", "no/s.db", "--port", "0")["message"]


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::"])
def test_others_are_served_under_a_name_that_was_given(host: str, monkeypatch) -> None:
    """On other addresses than this machine's nothing is made for nobody, and no accident is served."""
    monkeypatch.setenv("DELEGATION_HOST", host)
    assert "No issuer is set" in refused("serve", "--port", "0")["message"]
    assert left() == set()
    done("init", "--issuer", LOOPBACK)
    said = refused("serve", "--port", "0")
    assert LOOPBACK in said["message"]
    assert f"DELEGATION_ISSUER={LOOPBACK}" in said["remedy"]
    doctor = RUN.invoke(app, ["doctor", "--json"])
    assert doctor.exit_code == 1
    assert [
        one["level"] for one in json.loads(doctor.stdout)["findings"] if one["check"] == "issuer"
    ] == ["wrong"]


def test_on_this_machine_a_first_start_needs_no_name(tmp_path: Path) -> None:
    """It says each time that nobody gave one; a loopback name that was given is one as any other."""
    for _ in range(2):
        with serving(tmp_path / "s.db", tmp_path) as started:
            assert httpx2.get(f"{started['url']}/healthz").status_code == 200
            held = KeyRing.load(tmp_path / "s.ring.json").issuer
            assert started["issuer"] == held
        assert "Nobody set an issuer" in (tmp_path / "serve.log").read_text()
    named = {"DELEGATION_ISSUER": held, "DELEGATION_HOST": "0.0.0.0"}
    with serving(tmp_path / "s.db", tmp_path, **named) as started:
        assert started["issuer"] == held
    assert "Nobody set" not in (tmp_path / "serve.log").read_text()
