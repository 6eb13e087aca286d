"""The journal that is altered, cut, full, rotated, of before, or written by several at once."""

from __future__ import annotations

import json
import logging
import os
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from keeping import Kept
from world import NOW, TOOLS, verdict

from delegation import HolderKey
from delegation.canonical import b64u
from delegation.cli.checkup.restored import look_at_journal
from delegation.commands.steady_clock import SteadyClock
from delegation.errors import ConfigurationError
from delegation.identity.keyring import KeyRing
from delegation.records.engine.numbers import read_numbers
from delegation.records.journal import file as journal_file
from delegation.records.journal.file import JournalFile
from delegation.records.tables.records import Table
from delegation.tracker import Tracker
from delegation.tracker.location import endings_file


@pytest.mark.parametrize(
    "fault", ["altered", "swapped", "inserted", "reordered", "unsealed", "unreadable"]
)
def test_a_journal_that_is_not_what_was_written_keeps_the_store_shut(
    kept: Kept, fault: str
) -> None:
    """Whoever writes the file without the ring neither lifts nor hides anything."""
    world, tracker = kept.world, kept.tracker
    tokens = [world.root(name) for name in "abc"]
    for token in tokens:
        tracker.suspend("link", token.id, by="op")
    lines = kept.lines()
    if fault == "altered":
        lines[1] = (
            lines[1].replace(b'"suspend"', b'"resume"')
            if b'"suspend"' in lines[1]
            else lines[1][:50] + b"x" + lines[1][51:]
        )
    elif fault == "swapped":
        ring = KeyRing.generate("https://authority.acme.example")
        other = kept.folder / "o.json"
        ring.save(other)
        with Tracker.open(f"sqlite:///{kept.folder / 'o.db'}", ring_file=other) as strange:
            strange.add_tool(TOOLS[0])
        lines = endings_file(other).read_bytes().split(b"\n")
    elif fault == "inserted":
        lines.insert(2, lines[1])
    elif fault == "reordered":
        lines[-1], lines[-2] = lines[-2], lines[-1]
    elif fault == "unsealed":
        body = [1, 99, "resume", "link", tokens[0].id, "op", "", NOW, NOW, ""]
        lines.append(json.dumps(body).encode())
    tracker.close()
    kept.journal.write_bytes(b"\n".join(lines) + b"\n")
    if fault == "unreadable":
        kept.journal.unlink()
        kept.journal.mkdir()
    with pytest.raises(ConfigurationError, match=kept.journal.name):
        kept.open()


def test_a_journal_that_was_cut_is_found_out(kept: Kept) -> None:
    """With the database that knows the rest it is made whole; with an older one nothing starts."""
    world, tracker = kept.world, kept.tracker
    tokens = [world.root(name) for name in "ab"]
    kept.back_up()
    tracker.revoke("link", tokens[0].id, by="op")
    tracker.revoke("link", tokens[1].id, by="op")
    kept.keep()
    tracker.close()
    whole = kept.journal.read_bytes()
    cut = whole.rstrip(b"\n").rpartition(b"\n")[0] + b"\n"
    kept.journal.write_bytes(cut)
    found = [one.level for one in look_at_journal(kept.journal, kept.head, KeyRing.load(kept.ring))]
    assert found == ["wrong"]
    kept.open().close()
    assert len(kept.lines()) >= len([one for one in whole.split(b"\n") if one])
    kept.journal.write_bytes(cut)
    kept.backups.restore()
    with pytest.raises(ConfigurationError, match="it was cut"):
        kept.open()
    kept.journal.write_bytes(whole)
    world.tracker = kept.open()
    world.at += 300
    assert verdict(world.check(tokens[1], "b")) == (10, "link_revoked")


def test_ending_never_waits_for_the_journals_disk(kept: Kept, monkeypatch, caplog) -> None:
    """A full disk: the revocation holds, it is said aloud once, and caught up with afterwards."""
    world, tracker = kept.world, kept.tracker
    token = world.root("boss")
    secret = tracker.create_api_key("ops", "operator")
    kept.back_up()
    before = kept.journal.read_bytes()

    def full(handle: int, data: bytes) -> None:
        os.write(handle, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, caplog.at_level(logging.ERROR):
        patched.setattr(journal_file, "_write_all", full)
        tracker.revoke("link", token.id, by="op")
        tracker.revoke_api_key("ops")
        kept.keep()
    assert verdict(world.check(token, "boss")) == (10, "link_revoked")
    assert [
        one.message.count("No space") for one in caplog.records if "beside the ring" in one.message
    ] == [1]
    assert kept.journal.read_bytes() == before, "half a line is taken back"
    kept.keep()
    tracker = kept.restore()
    assert verdict(world.check(token, "boss")) == (10, "link_revoked")
    assert tracker.authenticate(secret) is None


@pytest.mark.parametrize("role", ["log", "service"])
def test_the_journal_survives_a_rotation(kept: Kept, role: str) -> None:
    """Sealed with the key before, read with the ring after, and sealed anew with the key of now."""
    world, tracker = kept.world, kept.tracker
    token = world.root("boss")
    kept.back_up()
    tracker.revoke("link", token.id, by="op")
    kept.keep()
    KeyRing.load(kept.ring).rotated(role, at=world.at, keep=60).replace_in(kept.ring)
    tracker = kept.restore()
    assert verdict(world.check(token, "boss")) == (10, "link_revoked")
    key = KeyRing.load(kept.ring).active("log")
    assert f'["log {key.kid}",'.encode() in kept.lines()[-1]
    kept.tracker.close()
    world.tracker = kept.open()


def test_a_process_from_before_a_rotation_follows_on(kept: Kept, caplog) -> None:
    """Another one, started since, seals with the new key in the same file: this one reads its ring again."""
    world, tracker = kept.world, kept.tracker
    tokens = [world.root("boss") for _ in range(2)]
    kept.back_up()
    KeyRing.load(kept.ring).rotated("log", at=world.at, keep=60).replace_in(kept.ring)
    with kept.open() as other:
        other.revoke("link", tokens[0].id, by="op")
    tracker.revoke("link", tokens[1].id, by="op")
    kept.keep()
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]
    key = KeyRing.load(kept.ring).active("log")
    assert f'["log {key.kid}",'.encode() in kept.lines()[-1]
    kept.restore()
    assert {verdict(world.check(token, "boss")) for token in tokens} == {(10, "link_revoked")}


def test_lines_of_before_end_things_and_lift_nothing(kept: Kept) -> None:
    """A file without seals is read once more, as far as it ends something."""
    world, tracker = kept.world, kept.tracker
    ended, held = world.root("a"), world.root("b")
    tracker.suspend("link", held.id, by="op")
    secret = tracker.create_api_key("ops", "operator")
    with tracker._store._database.reading() as connection:
        store = read_numbers(connection)["store"]
    kept.back_up()
    tracker.close()
    bare = [
        [store, 900, "revoke", "link", ended.id, "op", "", NOW, NOW, ""],
        [store, 901, "resume", "link", held.id, "op", "", NOW + 5, NOW + 5, ""],
        [store, 0, "withdraw", "ops", NOW],
    ]
    kept.journal.write_bytes(b"".join(b"\n" + json.dumps(one).encode() + b"\n" for one in bare))
    kept.head.unlink(missing_ok=True)
    for _ in range(2):
        world.at += 1
        world.tracker = kept.open()
        world.at += 300
        assert verdict(world.check(ended, "a")) == (10, "link_revoked")
        assert verdict(world.check(held, "b")) == (10, "link_suspended")
        assert world.tracker.authenticate(secret) is None
        assert all(line.startswith(b"2 ") for line in kept.lines())
        assert kept.said().count("Told again") == 1
        world.tracker.close()
    world.tracker = kept.open()


def test_what_is_over_leaves_the_journal(kept: Kept, monkeypatch) -> None:
    """It is written anew when it has grown, without what nothing could revive, and its length is kept."""
    world, tracker = kept.world, kept.tracker
    monkeypatch.setattr(journal_file, "SMALL", 2_000)
    monkeypatch.setattr(SteadyClock, "sure", lambda _, at, *__: at)
    task = world.open()
    tracker.close_task(task.id)
    kept_for_ever = HolderKey.generate("x").public
    tracker.revoke("key", _text(kept_for_ever), by="op")
    link = world.root("boss")
    for _ in range(20):
        tracker.suspend("link", link.id, by="op")
        tracker.resume("link", link.id, by="op")
    before = kept.journal.stat().st_size
    world.at += 200_000
    kept.keep()
    assert kept.journal.stat().st_size < before / 2
    assert not any(task.id.encode() in line for line in kept.lines())
    assert any(_text(kept_for_ever).encode() in line for line in kept.lines())
    assert kept.journal.stat().st_mode & 0o777 == 0o600
    tracker.close()
    world.tracker = kept.open()
    assert kept.said() == ""


def _text(key) -> str:
    return b64u(key.key)


def test_two_that_write_at_once_mix_no_lines(kept: Kept) -> None:
    """Workers of one host share a file: each ending stands there once, in one chain."""
    world = kept.world
    tokens = [world.root("boss") for _ in range(12)]
    others = [kept.open() for _ in range(3 if kept.backups.engine == "postgres" else 1)]
    with ThreadPoolExecutor(len(others)) as pool:
        list(
            pool.map(
                lambda pair: others[pair[0] % len(others)].revoke("link", pair[1].id, by="op"),
                enumerate(tokens),
            )
        )
    for other in others:
        other._store.follow_endings(at=world.at)
        other.close()
    found = JournalFile(kept.journal, kept.head, KeyRing.load(kept.ring)).read()
    told = [line.what.change.subject.id for line in found if hasattr(line.what, "change")]
    assert sorted(told) == sorted(token.id for token in tokens)


def test_a_tasks_history_that_is_not_known_is_waited_for(kept: Kept) -> None:
    """A rule of flow asks what was done before: after a restore nobody knows, so the task is suspended."""
    world, tracker = kept.world, kept.tracker
    token = world.root("boss")
    with tracker._store._database.writing() as connection:
        connection.exec_driver_sql(f"INSERT INTO flow_history (root) VALUES ('{world.task.id}')")
    kept.back_up()
    tracker.revoke("link", world.root("other").id, by="op")
    tracker = kept.restore()
    assert verdict(world.check(token, "boss")) == (10, "task_suspended")
    tracker.resume("task", world.task.id, by="op")
    assert world.check(token, "boss")
    assert "1 flow" in kept.said()


def test_every_table_says_what_its_revival_would_mean() -> None:
    """A new table has a line on the page, or this fails: journalled, ended, embargoed, listed or harmless."""
    page = Path(__file__).parents[2] / "docs" / "how-to" / "restore.md"
    rows = dict(
        re.findall(r"^\| `([a-z_]+)` \|.*\| \*\*([a-z]+)\*\*", page.read_text(), re.MULTILINE)
    )
    assert rows.keys() == set(Table.metadata.tables)
    assert set(rows.values()) <= {"journalled", "ended", "embargoed", "listed", "harmless"}


def test_a_copy_by_the_engine_itself_is_what_these_tests_restore(kept: Kept) -> None:
    """The backup of a file is SQLite's own, not a copy under a writer."""
    kept.back_up()
    assert kept.backups.copy.exists()
    if kept.backups.engine == "sqlite":
        with sqlite3.connect(kept.backups.copy) as copy:
            assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
