"""Exports any view, gathered in one snapshot, at once or as a job in the background."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import BoundedSemaphore, Event, Lock, Thread
from time import monotonic
from typing import Any, Final

from delegation.canonical import b64u
from delegation.commands import check, export_jobs
from delegation.commands.export import gather
from delegation.commands.export_data import Bounds
from delegation.commands.export_jobs import KEEP_SECONDS, MAX_SECONDS
from delegation.commands.retry import tried_again
from delegation.commands.work import Store
from delegation.errors import (
    DelegationError,
    ExportStoppedError,
    ExportTooLargeError,
    NotFoundError,
)
from delegation.export.exported import Exported
from delegation.export.manifest import Manifest
from delegation.export.writer import manifest_of, written
from delegation.lineage.export_job import ExportJob
from delegation.lineage.selection import Selection
from delegation.tracker.review import Review

THREADS: Final = 2  # of one process; others wait their turn
ROWS: Final = 1_000_000
LINKS: Final = 20_000
PART: Final = 256 * 1024  # bytes of one row of the store
TELL_SECONDS: Final = 0.5
FORGET_TICKS: Final = 120  # tellings after which an idle process looks for old files
JOIN_SECONDS: Final = 5.0
_PAUSE: Final = 0.002  # seconds after each page in which others of this process get on
_LOG: Final = logging.getLogger("delegation.exports")
Make = Callable[[Selection, Bounds], Exported]


class _UnwantedError(Exception):
    """Nobody wants the job any more."""


@dataclass(slots=True)
class _Run:
    job: ExportJob
    done: int = 0
    total: int = 0
    begins: bool = False
    stop: Event = field(default_factory=Event)
    until: float = 0.0
    thread: Thread | None = None

    def tell(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        if self.stop.wait(_PAUSE):
            raise _UnwantedError
        if monotonic() > self.until:
            raise ExportStoppedError(
                f"It was not done within {MAX_SECONDS} seconds.", remedy="Narrow the filter."
            )


class ExportRunner:
    """The jobs of one process.

    Args:
        store: Where jobs and files are kept.
        clock: Returns Unix seconds.
    """

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        """Begin without jobs."""
        self._store = store
        self._clock = clock
        self._slots = BoundedSemaphore(THREADS)
        self._lock = Lock()
        self._runs: dict[str, _Run] = {}
        self._is_kept = False
        self._ticks = 0

    def begin(self, job: ExportJob, make: Make) -> None:
        """Make a job that was recorded, in a thread of its own.

        Args:
            job: The job.
            make: Makes an export, telling its bounds how far it is. Held no longer than the job: a
                tracker that is dropped is not kept by its chores.
        """
        run = _Run(job)
        with self._lock:
            self._runs[job.id] = run
            first, self._is_kept = not self._is_kept, True
        if first:
            self._store.keep("exports", TELL_SECONDS, self.tell)
        name = f"delegation-{job.id}"
        run.thread = Thread(target=self._run, args=(run, make), name=name, daemon=True)
        run.thread.start()

    def stop(self) -> None:
        """Have all jobs of this process end; they stand as failed once their lease is over."""
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            run.stop.set()
        for run in runs:
            if run.thread is not None:
                run.thread.join(JOIN_SECONDS)

    @tried_again
    def tell(self) -> None:
        """Record how far each job is; one that nobody wants any more is stopped."""
        with self._lock:
            runs = list(self._runs.values())
        self._ticks += 1
        if not runs and self._ticks % FORGET_TICKS:
            return
        at = self._clock()
        with self._store.write() as work:
            work.forget_exports(at=at)
            for run in runs:
                if not work.tell_export(run.job.id, run.done, run.total, at=at, begins=run.begins):
                    run.stop.set()

    def _run(self, run: _Run, make: Make) -> None:
        try:
            while not self._slots.acquire(timeout=TELL_SECONDS):
                if run.stop.is_set():
                    return
            try:
                run.begins, run.until = True, monotonic() + MAX_SECONDS
                self._end(run, self._made(run, make))
            finally:
                self._slots.release()
        except _UnwantedError:
            return
        except Exception:  # noqa: BLE001  # a thread has nobody above it
            _LOG.exception("an export could not be recorded")
        finally:
            with self._lock:
                self._runs.pop(run.job.id, None)

    def _made(self, run: _Run, make: Make) -> Exported | DelegationError:
        try:
            return make(run.job.selection, Bounds(ROWS, LINKS, run.tell))
        except DelegationError as error:
            return error
        except _UnwantedError:
            raise
        except Exception:  # noqa: BLE001  # the caller learns that it failed
            _LOG.exception("an export failed")
            return ExportStoppedError("The service failed while it was made.")

    def _end(self, run: _Run, made: Exported | DelegationError) -> None:
        at = self._clock()
        job = replace(
            run.job,
            done=run.done,
            total=run.total,
            ended_at=at,
            expires_at=at + KEEP_SECONDS,
        )
        if isinstance(made, DelegationError):
            ended = replace(job, state="failed", code=made.code, message=str(made))
        else:
            self._keep(run, made.data)
            ended = replace(
                job,
                state="done",
                manifest=made.manifest.to_json(),
                digest=made.digest,
                size=len(made.data),
            )
        self._record(ended)

    @tried_again
    def _record(self, ended: ExportJob) -> None:
        with self._store.write() as work:
            work.end_export(ended)

    def _keep(self, run: _Run, data: bytes) -> None:
        for number, start in enumerate(range(0, len(data), PART)):
            wanted = self._add_part(run.job.id, number, data[start : start + PART])
            if not wanted or run.stop.is_set():
                raise _UnwantedError

    @tried_again
    def _add_part(self, job: str, number: int, data: bytes) -> bool:
        with self._store.write() as work:
            return work.add_export_part(job, number, data)


AT_ONCE: Final = Bounds(
    rows=5000, links=2000
)  # what an answer may be made of while its caller waits
OWN: Final = "embedded"  # the caller in a process without a service


class Exports(Review):
    """Exports of views as files; part of `Tracker`."""

    _desk: check.CheckContext

    def export(self, view: str, form: str, **filters: Any) -> Exported:
        """Return a view as a file; see docs/how-to/exports.md.

        Args:
            view: `lineage`, `links`, `decisions` and so on.
            form: `svg`, `csv`, `prov` and so on.
            **filters: Those that the view has; `at` is a past instant, Unix seconds.

        Raises:
            MalformedError: There is no such view, form or filter.
            NotFoundError: The task or link is not there, or was not then.
            ExportTooLargeError: It is too large to be made at once; a job may be larger.
            RenderError: Graphviz is missing, fails, or there is too much for it.
        """
        return self._exported(_selection(view, form, filters), AT_ONCE)

    def ask_export(self, view: str, form: str, *, by: str = OWN, **filters: Any) -> ExportJob:
        """Ask for an export that is made beside the caller, and may be larger.

        Args:
            view: As in `export`.
            form: As in `export`.
            by: Who asks: the name of an API key. Nobody else sees the job.
            **filters: As in `export`.

        Raises:
            MalformedError: There is no such view, form or filter.
            ExportsBusyError: There are as many as are made or kept at once.
        """
        wanted = _selection(view, form, filters)
        at = self._clock()
        job = export_jobs.ask(self._store, wanted, caller=by, at=at, new_id=self._desk.new_id)
        self._exporting.begin(job, self._exported)
        return job

    def export_job(self, job: str, *, by: str = OWN) -> ExportJob:
        """Return how far one's own job is.

        Raises:
            NotFoundError: There is none of this id, or it is another's.
        """
        return export_jobs.seen(self._store, job, caller=by, at=self._clock())

    def export_jobs(self, *, by: str = OWN) -> Sequence[ExportJob]:
        """Return one's own jobs, the newest first."""
        return export_jobs.listed(self._store, caller=by, at=self._clock())

    def cancel_export(self, job: str, *, by: str = OWN) -> ExportJob:
        """End one's own job, and forget its file; see `commands.export_jobs.cancel`."""
        return export_jobs.cancel(self._store, job, caller=by, at=self._clock())

    def export_file(self, job: str, *, by: str = OWN) -> Exported:
        """Return the file of one's own finished job.

        Raises:
            NotFoundError: There is none of this id, or it is another's.
            ConflictError: It is not done.
            ExportStoppedError: What is kept is not what was made.
        """
        found, data = export_jobs.fetched(self._store, job, caller=by, at=self._clock())
        made = Exported(Manifest.from_json(found.manifest or {}), found.digest, data)
        if not made.is_intact:
            raise ExportStoppedError("The file is damaged.", remedy="Ask for the export again.")
        return made

    def end_exports(self) -> None:
        """Stop what this process still makes."""
        self._exporting.stop()

    @cached_property
    def _exporting(self) -> ExportRunner:
        return ExportRunner(self._store, self._clock)

    def _exported(self, wanted: Selection, bounds: Bounds) -> Exported:
        checkpoint = self._checkpoint()  # before the snapshot: it never covers what was not read
        with self._store.read() as reader:
            found = gather(reader, wanted, self._moment(wanted.at), bounds)
            manifest = manifest_of(found, wanted, checkpoint)
            pieces, size = [], 0
            for piece in written(found, manifest, self._desk.ring.issuer):
                pieces.append(piece)
                size += len(piece)
                if size > export_jobs.MAX_BYTES:
                    raise ExportTooLargeError(size, export_jobs.MAX_BYTES, unit="bytes")
        return Exported.of(manifest, b"".join(pieces))

    def _checkpoint(self) -> str:
        """Return the newest checkpoint's origin, size and root hash in one line; empty without one."""
        try:
            with self._log.reading() as log:
                head = log.head()
        except NotFoundError:
            return ""
        return f"{head.origin} {head.size} {b64u(head.root)}"


def _selection(view: str, form: str, filters: dict[str, Any]) -> Selection:
    given = {name: value for name, value in filters.items() if value is not None}
    return Selection.from_json({"view": view, "form": form, **given})
