"""`delegation db erase` previews, refuses a clock that nothing confirms, and erases."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner
from world import World

from delegation.cli.checkup.store import judge_age
from delegation.cli.main import app
from delegation.commands.retention import DAY, MIN_DAYS


@pytest.fixture
def old(tmp_path: Path, monkeypatch) -> World:
    """Return a world in the working folder whose newest call is 200 days old."""
    monkeypatch.chdir(tmp_path)
    world = World(path=tmp_path / "delegation.db", at=int(time.time()) - 200 * DAY)
    world.tracker._desk.ring.save(tmp_path / "delegation.ring.json")
    world.check(world.chain("boss", "a"), "a")
    world.tracker.update_log()
    return world


def run(*words: str, **env: str) -> dict:
    """Run the command and return its answer; what it refuses has a code."""
    done = CliRunner().invoke(app, ["db", "erase", *words, "--json"], env=env)
    assert "Traceback" not in done.output
    found: dict = json.loads(done.output)
    return found


def test_it_says_what_it_would_erase_and_then_what_it_did(old: World) -> None:
    """By date, by days, or by the setting alone; the newest record is older than a day, so say so."""
    kept = {"DELEGATION_RETAIN_DAYS": str(MIN_DAYS)}
    assert run("--dry-run", **kept)["erasable"] == 1
    assert run("--dry-run", "--days", "201")["erasable"] == 0
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 195 * DAY))
    assert run("--dry-run", "--before", day)["erasable"] == 1
    assert run("--days", "195")["code"] == "clock_ahead"
    assert run("--dry-run", "--days", "195")["erasable"] == 1, "nothing was erased so far"
    assert run("--days", "195", "--clock-is-right")["erased"] == 1
    assert run("--dry-run", "--days", "195")["erasable"] == 0
    assert [one.count for one in old.tracker.erasures()] == [1]


def test_doctor_says_that_the_clock_is_far_past_the_records() -> None:
    """A day is nothing; more is an idle store, or a clock that is ahead."""
    now = 1_800_000_000
    assert not [*judge_age(now, 0), *judge_age(now, now - DAY)]
    assert [found.level for found in judge_age(now, now - DAY - 1)] == ["warn"]
