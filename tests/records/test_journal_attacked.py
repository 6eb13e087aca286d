"""Who may write the journal's file and has no ring, and a clock that is wrong when it is written anew."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
from keeping import Kept
from world import NOW, verdict

from delegation.errors import ConfigurationError
from delegation.identity.keyring import KeyRing
from delegation.records.engine.numbers import read_numbers
from delegation.records.journal import file as journal_file
from delegation.tracker import Tracker

_LIMIT = 60.0  # seconds


def _numbers(kept: Kept) -> dict[str, int]:
    with kept.tracker._store._database.reading() as connection:
        return dict(read_numbers(connection))


def _write_bare(kept: Kept, *lines: list[object]) -> None:
    kept.journal.write_bytes(b"".join(json.dumps(one).encode() + b"\n" for one in lines))


def test_lines_without_a_seal_do_not_take_the_place_of_sealed_ones(kept: Kept) -> None:
    """The head tells that lines were sealed: what anybody can write ends nothing any more."""
    world, tracker = kept.world, kept.tracker
    held, other = world.root("a"), world.root("b")
    tracker.suspend("link", held.id, by="op")
    kept.keep()
    store, whole = _numbers(kept)["store"], kept.journal.read_bytes()
    tracker.close()
    _write_bare(kept, [store, 9, "revoke", "link", other.id, "op", "", NOW, NOW, ""])
    with pytest.raises(ConfigurationError, match=kept.journal.name):
        kept.open()
    kept.journal.write_bytes(whole)
    world.tracker = kept.open()
    assert verdict(world.check(other, "b")) is None


@pytest.mark.parametrize(
    "line",
    [
        [2**63 - 1, "revoke", "link", "lnk_x", "op", "", NOW, NOW, ""],
        [2**53, "suspend", "link", "lnk_x", "op", "", NOW, NOW, ""],
        [9, "revoke", "link", "lnk_x", "op", "", "soon", NOW, ""],
        [9, "revoke", "link", "lnk_x", 5, ["x"], NOW, 2**70, ""],
        [9, "revoke", "link", "lnk_x", "op", None, NOW, -1, ""],
        [0, "withdraw", ["ops"], NOW],
        [0, "withdraw", "ops", 1e300],
    ],
)
def test_a_number_that_nobody_reaches_takes_no_number_away(kept: Kept, line: list[object]) -> None:
    """A line of before with a number at the end of all numbers: no revocation would get one again."""
    world, tracker = kept.world, kept.tracker
    token = world.root("a")
    store = _numbers(kept)["store"]
    tracker.close()
    kept.head.unlink(missing_ok=True)
    _write_bare(kept, [store, *line])
    with pytest.raises(ConfigurationError, match=kept.journal.name):
        kept.open()
    kept.journal.unlink()
    world.tracker = kept.open()
    world.tracker.revoke("link", token.id, by="op")
    assert verdict(world.check(token, "a")) == (10, "link_revoked")


@pytest.mark.parametrize("which", ["journal", "head"])
@pytest.mark.parametrize("what", ["sparse", "pipe", "device", "long"])
def test_no_file_holds_up_or_fells_whoever_ends_something(
    kept: Kept, what: str, which: str, monkeypatch, caplog
) -> None:
    """The revocation holds, it is said aloud, and a start says which file it is."""
    monkeypatch.setattr(journal_file, "LONGEST", 4096)
    world, tracker = kept.world, kept.tracker
    token = world.root("a")
    tracker.suspend("link", token.id, by="op")
    kept.keep()
    file: Path = getattr(kept, which)
    if what == "sparse":
        os.truncate(file, journal_file.MOST + 1)
    elif what == "long":
        with file.open("ab") as stream:
            stream.write(bytes(10_000))
    else:
        file.unlink()
        os.mkfifo(file) if what == "pipe" else file.symlink_to("/dev/zero")
    done: list[str] = []

    def end() -> None:
        tracker.revoke("link", token.id, by="op")
        done.append("revoked")
        kept.keep()
        done.append("kept")

    thread = Thread(target=end, daemon=True)
    thread.start()
    thread.join(_LIMIT)
    assert done == ["revoked", "kept"]
    assert verdict(world.check(token, "a")) == (10, "link_revoked")
    if which == "journal":
        assert "could not be kept beside the ring" in caplog.text
        with pytest.raises(ConfigurationError, match=kept.journal.name):
            kept.open()


def test_a_clock_that_is_ahead_takes_no_line_away(kept: Kept) -> None:
    """A year ahead at a start after a rotation, when all is sealed anew: a backup revives nothing."""
    world, tracker = kept.world, kept.tracker
    token, task = world.root("boss"), world.open()
    kept.back_up()
    tracker.revoke("link", token.id, by="op")
    tracker.close_task(task.id)
    kept.keep()
    KeyRing.load(kept.ring).rotated("log", at=world.at, keep=60).replace_in(kept.ring)
    tracker.close()
    world.at += 365 * 86_400
    kept.open().close()
    world.at -= 365 * 86_400
    assert f'["log {KeyRing.load(kept.ring).active("log").kid}",'.encode() in kept.lines()[-1]
    world.tracker = kept.open()
    kept.restore()
    assert verdict(world.check(token, "boss")) == (10, "link_revoked")
    assert world.tracker.task(task.id).state == "completed"


def test_a_store_takes_no_line_of_another_one_away(kept: Kept, tmp_path: Path) -> None:
    """Two stores share a ring and a file of before: who starts first leaves the other's endings there."""
    world, tracker = kept.world, kept.tracker
    secret = tracker.create_api_key("ops", "operator")
    store = _numbers(kept)["store"]
    kept.back_up()
    tracker.close()
    _write_bare(kept, [store, 0, "withdraw", "ops", NOW])
    with suppress(FileNotFoundError):
        kept.head.unlink()
    for _ in range(2):
        Tracker.open(f"sqlite:///{tmp_path / 'staging.db'}", ring_file=kept.ring).close()
    for _ in range(2):
        world.tracker = kept.open()
        assert world.tracker.authenticate(secret) is None
        assert kept.said().count("Told again") == 1
        world.tracker.close()
    world.tracker = kept.open()
    kept.restore()
    assert world.tracker.authenticate(secret) is None
