"""What exports ask of a store: part of the unit of work. `delegation.records` answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from delegation.authority.ids import LinkId
from delegation.lineage.entry import LinkEntry
from delegation.lineage.export_job import ExportJob
from delegation.lineage.filter import DecisionFilter, LinkFilter


class ExportReader(Protocol):
    """Numbers of what is listed, chains of many links at once, and jobs, from one snapshot."""

    def count_tasks(self) -> int:
        """Return how many tasks there are."""

    def count_links(self, wanted: LinkFilter, *, at: int, past: bool = False) -> int:
        """Return how many links a listing would have in all."""

    def count_decisions(self, wanted: DecisionFilter) -> int:
        """Return how many decisions a listing would have in all."""

    def chains(
        self, leaves: Sequence[LinkId], *, at: int, past: bool = False
    ) -> Mapping[LinkId, LinkEntry]:
        """Return these links and all above them, by id; those that are recorded."""

    def export_jobs(self, *, caller: str | None, at: int) -> Sequence[ExportJob]:
        """Return jobs that are not forgotten yet, the newest first; None for those of all callers."""

    def export_job(self, job: str, *, caller: str, at: int) -> ExportJob | None:
        """Return one of a caller's jobs, or None."""

    def export_data(self, job: str) -> bytes:
        """Return the bytes that a job made so far."""


class ExportWork(Protocol):
    """What is written about jobs, in one transaction each."""

    def lock_exports(self) -> None:
        """Take turns with everybody who adds a job."""

    def add_export(self, job: ExportJob) -> None:
        """Record a job."""

    def tell_export(self, job: str, done: int, total: int, *, at: int, begins: bool) -> bool:
        """Record how far a job is; false if nobody wants it any more."""

    def add_export_part(self, job: str, number: int, data: bytes) -> bool:
        """Record a part of what a job made; false if nobody wants it any more."""

    def end_export(self, job: ExportJob) -> bool:
        """Record how a job ended; false if it had ended before."""

    def cancel_export(self, job: str, *, caller: str, at: int) -> None:
        """End one of a caller's jobs, and forget what it made."""

    def forget_exports(self, *, at: int) -> None:
        """Forget jobs that are past their time, with what they made."""
