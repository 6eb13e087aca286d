"""Exports of any view: gathered in one snapshot, written by `delegation.export`, at once or as jobs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

from delegation.canonical import b64u
from delegation.commands import check, export_jobs
from delegation.commands.export import gather
from delegation.commands.export_data import Bounds
from delegation.commands.log import LogDesk
from delegation.commands.questions import Moment
from delegation.errors import ExportStoppedError, ExportTooLargeError, NotFoundError
from delegation.export.exported import Exported
from delegation.export.manifest import Manifest
from delegation.export.writer import manifest_of, written
from delegation.lineage.export_job import ExportJob
from delegation.lineage.selection import Selection
from delegation.tracker.export_runner import ExportRunner
from delegation.tracker.review import Review

AT_ONCE: Final = Bounds(
    rows=5000, links=2000
)  # what an answer may be made of while its caller waits
OWN: Final = "embedded"  # the caller in a process without a service


class Exports(Review, ABC):
    """What leaves the store as a file; part of `Tracker`."""

    _log: LogDesk
    _desk: check.CheckContext

    @property
    @abstractmethod
    def issuer(self) -> str:
        """The URL under which this service issues."""

    def export(self, view: str, form: str, **filters: Any) -> Exported:
        """Return a view as a file; see docs/exports.md.

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
            found = gather(reader, wanted, self._export_moment(wanted), bounds)
            manifest = manifest_of(found, wanted, checkpoint)
            pieces, size = [], 0
            for piece in written(found, manifest, self.issuer):
                pieces.append(piece)
                size += len(piece)
                if size > export_jobs.MAX_BYTES:
                    raise ExportTooLargeError(size, export_jobs.MAX_BYTES, unit="bytes")
        return Exported.of(manifest, b"".join(pieces))

    def _export_moment(self, wanted: Selection) -> Moment:
        at = wanted.at
        return Moment(self._clock() if at is None else at, past=at is not None)

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
