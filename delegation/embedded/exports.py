"""Exports of any view: gathered in one snapshot, written by `delegation.export`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Final

from delegation.canonical import b64u
from delegation.embedded.review import Review
from delegation.errors import NotFoundError
from delegation.export.exported import Exported
from delegation.export.writer import manifest_of, written
from delegation.lineage.selection import Selection
from delegation.tracker.export import Bounds, gather
from delegation.tracker.log import LogDesk
from delegation.tracker.questions import Moment

AT_ONCE: Final = Bounds(
    rows=5000, links=2000
)  # what an answer may be made of while its caller waits


class Exports(Review, ABC):
    """What leaves the store as a file; part of `Tracker`."""

    _log: LogDesk

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
        given = {name: value for name, value in filters.items() if value is not None}
        return self._exported(Selection(view, form, **given), AT_ONCE)

    def _exported(self, wanted: Selection, bounds: Bounds) -> Exported:
        checkpoint = self._checkpoint()  # before the snapshot: it never covers what was not read
        with self._store.read() as reader:
            found = gather(reader, wanted, self._export_moment(wanted), bounds)
            manifest = manifest_of(found, wanted, checkpoint)
            data = b"".join(written(found, manifest, self.issuer))
        return Exported.of(manifest, data)

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
