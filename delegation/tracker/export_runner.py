"""Makes the exports that this process was asked for, each in a thread, and tells how far they are.

Reading happens in one snapshot, so progress is told by another thread: in a transaction of its own,
which also learns that nobody wants the job any more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import BoundedSemaphore, Event, Lock, Thread
from time import monotonic
from typing import Final

from delegation.commands.export_data import Bounds
from delegation.commands.export_jobs import KEEP_SECONDS, MAX_SECONDS
from delegation.commands.retry import tried_again
from delegation.commands.work import Store
from delegation.errors import DelegationError, ExportStoppedError
from delegation.export.exported import Exported
from delegation.lineage.export_job import ExportJob
from delegation.lineage.selection import Selection

AT_ONCE: Final = 2  # of one process; others wait their turn
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
        self._slots = BoundedSemaphore(AT_ONCE)
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
