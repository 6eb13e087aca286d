"""What reviewers' questions ask of a store: part of the unit of work. `delegation.records` answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from delegation.authority.ids import DecisionId, TaskId
from delegation.commands.export_work import ExportReader, ExportWork
from delegation.judge.facts import Subject
from delegation.lineage.analysis.findings import Dismissal
from delegation.lineage.entry import DecisionEntry
from delegation.lineage.feed import Revocation
from delegation.lineage.rhythm import Rhythm
from delegation.lineage.search import Hit
from delegation.lineage.survey import Ground, Survey


class QuestionReader(ExportReader, Protocol):
    """Questions over many links at once, answered from one snapshot."""

    def survey(self, ground: Ground, *, at: int, most: int, past: bool = False) -> Survey:
        """Return links with what is known beside them, the newest `most` if there are more."""

    def keys_of(self, prefix: str, *, most: int) -> Sequence[bytes]:
        """Return recorded or registered keys whose fingerprint begins with it: eyes may confuse them."""

    def caused(
        self, decision: DecisionId, task: TaskId | None, *, limit: int
    ) -> Sequence[DecisionEntry]:
        """Return decisions of a task whose holders name this one as their cause: their claim."""

    def dismissals(self) -> Sequence[Dismissal]:
        """Return all dismissals, newest first."""

    def search(self, text: str, *, limit: int) -> Sequence[Hit]:
        """Return what a text names, the exact ones first."""

    def change_at(self, epoch: int) -> Revocation | None:
        """Return the revocation, suspension or resumption with this number, or None."""

    def effect(self, subject: Subject, *, epoch: int) -> tuple[DecisionEntry | None, int, bool]:
        """Return what a change came to under its subject.

        That is the last call allowed before, how many step 10 has denied since, and whether all links
        under it were looked at.
        """

    def answers(self) -> int:
        """Return how many answers were ever given to requests for approval."""

    def waiting(self, *, at: int) -> int:
        """Return how many requests for approval wait now."""

    def rhythm(self, task: TaskId | None, *, now: int) -> Rhythm:
        """Return how the newest decisions, of a task or of the store, came over time."""

    def suspensions(self, *, at: int, limit: int) -> Sequence[Revocation]:
        """Return the suspensions that hold, newest first."""


class QuestionWork(ExportWork, Protocol):
    """What reviewers write besides revocations."""

    def dismiss(self, dismissal: Dismissal) -> Dismissal:
        """Record a dismissal, or return the one that is there already."""
