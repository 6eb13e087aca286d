"""Declares requests for approval: read by those who answer or wait, answered by people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from delegation.authority.ids import LinkId, TaskId
from delegation.errors import (
    ApproverRefusedError,
    ConflictError,
    NotFoundError,
    TooFastError,
    UnverifiedError,
)
from delegation.identity.roles import APPROVERS, ASKERS, PUBLIC
from delegation.lineage.approval import ApprovalEntry, ApprovalState, ApprovalStatus
from delegation.operations.operation import get, post
from delegation.operations.parameters import After, Told
from delegation.tokens.token import Token

Request = Annotated[str, Told(name="request_id")]
Why = Annotated[str, Told(min_length=1, max_length=500)]
Binding = Annotated[
    str | None,
    Told(
        "The digest that was shown; if the request is another, nothing is recorded.", max_length=64
    ),
]
ANSWERED = (ApproverRefusedError, ConflictError, TooFastError)


class Approvals:
    """Operations on requests for approval."""

    @get("/v1/approvals", ASKERS, member="approvals", following="sequence")
    def approvals(
        self,
        *,
        state: ApprovalState | None = None,
        task: TaskId | None = None,
        link: LinkId | None = None,
        after: After = 0,
        limit: Annotated[int, Told(ge=1, le=200)] = 100,
    ) -> Sequence[ApprovalEntry | ApprovalStatus]:
        """List requests in the order they were opened. A service sees those for its audiences."""

    @get("/v1/approvals/{request_id}", ASKERS)
    def approval(
        self, request: Request, *, wait: Annotated[float, Told(ge=0, le=30)] = 0
    ) -> ApprovalEntry | ApprovalStatus:
        """Return a request, as soon as it was answered or `wait` seconds have passed.

        Args:
            request: `apr_...`, as a denial at step 13 names it.
            wait: Seconds, at most 30.
        """

    @post(
        "/v1/approvals/{request_id}/wait",
        PUBLIC,
        body="WaitBody",
        is_repeatable=True,
        refuses=(NotFoundError, UnverifiedError),
    )
    def wait_for_approval(
        self,
        token: Token | str,
        proof: Annotated[str, Told("Over the access delegation.approval {request}.")],
        request: Request,
        *,
        wait: Annotated[float, Told("Seconds to wait.", ge=0, le=30, strict=False)] = 0,
    ) -> ApprovalStatus:
        """Tell a holder how its request stands. Public: the proof is the authority."""

    @post("/v1/approvals/{request_id}/grant", APPROVERS, body="AnswerBody", refuses=ANSWERED)
    def grant_approval(
        self, request: Request, *, reason: Why, binding: Binding = None
    ) -> ApprovalEntry:
        """Consent to a call. It widens no grant: it is evidence for step 13, once.

        Args:
            request: `apr_...`.
            reason: Why.
            binding: The binding's digest as it was shown; another one is refused.
        """

    @post("/v1/approvals/{request_id}/refuse", APPROVERS, body="AnswerBody", refuses=ANSWERED)
    def refuse_approval(
        self, request: Request, *, reason: Why, binding: Binding = None
    ) -> ApprovalEntry:
        """Refuse a call, for good."""
