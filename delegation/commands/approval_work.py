"""What the commands ask of a store about approvals; `delegation.records.people.approvals` answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from delegation.authority.ids import LinkId, TaskId
from delegation.judge.approval_request import Act, RequestState, Verdict
from delegation.lineage.approval import ApprovalEntry, ApprovalState
from delegation.lineage.feed import Revocation


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


class ApprovalReader(Protocol):
    """Questions about requests, answered from one snapshot."""

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


class ApprovalWork(Protocol):
    """What is written about requests, in one transaction."""

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
