"""What reviewers' questions ask of a store: part of the unit of work. `delegation.records` answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from delegation.authority.ids import DecisionId, TaskId
from delegation.lineage.entry import DecisionEntry
from delegation.lineage.findings import Dismissal
from delegation.lineage.search import Hit
from delegation.lineage.survey import Ground, Survey
from delegation.tracker.export_work import ExportReader, ExportWork


class QuestionReader(ExportReader, Protocol):
    """Questions over many links at once, answered from one snapshot."""

    def survey(self, ground: Ground, *, at: int, most: int, past: bool = False) -> Survey:
        """Return links with what is known beside them, the newest `most` if there are more."""

    def keys_of(self, fingerprint: str, *, most: int) -> Sequence[bytes]:
        """Return recorded or registered keys whose fingerprint begins so; eyes may not tell them apart."""

    def caused(
        self, decision: DecisionId, task: TaskId | None, *, limit: int
    ) -> Sequence[DecisionEntry]:
        """Return decisions of a task whose holders name this one as their cause: their claim."""

    def dismissals(self) -> Sequence[Dismissal]:
        """Return all dismissals, newest first."""

    def search(self, text: str, *, limit: int) -> Sequence[Hit]:
        """Return what a text names, the exact ones first."""


class QuestionWork(ExportWork, Protocol):
    """What reviewers write besides revocations."""

    def dismiss(self, dismissal: Dismissal) -> Dismissal:
        """Record a dismissal, or return the one that is there already."""
