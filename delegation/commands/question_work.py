"""Declares a store's answers about questions, approvals and exports: part of the unit of work.

`delegation.records` answers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.judge.approval_request import Act, RequestState, Verdict
from delegation.judge.subject import Subject
from delegation.lineage.analysis.findings import Dismissal
from delegation.lineage.approval import ApprovalEntry, ApprovalState
from delegation.lineage.entry import DecisionEntry, Lineage, LinkEntry, TaskEntry
from delegation.lineage.export_job import ExportJob
from delegation.lineage.feed import Revocation
from delegation.lineage.filter import DecisionFilter, LinkFilter
from delegation.lineage.outline import TaskOutline
from delegation.lineage.rhythm import Rhythm
from delegation.lineage.search import Hit
from delegation.lineage.survey import Ground, Survey


@dataclass(frozen=True, slots=True)
class NewAct:
    """What a person says to a request.

    Args:
        request: The request.
        person: Who.
        roles: The roles that the key has.
        key: Name of the API key.
        verdict: `grant` or `refuse`.
        reason: Why, at most 500 characters.
        at: Unix seconds.
    """

    request: str
    person: str
    roles: tuple[str, ...]
    key: str
    verdict: Verdict
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class ApprovalFilter:
    """Which requests are listed.

    Args:
        state: Only those that stand so.
        task: Only those of this task.
        link: Only those of this leaf.
        audiences: Only those for these audiences; None for all.
    """

    state: ApprovalState | None = None
    task: TaskId | None = None
    link: LinkId | None = None
    audiences: Collection[str] | None = None


class QuestionReader(Protocol):
    """What is asked of lineage, links in numbers, requests for approval and exports, from one snapshot."""

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

    def child_tasks(self, task: TaskId, *, at: int, past: bool = False) -> Sequence[TaskEntry]:
        """Return the tasks opened below a task, however deep, parents before children."""

    def lineage(self, task: TaskId, *, at: int, past: bool = False) -> Lineage | None:
        """Return a task with its links and decisions and those of the tasks below it, or None."""

    def outline(self, task: TaskId, *, at: int, past: bool = False) -> TaskOutline | None:
        """Return a task with outlines of its links and of those of the tasks below it, or None."""

    def links_after(self, task: TaskId, sequence: int, *, limit: int) -> Sequence[tuple[int, str]]:
        """Return (sequence, id) of links at or below a task recorded after that one, in order."""

    def expired(self, task: TaskId | None, *, after: int, until: int) -> int:
        """Return how many ends by time fall into (after, until]: at or below a task, or of all."""

    def decisions_after(
        self, task: TaskId, sequence: int, *, limit: int
    ) -> Sequence[DecisionEntry]:
        """Return decisions made in a task or below it after that one, in commit order."""

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

    def waiting_approvals(self, *, at: int) -> int:
        """Return how many requests wait for people."""

    def approval(self, request: str, *, at: int) -> ApprovalEntry | None:
        """Return a request with its link, grant and acts, or None."""

    def approvals(
        self, wanted: ApprovalFilter, *, after: int, limit: int, at: int
    ) -> Sequence[ApprovalEntry]:
        """Return requests in the order they were opened, above this sequence, with their links."""

    def approval_states(self, requests: Sequence[str], *, at: int) -> Mapping[str, ApprovalState]:
        """Return how these requests stand, those that are known."""

    def approval_holders(self, request: ApprovalEntry, *, at: int) -> frozenset[str]:
        """Return the lower-case names of all who own or operate something on the request's chain."""


class QuestionWork(Protocol):
    """What is written about findings, requests for approval and exports, in one transaction each."""

    def dismiss(self, dismissal: Dismissal) -> Dismissal:
        """Record a dismissal, or return the one that is there already."""

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

    def lock_approval(self, request: str, *, person: str) -> None:
        """Let nobody else open, answer or use approvals of its task, nor act as this person."""

    def ended_person(self, person: str, *, at: int) -> Revocation | None:
        """Return the change that ended a person as an owner, whatever the spelling, or None."""

    def acts_since(self, person: str, *, at: int) -> int:
        """Return how often a person acted at this second or later."""

    def record_act(self, act: NewAct) -> Sequence[Act]:
        """Record what a person says, and return all that people said with keys that still live.

        Raises:
            ConflictError: This person said so before.
        """

    def end_request(
        self, request: str, state: RequestState, *, statement: str, expires_at: int | None, at: int
    ) -> None:
        """Write what was made of a pending request.

        Args:
            request: The request.
            state: `granted` or `refused`.
            statement: The signed approval, empty when refused.
            expires_at: When the approval ends; None leaves the request's end.
            at: Unix seconds.
        """
