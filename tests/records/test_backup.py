"""Backup and restore, by the engines' own tools: an older database signs no fork and forgets no proof."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from backups import Backups
from logs import audited, busy, codes, reopened, with_files
from world import World, verdict

from delegation.errors import ClockError, ConfigurationError, LogStoppedError
from delegation.identity.proof import MAX_AGE, MAX_AHEAD
from delegation.tracker import Tracker


@pytest.fixture
def backups(engine: str, url: str, tmp_path: Path, request) -> Backups:
    """Return the engine's own way to back up."""
    server = request.getfixturevalue("server") if engine == "postgres" else None
    return Backups(engine, url, tmp_path, server)


def test_a_backup_of_now_goes_on_as_if_nothing_had_happened(
    backups: Backups, url: str, tmp_path: Path
) -> None:
    """Everything that was decided, its lineage and its log are there, and the log continues."""
    world = with_files(World(url=url), tmp_path)
    busy(world)
    world.tracker.update_log()
    head = world.tracker.log_checkpoint()
    drawn = world.tracker.lineage(world.task).as_text()
    backups.make()
    world.tracker.close()
    backups.restore()
    again = reopened(world, url, tmp_path)
    assert again.tracker._log.look(at=again.at) == ""
    assert again.tracker.lineage(world.task).as_text() == drawn
    assert again.tracker.update_log().stopped == ""
    assert again.tracker.log_checkpoint() == head
    token = again.chain("boss", "z")
    assert again.check(token, "z")
    assert again.tracker.update_log().size == head.size + 3
    assert audited(again, tmp_path, since=head.text)
    assert again.tracker.compare_log() == ()
    again.tracker.close()


def test_an_older_backup_signs_no_fork_and_lets_no_used_proof_pass(
    backups: Backups, url: str, tmp_path: Path
) -> None:
    """Stopped with a finding, fenced for the life of a proof, and a new log after a restart."""
    world = with_files(World(url=url), tmp_path)
    token = world.chain("boss", "a")
    world.check(token, "a")
    world.tracker.update_log()
    backups.make()
    # After the backup a proof is used; the database that comes back does not know it.
    access = world.access()
    proof = world.key("a").prove(token, access, at=world.at)
    assert world.tracker.check(token, proof, access)
    world.tracker.update_log()
    signed = world.tracker.log_checkpoint()
    files = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file() and "s.db" not in p.name}
    world.tracker.close()
    backups.restore()

    again = reopened(world, url, tmp_path)
    assert "restored from an older backup" in again.tracker._log.look(at=again.at)
    with pytest.raises(LogStoppedError, match="restored from an older backup"):
        again.tracker.update_log()
    assert "older backup" in again.tracker.log_status().stopped
    with pytest.raises(ClockError):
        again.tracker.check(token, proof, access)
    world_now = again.at
    again.at = world_now + MAX_AGE
    with pytest.raises(ClockError):
        again.tracker.check(token, proof, access)
    again.at = world_now + MAX_AGE + MAX_AHEAD
    replayed = again.tracker.check(token, proof, access)
    assert (replayed.denial.step, replayed.denial.code) == (6, "proof_stale")
    assert again.check(token, "a")

    with pytest.raises(LogStoppedError):
        again.tracker.update_log()
    assert "log_stopped" in codes(again)
    assert again.check(token, "a"), "the minute ends, though the log stays stopped"
    assert again.tracker.log_checkpoint().size < signed.size
    now = {p: p.read_bytes() for p in files}
    assert now == files  # neither tiles nor checkpoints were written over

    # When more was recorded than was lost, the log is longer and still another one.
    for _ in range(5):
        again.at += 1
        again.check(token, "a")
    with pytest.raises(LogStoppedError, match="are not those of"):
        again.tracker.update_log()

    name = again.tracker.restart_log()
    assert name == f"{signed.origin}/2"
    status = again.tracker.update_log()
    assert (status.stopped, status.origin, status.waiting) == ("", name, 0)
    assert audited(again, tmp_path)
    assert again.tracker.compare_log() == ()
    assert (tmp_path / "log" / "before-1" / "checkpoint").read_text() == signed.text
    again.tracker.close()


def test_a_folder_that_was_restored_alone_is_written_again(filed: World, tmp_path: Path) -> None:
    """An older folder is the beginning of the log: it is brought up to date, not feared."""
    with_files(filed, tmp_path)
    busy(filed)
    filed.tracker.update_log()
    shutil.copytree(tmp_path / "log", tmp_path / "old")
    busy(filed)
    filed.tracker.update_log()
    shutil.rmtree(tmp_path / "log")
    shutil.copytree(tmp_path / "old", tmp_path / "log")
    assert filed.tracker._log.publisher.look(at=filed.at) == ""
    busy(filed)
    filed.tracker.update_log()
    assert audited(filed, tmp_path)


def test_what_the_key_remembers_must_be_readable(filed: World, tmp_path: Path) -> None:
    """A memory that is no checkpoint is not written over: nothing is signed."""
    with_files(filed, tmp_path)
    busy(filed)
    (tmp_path / "ring.signed").write_text("?")
    with pytest.raises(LogStoppedError, match="no readable checkpoint"):
        filed.tracker.update_log()
    assert (tmp_path / "ring.signed").read_text() == "?"
    (tmp_path / "ring.signed").unlink()
    assert filed.tracker.update_log().stopped == ""


def test_a_checkpoint_signed_while_somebody_looks_is_no_lost_one(
    filed: World, url: str, tmp_path: Path, monkeypatch
) -> None:
    """A command beside the service: files are read first, so that they are never ahead of the snapshot."""
    from delegation.records.log.log import SqlLog

    with_files(filed, tmp_path)
    busy(filed)
    filed.tracker.update_log()
    other = reopened(filed, url, tmp_path)
    real, turns = SqlLog.state, []

    def meanwhile(self):
        state = real(self)
        if not turns:
            turns.append(1)
            busy(filed)
            filed.tracker.update_log()
        return state

    monkeypatch.setattr(SqlLog, "state", meanwhile)
    assert other.tracker._log.look(at=other.at) == ""
    assert turns
    assert other.tracker.log_status().stopped == ""
    token = other.chain("boss", "z")
    assert other.check(token, "z"), "nothing was fenced off"
    other.tracker.close()


def test_tools_exist(server) -> None:
    """The wheel with PostgreSQL has its backup tools, so nothing above was skipped."""
    done = subprocess.run([server._bin / "pg_dump", "--version"], capture_output=True, check=False)
    assert done.returncode == 0


def by_its_ring(world: World, url: str, folder: Path) -> World:
    """Open a store by the file of its ring, beside which is kept what was ended."""
    file = folder / "s.ring.json"
    if not file.exists():
        world.tracker._desk.ring.save(file)
    world.tracker.close()
    again = World.__new__(World)
    again.url, again.path, again.at, again.keys = url, None, world.at, world.keys
    again.task = world.task
    again.tracker = Tracker.open(url, ring_file=file, clock=lambda: again.at)
    return again


def test_an_older_backup_brings_nothing_back_that_was_ended(
    backups: Backups, url: str, tmp_path: Path
) -> None:
    """What was ended after the backup is told again when the store is opened; what was resumed is not."""
    again = by_its_ring(World(url=url), url, tmp_path)
    names = ("kept", "link", "task", "away", "later", "back")
    tokens = {}
    for name in names:
        again.task = again.open()
        tokens[name] = again.root(name)
    tracker = again.tracker
    tracker.suspend("link", tokens["back"].id, by="op", reason="for a look")
    tracker.update_log()
    backups.make()
    tracker.revoke("link", tokens["link"].id, by="op", reason="leaked")
    tracker.suspend("link", tokens["away"].id, by="op")
    tracker.revoke("link", tokens["later"].id, by="op", effective_at=again.at + 500)
    tracker.resume("link", tokens["back"].id, by="op")
    tracker.close_task(tokens["task"].task)
    newest = tracker.numbers()["epoch"]
    tracker.close()
    backups.restore()

    more = by_its_ring(again, url, tmp_path)
    more.at += 200  # proofs from before the backup are stale by now, and the minute is over
    codes_now = {name: verdict(more.check(token, name)) for name, token in tokens.items()}
    assert codes_now == {
        "kept": None, "link": (10, "link_revoked"), "task": (10, "task_closed"),
        "away": (10, "link_suspended"), "later": None, "back": None,
    }  # fmt: skip
    assert more.tracker.numbers()["epoch"] > newest, "no number is given out twice"
    more.at += 300
    assert verdict(more.check(tokens["later"], "later")) == (10, "link_revoked")
    told = {change.subject.id: change.reason for change in more.tracker.revocations()}
    assert told[tokens["link"].id].startswith("leaked (since 2027-01-15T08:00:0")
    more.tracker.resume("link", tokens["away"].id, by="op")
    assert more.check(tokens["away"], "away")
    last = more
    for _ in range(2):  # opened again, there is nothing left to tell
        last = by_its_ring(last, url, tmp_path)
        assert verdict(last.check(tokens["link"], "link")) == (10, "link_revoked")
        assert last.check(tokens["away"], "away")
        last.at += 1
    last.tracker.close()


def test_what_cannot_be_read_of_what_was_ended_keeps_the_store_shut(
    url: str, tmp_path: Path
) -> None:
    """A torn last line was never answered; anything else unreadable is no reason to forget."""
    world = by_its_ring(World(url=url), url, tmp_path)
    world.tracker.revoke("link", world.root().id, by="op")
    world.tracker.close()
    (file,) = tmp_path.glob("*.ended")
    whole = file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(whole + b"[1,2")
    by_its_ring(world, url, tmp_path).tracker.close()
    file.write_bytes(whole + b"nonsense\n")
    with pytest.raises(ConfigurationError, match=file.name):
        by_its_ring(world, url, tmp_path)
