"""Jobs of exports, on both engines: progress, cancelling, other callers, bounds, time, other workers."""

from __future__ import annotations

import threading
import time

import pytest
from clocks import passing
from world import NOW, World

from delegation.commands import export as deed
from delegation.commands.export_data import Bounds
from delegation.commands.export_jobs import KEEP_SECONDS, MOST, MOST_OF_ONE
from delegation.errors import (
    ConflictError,
    ExportsBusyError,
    ExportStoppedError,
    MalformedError,
    NotFoundError,
)
from delegation.records.exports.jobs import LEASE
from delegation.records.store import open_store
from delegation.records.tables.exports import JOBS, PARTS
from delegation.tracker import Tracker
from delegation.tracker import exports as faces
from delegation.tracker.exports import TELL_SECONDS

ENOUGH = 60.0  # seconds after which a wait is given up


def until(found, wanted, *, by: str = "ana"):
    """Return a job of a tracker once it is as wanted."""
    tracker, job = found
    end = time.monotonic() + ENOUGH
    while time.monotonic() < end:
        now = tracker.export_job(job.id, by=by)
        if wanted(now):
            return now
        time.sleep(0.02)
    raise AssertionError(now)


def over(tracker: Tracker, job, *, by: str = "ana"):
    """Return a job once it ended."""
    return until((tracker, job), lambda one: not one.is_active, by=by)


def rows(world: World, table) -> int:
    """Count what is kept of jobs."""
    with world.tracker._store._database.reading() as connection:
        return len(connection.execute(table.select()).all())


@pytest.fixture
def held(filed: World, monkeypatch):
    """Return a world whose exports wait at their second page until they may go on."""
    go, reached = threading.Event(), threading.Event()
    monkeypatch.setattr(deed, "PAGE", 2)
    inner = deed._Gathering._told

    def told(self, entries, total):
        for number, entry in enumerate(inner(self, entries, total)):
            if number == 4:
                reached.set()
                while not go.wait(0.02):
                    self.bounds.tell(number, total)
            yield entry

    monkeypatch.setattr(deed._Gathering, "_told", told)
    token = filed.chain("boss", "a")
    for _ in range(8):
        filed.check(token, "a")
    yield filed, go, reached
    go.set()


def test_a_job_makes_the_file_that_is_made_at_once(filed: World) -> None:
    """Its bytes, digest and manifest are those of the same export; cancelling then forgets them."""
    token = filed.chain("boss", "a")
    filed.check(token, "a")
    asked = filed.tracker.ask_export("decisions", "ocsf", by="ana", tool="files.read")
    assert asked.state == "waiting"
    done = over(filed.tracker, asked)
    assert done.state == "done", done
    assert (done.done, done.total) == (1, 1)
    at_once = filed.tracker.export("decisions", "ocsf", tool="files.read")
    assert filed.tracker.export_file(asked.id, by="ana") == at_once
    assert (done.digest, done.size) == (at_once.digest, len(at_once.data))
    assert filed.tracker.cancel_export(asked.id, by="ana").state == "cancelled"
    with pytest.raises(ConflictError):
        filed.tracker.export_file(asked.id, by="ana")
    assert rows(filed, PARTS) == 0


def test_a_job_may_be_larger_than_an_answer(filed: World, monkeypatch) -> None:
    """What is refused at once is made beside the caller, in several parts."""
    token = filed.chain("boss", "a")
    for _ in range(6):
        filed.check(token, "a")
    monkeypatch.setattr(faces, "AT_ONCE", Bounds(rows=5, links=5))
    monkeypatch.setattr("delegation.tracker.exports.PART", 100)
    asked = filed.tracker.ask_export("decisions", "csv", by="ana")
    assert over(filed.tracker, asked).state == "done"
    made = filed.tracker.export_file(asked.id, by="ana")
    assert made.is_intact
    assert made.manifest.shown == 6
    assert rows(filed, PARTS) == -(-len(made.data) // 100) > 1


def test_progress_is_told_while_it_is_made(held) -> None:
    """Other workers see rows done of rows in all, before the job is done."""
    world, go, reached = held
    other = Tracker(open_store(world.url), world.tracker._desk.ring, clock=lambda: world.at)
    asked = world.tracker.ask_export("decisions", "csv", by="ana")
    assert reached.wait(ENOUGH)
    seen = until((other, asked), lambda one: one.done > 0)
    assert (seen.state, seen.total) == ("running", 8)
    assert 0 < seen.done < 8
    with pytest.raises(ConflictError):
        other.export_file(asked.id, by="ana")
    go.set()
    assert over(other, asked).state == "done"
    assert other.export_file(asked.id, by="ana").manifest.shown == 8
    other.close()


def test_cancelling_really_stops_the_work(held) -> None:
    """Cancelled at another worker, the reading ends by itself and nothing is kept of it."""
    world, _, reached = held
    other = Tracker(open_store(world.url), world.tracker._desk.ring, clock=lambda: world.at)
    asked = world.tracker.ask_export("decisions", "csv", by="ana")
    assert reached.wait(ENOUGH)
    assert other.cancel_export(asked.id, by="ana").state == "cancelled"
    runner = world.tracker._exporting
    end = time.monotonic() + ENOUGH
    while runner._runs and time.monotonic() < end:
        time.sleep(0.02)
    assert not runner._runs
    assert not [t for t in threading.enumerate() if t.name == f"delegation-{asked.id}"]
    assert world.tracker.export_job(asked.id, by="ana").state == "cancelled"
    assert rows(world, PARTS) == 0
    assert other.cancel_export(asked.id, by="ana").state == "cancelled"
    other.close()


def test_another_caller_sees_nothing(filed: World) -> None:
    """A job is the asker's: to anybody else its id is one of nothing."""
    asked = filed.tracker.ask_export("tasks", "csv", by="ana")
    over(filed.tracker, asked)
    for deed_of in ("export_job", "export_file", "cancel_export"):
        for by in ("bo", "", "ana "):
            with pytest.raises(NotFoundError):
                getattr(filed.tracker, deed_of)(asked.id, by=by)
        with pytest.raises(NotFoundError):
            getattr(filed.tracker, deed_of)("exp_\x00", by="ana")
    assert filed.tracker.export_jobs(by="bo") == []
    assert [one.id for one in filed.tracker.export_jobs(by="ana")] == [asked.id]


def test_jobs_are_bounded_for_one_and_for_all(filed: World) -> None:
    """A caller has so many, all callers together so many; one that is forgotten makes room."""
    jobs = [filed.tracker.ask_export("tasks", "csv", by="ana") for _ in range(MOST_OF_ONE)]
    with pytest.raises(ExportsBusyError):
        filed.tracker.ask_export("tasks", "csv", by="ana")
    for number in range(MOST - MOST_OF_ONE):
        filed.tracker.ask_export("tasks", "csv", by=f"other{number // MOST_OF_ONE}")
    with pytest.raises(ExportsBusyError):
        filed.tracker.ask_export("tasks", "csv", by="late")
    filed.tracker.cancel_export(jobs[0].id, by="ana")
    filed.tracker.ask_export("tasks", "csv", by="late")
    with pytest.raises(MalformedError):
        filed.tracker.ask_export("tasks", "exe", by="ana")


def test_a_file_is_forgotten_after_its_time(filed: World) -> None:
    """From its last second on it is not there, and whoever asks next cleans it away."""
    passing(filed)
    asked = filed.tracker.ask_export("tasks", "csv", by="ana")
    assert over(filed.tracker, asked).state == "done"
    filed.at += KEEP_SECONDS - 1
    assert filed.tracker.export_file(asked.id, by="ana").is_intact
    filed.at += 1
    with pytest.raises(NotFoundError):
        filed.tracker.export_file(asked.id, by="ana")
    assert filed.tracker.export_jobs(by="ana") == []
    filed.at += 3600  # for so long a clock that is ahead may go unnoticed
    filed.tracker.ask_export("agents", "csv", by="bo")
    assert rows(filed, JOBS) == 1


def test_a_job_whose_worker_died_has_failed(filed: World, monkeypatch) -> None:
    """Nobody tells of it any more: it stands as failed, and takes no room."""
    monkeypatch.setattr("delegation.tracker.exports.ExportRunner.begin", lambda *_: None)
    jobs = [filed.tracker.ask_export("tasks", "csv", by="ana") for _ in range(MOST_OF_ONE)]
    filed.at += LEASE
    assert filed.tracker.export_job(jobs[0].id, by="ana").state == "waiting"
    filed.at += 1
    lost = filed.tracker.export_job(jobs[0].id, by="ana")
    assert (lost.state, lost.code) == ("failed", "export_stopped")
    filed.tracker.ask_export("tasks", "csv", by="ana")


def test_why_a_job_failed_is_said(filed: World, monkeypatch) -> None:
    """A refusal is its code and sentence; what nobody expected says nothing of itself."""
    asked = filed.tracker.ask_export("lineage", "svg", by="ana", task="tsk_none")
    failed = over(filed.tracker, asked)
    assert (failed.state, failed.code) == ("failed", "not_found")
    monkeypatch.setattr(faces, "written", lambda *_: 1 / 0)
    failed = over(filed.tracker, filed.tracker.ask_export("tasks", "csv", by="ana"))
    assert (failed.state, failed.code) == ("failed", "export_stopped")
    assert "division" not in failed.message
    monkeypatch.undo()
    monkeypatch.setattr("delegation.commands.export_jobs.MAX_BYTES", 10)
    failed = over(filed.tracker, filed.tracker.ask_export("tasks", "csv", by="ana"))
    assert (failed.state, failed.code) == ("failed", "export_too_large")


def test_a_damaged_file_is_not_handed_out(filed: World) -> None:
    """The store's bytes are held against the digest before anybody gets them."""
    asked = filed.tracker.ask_export("tasks", "csv", by="ana")
    over(filed.tracker, asked)
    with filed.tracker._store._database.writing() as connection:
        connection.execute(PARTS.update().values(data=b"x"))
    with pytest.raises(ExportStoppedError):
        filed.tracker.export_file(asked.id, by="ana")


def test_a_job_that_takes_too_long_ends(held, monkeypatch) -> None:
    """Making one has its time; a worker is not held by it for ever."""
    world, _, _ = held
    monkeypatch.setattr("delegation.tracker.exports.MAX_SECONDS", 0)
    failed = over(world.tracker, world.tracker.ask_export("decisions", "csv", by="ana"))
    assert (failed.state, failed.code) == ("failed", "export_stopped")


def test_closing_ends_what_is_made(held) -> None:
    """A tracker that is closed leaves no thread behind."""
    world, _, reached = held
    tracker = Tracker(open_store(world.url), world.tracker._desk.ring, clock=lambda: world.at)
    asked = tracker.ask_export("decisions", "csv", by="ana")
    assert reached.wait(ENOUGH)
    tracker.close()
    assert not [t for t in threading.enumerate() if t.name == f"delegation-{asked.id}"]
    assert world.tracker.export_job(asked.id, by="ana").is_active
    world.at = NOW + LEASE + 1
    assert world.tracker.export_job(asked.id, by="ana").state == "failed"
    assert TELL_SECONDS < LEASE
