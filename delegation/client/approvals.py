"""The clients' methods about requests for approval: reading, waiting, consenting, refusing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from delegation.authority.ids import LinkId, TaskId
from delegation.client import approval_calls
from delegation.client.calls import Call
from delegation.lineage.approval import ApprovalEntry, ApprovalState, ApprovalStatus
from delegation.tokens.token import Token

T = TypeVar("T")


class Approvals:
    """What the synchronous client does with requests for approval."""

    if TYPE_CHECKING:

        def _run(self, call: Call[T]) -> T: ...

    def approval(self, request: str, *, wait: float = 0) -> ApprovalEntry | ApprovalStatus:
        """Return a request for approval, as soon as it was answered or `wait` seconds passed.

        Args:
            request: `apr_...`, as a denial at step 13 names it.
            wait: Seconds, at most 30.
        """
        return self._run(approval_calls.approval(request, wait=wait))

    def approvals(
        self,
        *,
        state: ApprovalState | None = None,
        task: TaskId | None = None,
        link: LinkId | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[ApprovalEntry | ApprovalStatus]:
        """Return requests for approval in the order they were opened, filtered."""
        return self._run(
            approval_calls.approvals(state=state, task=task, link=link, after=after, limit=limit)
        )

    def wait_for_approval(
        self, token: Token | str, proof: str, request: str, *, wait: float = 0
    ) -> ApprovalStatus:
        """Ask, as the holder that was denied, how its request stands; needs no API key."""
        return self._run(approval_calls.wait_for_approval(token, proof, request, wait=wait))

    def grant_approval(
        self, request: str, *, reason: str, binding: str | None = None
    ) -> ApprovalEntry:
        """Consent to a call, with an approver's API key. It widens no grant.

        Args:
            request: `apr_...`.
            reason: Why.
            binding: The binding's digest as it was shown; another one is refused.
        """
        call = approval_calls.answer(request, "grant", reason=reason, binding=binding)
        return self._run(call)

    def refuse_approval(
        self, request: str, *, reason: str, binding: str | None = None
    ) -> ApprovalEntry:
        """Refuse a call for good, with an approver's API key."""
        call = approval_calls.answer(request, "refuse", reason=reason, binding=binding)
        return self._run(call)


class AsyncApprovals:
    """What the asynchronous client does with requests for approval."""

    if TYPE_CHECKING:

        async def _run(self, call: Call[T]) -> T: ...

    async def approval(self, request: str, *, wait: float = 0) -> ApprovalEntry | ApprovalStatus:
        """Return a request for approval, as soon as it was answered or `wait` seconds passed.

        Args:
            request: `apr_...`, as a denial at step 13 names it.
            wait: Seconds, at most 30.
        """
        return await self._run(approval_calls.approval(request, wait=wait))

    async def approvals(
        self,
        *,
        state: ApprovalState | None = None,
        task: TaskId | None = None,
        link: LinkId | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[ApprovalEntry | ApprovalStatus]:
        """Return requests for approval in the order they were opened, filtered."""
        return await self._run(
            approval_calls.approvals(state=state, task=task, link=link, after=after, limit=limit)
        )

    async def wait_for_approval(
        self, token: Token | str, proof: str, request: str, *, wait: float = 0
    ) -> ApprovalStatus:
        """Ask, as the holder that was denied, how its request stands; needs no API key."""
        return await self._run(approval_calls.wait_for_approval(token, proof, request, wait=wait))

    async def grant_approval(
        self, request: str, *, reason: str, binding: str | None = None
    ) -> ApprovalEntry:
        """Consent to a call, with an approver's API key. It widens no grant.

        Args:
            request: `apr_...`.
            reason: Why.
            binding: The binding's digest as it was shown; another one is refused.
        """
        call = approval_calls.answer(request, "grant", reason=reason, binding=binding)
        return await self._run(call)

    async def refuse_approval(
        self, request: str, *, reason: str, binding: str | None = None
    ) -> ApprovalEntry:
        """Refuse a call for good, with an approver's API key."""
        call = approval_calls.answer(request, "refuse", reason=reason, binding=binding)
        return await self._run(call)
