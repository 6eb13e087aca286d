"""`delegation log` and `delegation db erase`: what they say, and their exit codes."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from logs import busy, with_files
from typer.testing import CliRunner
from world import World

from delegation.cli.main import app
from delegation.commands.retention import DAY

RUN = CliRunner()


@pytest.fixture
def place(tmp_path: Path, monkeypatch) -> tuple[World, Path, str]:
    """Return a store in a file with its ring and a signed log, and the log's key."""
    monkeypatch.chdir(tmp_path)
    world = with_files(World(path=tmp_path / "delegation.db", at=int(time.time())), tmp_path)
    world.tracker._desk.ring.save(tmp_path / "delegation.ring.json")
    busy(world)
    world.tracker.update_log()
    return world, tmp_path, world.tracker.log_status().keys[0].text


def run(*arguments: object):
    """Run the program."""
    return RUN.invoke(app, [str(one) for one in arguments])


def test_an_honest_log_verifies_in_words_and_as_json(place) -> None:
    """By folder and key, by store, and by both; with a checkpoint that was kept."""
    world, folder, key = place
    kept = folder / "kept"
    kept.write_bytes((folder / "log" / "checkpoint").read_bytes())
    busy(world)
    world.tracker.update_log()
    (folder / "key").write_text(key + "\n")
    for arguments in (
        (folder / "log", "--key", key),
        (folder / "log", "--key", folder / "key", "--since", kept),
        (folder / "log", "--store", folder / "delegation.db", "--since", kept),
        (),
    ):
        done = run("log", "verify", *arguments)
        assert done.exit_code == 0, done.output
        assert "verifies: 16 entries, 6 links, 10 decisions" in done.output
    said = json.loads(run("log", "verify", folder / "log", "--key", key, "--json").stdout)
    assert said["verified"] is True
    assert (said["size"], said["findings"]) == (16, [])
    hashes = run("log", "verify", folder / "log", "--key", key, "--hashes-only", "--json")
    assert json.loads(hashes.stdout)["decisions"] == 0


def test_a_changed_log_is_said_so_and_fails(place) -> None:
    """A changed file, a changed row, an older log shown as the newest: exit code 1 and a sentence."""
    world, folder, key = place
    kept = folder / "kept"
    busy(world)
    world.tracker.update_log()
    kept.write_bytes((folder / "log" / "checkpoint").read_bytes())
    with world.tracker._store._database.writing() as connection:
        connection.exec_driver_sql("UPDATE decision SET tool = 'x.y' WHERE sequence = 1")
    done = run("log", "verify")
    assert done.exit_code == 1
    assert "row_changed: Decision dec_" in done.output
    assert run("log", "verify", folder / "log", "--key", key).exit_code == 0
    tile = folder / "log" / "tile" / "0" / "000.p" / "16"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    done = run("log", "verify", folder / "log", "--key", key, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["findings"][0]["code"] == "entry_differs"
    old = json.loads(
        run("log", "verify", folder / "log", "--key", key, "--since", kept, "--json").stdout
    )
    assert old["verified"] is False


def test_what_cannot_be_verified_is_refused(place) -> None:
    """No key, no folder, no text, a key that is none: a sentence and a remedy, no traceback."""
    _, folder, key = place
    for arguments in (
        (folder / "log",),
        (folder / "nowhere", "--key", key),
        (folder / "log", "--key", "x"),
        (folder / "log", "--key", key, "--since", folder / "nowhere"),
        ("http://127.0.0.1:9", "--key", key),
    ):
        done = run("log", "verify", *arguments)
        assert done.exit_code == 1
        assert done.exception is None or isinstance(done.exception, SystemExit)
    (folder / "empty").mkdir()
    assert "checkpoint_missing" in run("log", "verify", folder / "empty", "--key", key).output


def test_status_shows_the_key_that_verifies(place) -> None:
    """Size, what waits, and the key's text."""
    world, _, key = place
    busy(world)
    said = json.loads(run("log", "status", "--json").stdout)
    assert (said["entries"], said["signed"], said["waiting"], said["keys"]) == (8, 8, 8, [key])
    assert key.split("+", maxsplit=1)[0] in run("log", "status").stdout


def test_tiles_are_rebuilt_and_a_log_is_restarted(place) -> None:
    """Into any folder; a restart needs to be meant."""
    _, folder, key = place
    assert "Wrote 2 tiles" in run("log", "rebuild", folder / "other").output
    assert run("log", "verify", folder / "other", "--key", key).exit_code == 0
    assert run("log", "restart").exit_code == 1
    done = run("log", "restart", "--yes", "--folder", folder / "other")
    assert "/log/2" in done.output
    assert run("log", "rebuild", folder / "other").exit_code == 0
    assert run("log", "verify").exit_code == 0
    assert run("log", "verify", folder / "other", "--key", key).exit_code == 1  # the old log's key


def test_doctor_says_that_the_log_is_stopped(place) -> None:
    """In the sentence that was recorded, and it is wrong."""
    world, _, _ = place

    def said() -> list[dict[str, str]]:
        found = json.loads(run("doctor", "--json").stdout)
        return [one for one in found["findings"] if one["check"] == "log"]

    assert [one["level"] for one in said()] == ["ok"]
    with world.tracker._store._database.writing() as connection:
        connection.exec_driver_sql("UPDATE log_state SET stopped = 'entries were deleted'")
    (finding,) = said()
    assert (finding["level"], finding["what"]) == ("wrong", "entries were deleted")


def test_erasing_keeps_190_days(place) -> None:
    """A date too near is refused; old decisions lose their arguments; the log still verifies."""
    world, folder, _ = place
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + DAY))
    for arguments in (
        (),
        ("--before", day),
        ("--before", "soon"),
        ("--days", 189),
        ("--days", 200, "--before", day),
    ):
        assert run("db", "erase", *arguments).exit_code != 0
    assert "of 0 decisions" in run("db", "erase", "--days", 190).output
    with world.tracker._store._database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM log_entry")
        connection.exec_driver_sql("DELETE FROM log_pending")
        connection.exec_driver_sql(f"UPDATE decision SET at = at - {200 * DAY}")
        connection.exec_driver_sql(
            "UPDATE log_state SET size = 0, head = NULL, decisions_upto = 5, links_upto = 3"
        )
    (folder / "delegation.ring.json.signed").unlink()  # else the key remembers another log
    assert run("db", "erase", "--days", 190).exit_code == 1  # it may be the clock that is wrong
    done = run("db", "erase", "--days", 190, "--clock-is-right")
    assert "of 5 decisions" in done.output, done.output
    assert run("log", "verify").exit_code == 0
