"""Every key of real services is rotated under load: nobody is refused, and no log is called broken."""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from rotating import Load, Place
from serving import serving
from typer.testing import CliRunner
from under_fault import until
from world import ISSUER, TOOLS

from delegation import Token
from delegation.cli.main import app
from delegation.identity.keyring import ROLES
from delegation.tracker import Tracker

RUN = CliRunner()


def rotate(store: str, ring: Path, role: str, *options: str) -> tuple[int, str]:
    """Run the command beside a copy of the ring."""
    words = ["keys", "rotate", role, "--store", store, *options]
    done = RUN.invoke(app, words, env={"DELEGATION_RING": str(ring)})
    return done.exit_code, done.output.replace("\n", " ").replace("> ", "")


def keys_of(store: str, ring: Path) -> dict[str, str]:
    """Make API keys of every role, and the tools."""
    with Tracker.open(store, ring_file=ring, issuer=ISSUER) as tracker:
        for tool in TOOLS:
            tracker.add_tool(tool)
        made = {
            role: tracker.create_api_key(
                role, role, ["https://desk.acme.example"] if role == "service" else ()
            )
            for role in ("operator", "reviewer", "service")
        }
        for n in range(6):
            made[f"approver-{n}"] = tracker.create_api_key(
                f"a{n}", "approver", person=f"p{n}@acme.example", approves_as=["finance"]
            )
    return made


def _all_went_on(load: Load, before: Counter[str]) -> bool:
    """Return whether everybody has done something since, or somebody was refused."""
    return bool(load.failed) or all(load.done[name] > count + 1 for name, count in before.items())


@pytest.mark.thorough
@pytest.mark.parametrize("copies", [2, 1], ids=["two services on PostgreSQL", "one on SQLite"])
def test_all_keys_are_rotated_under_load(copies: int, tmp_path: Path, request) -> None:
    """Two services with a copy of the ring each, or one: each role one after the other."""
    two = copies == 2
    store = (
        request.getfixturevalue("server").new_database()
        if two
        else f"sqlite:///{tmp_path / 's.db'}"
    )
    rings = [tmp_path / f"{n}" / "ring.json" for n in range(copies)]
    for ring in rings:
        ring.parent.mkdir()
    keys = keys_of(store, rings[0])
    with ExitStack() as stack:
        places = []
        for ring in rings:
            if not ring.exists():
                shutil.copy2(rings[0], ring)
            told = stack.enter_context(
                serving(store, ring.parent, "--no-make-keys", DELEGATION_RING=str(ring))
            )
            places.append(Place(told["url"], ring))
        load = stack.enter_context(Load(store, places, keys, tmp_path))
        until(lambda: load.failed or (load.done["in process"] and load.done["_auditing 0"]))
        for role in ROLES if not two else ():  # all announced first: they settle together
            assert rotate(store, rings[0], role, "--announce")[0] == 0
        for role in ROLES:
            if two:
                code, said = rotate(store, rings[0], role, "--wait", "2")
                assert code == 1, said
                assert f"({rings[1]}) lacks it" in said, "who lacks it is named"
            with Tracker.open(store, ring_file=rings[0]) as tracker:  # as `keys issuer` prints it
                offline = tracker.public_ring()  # handed out now, and never again
            if two:
                part = rings[1].with_suffix(".part")
                shutil.copy2(rings[0], part)
                part.rename(rings[1])
            code, said = rotate(store, rings[-1], role, "--keep", "0", "--wait", "120")
            assert code == 0, said
            before = Counter(load.done)
            assert until(partial(_all_went_on, load, before))
            assert load.failed == []
            for token, _ in list(load.kept):
                Token.read(token.text, offline)
        counted = dict(load.done)
    assert load.failed == []
    assert counted["calls"] > 50, counted
    with Tracker.open(store, ring_file=rings[0]) as tracker:
        tracker.update_log()
        assert tracker.log_status().stopped == ""
        assert tracker.compare_log() == ()
        held = tracker._desk.keys.ring
        assert all(held.active(role).kid > len(ROLES) for role in ROLES)
        # Calls that wait for people are denied at step 13; a key is a matter of steps 2 to 5.
        denied = {(d.step, d.code) for d in tracker.decisions(limit=1000) if not d.allowed}
        assert {(step, code) for step, code in denied if step < 6} == set()
