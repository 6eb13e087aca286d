"""Reads, answers and awaits requests for approval; listeners are told after COMMIT."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Final

from delegation.authority.amounts import amounts_of
from delegation.authority.catalogue import Catalogue
from delegation.authority.ids import LinkId, TaskId
from delegation.commands import approve
from delegation.commands.announce import announced_text
from delegation.commands.check import CheckContext
from delegation.commands.named import found
from delegation.commands.question_work import ApprovalFilter
from delegation.commands.work import ApiKey
from delegation.identity.approval import ApprovalEvent, is_id, sign_event
from delegation.judge.approval_request import Verdict
from delegation.judge.decision import Decision
from delegation.lineage.approval import ApprovalEntry, ApprovalState, ApprovalStatus
from delegation.tokens.token import Token
from delegation.tracker.review import PAGE, Review

MAX_WAIT: Final = 30.0  # seconds of one long poll, below what proxies cut
POLL_SECONDS: Final = 0.5  # how often the store is asked meanwhile


class Approvals(Review):
    """Requests for approval, beside the questions of reviewers.

    Args:
        desk: Store, keys and cache.
        clock: Returns Unix seconds.
    """

    def __init__(self, desk: CheckContext, clock: Callable[[], int]) -> None:
        """Ask this desk's store."""
        super().__init__(desk.store, clock)
        self._desk = desk
        self._listeners: list[Callable[[Decision | BaseException], None]] = []

    def on_decision(self, tell: Callable[[Decision | BaseException], None]) -> None:
        """Have a function called with each decision on a call, or with what kept it from being recorded.

        Args:
            tell: Called in the thread that records; it must be quick, and must not raise.
        """
        self._listeners.append(tell)

    def waiting_approvals(self) -> int:
        """Return how many requests wait for people."""
        with self._store.read() as reader:
            return reader.waiting_approvals(at=self._clock())

    def approval(
        self, request: str, *, wait: float = 0, audiences: Sequence[str] | None = None
    ) -> ApprovalEntry:
        """Return a request, as soon as it was answered or `wait` seconds have passed.

        Args:
            request: `apr_...`.
            wait: Seconds to wait for an answer, at most 30.
            audiences: For a service: requests for other audiences are not found.

        Raises:
            NotFoundError: There is none.
        """
        return self._waiting(request, lambda: self._approval(request, audiences), wait)

    def _approval(self, request: str, audiences: Sequence[str] | None) -> ApprovalEntry:
        entry = self._request(request)
        if entry is not None and audiences is not None and entry.binding.audience not in audiences:
            entry = None
        return found("request", request, entry)

    def wait_for_approval(
        self, token: Token | str, proof: str, request: str, *, wait: float = 0
    ) -> ApprovalStatus:
        """Tell the holder that caused a request how it stands; see `commands.approve.asked_by_holder`.

        Args:
            token: The token of the call that was denied.
            proof: Proof over `approval_question(issuer, request)`.
            request: `apr_...`, as the denial names it.
            wait: Seconds to wait for an answer, at most 30.

        Raises:
            MalformedError: `request` is no approval's id.
            UnverifiedError: Token or proof does not verify.
            NotFoundError: There is no such request of this link.
        """
        leaf = self.approval_asker(token, proof, request)
        return self._waiting(request, lambda: self.approval_of(leaf, request), wait).status

    def approval_asker(self, token: Token | str, proof: str, request: str) -> LinkId:
        """Return the link of a holder that asks how its request stands."""
        text = token if isinstance(token, str) else token.text
        text = announced_text(self._store, text, proof)  # a leaf's id stands for its token here too
        return approve.asked_by_holder(self._desk, text, proof, request, at=self._clock())

    def approval_of(self, leaf: LinkId, request: str) -> ApprovalEntry:
        """Return a request of this link.

        Raises:
            NotFoundError: There is none.
        """
        return approve.of_holder(self._request(request), request, leaf)

    def _request(self, request: str) -> ApprovalEntry | None:
        with self._store.read() as reader:
            entry = reader.approval(request, at=self._clock()) if is_id(request) else None
            return entry and _with_amounts(entry, reader.catalogue())

    def approval_states(self, requests: Sequence[str]) -> Mapping[str, ApprovalState]:
        """Return how these requests stand, as far as they are known; one short statement."""
        with self._store.read() as reader:
            return reader.approval_states([r for r in requests if is_id(r)], at=self._clock())

    def _waiting(
        self, request: str, ask: Callable[[], ApprovalEntry], wait: float
    ) -> ApprovalEntry:
        entry = ask()
        for _ in range(int(min(wait, MAX_WAIT) / POLL_SECONDS)):
            if entry.state != "pending":
                break
            time.sleep(POLL_SECONDS)
            if self.approval_states([request]).get(request) != "pending":
                entry = ask()
        return entry

    def approvals(
        self,
        *,
        state: ApprovalState | None = None,
        task: TaskId | None = None,
        link: LinkId | None = None,
        audiences: Sequence[str] | None = None,
        after: int = 0,
        limit: int = PAGE,
    ) -> Sequence[ApprovalEntry]:
        """Return requests in the order they were opened, with a sequence above `after`, filtered."""
        if "\x00" in f"{task}{link}":  # PostgreSQL would refuse the whole question
            return ()
        wanted = ApprovalFilter(state, task, link, audiences)
        with self._store.read() as reader:
            known = reader.catalogue()
            entries = reader.approvals(wanted, after=after, limit=limit, at=self._clock())
        return [_with_amounts(entry, known) for entry in entries]

    def grant_approval(
        self, request: str, *, by: ApiKey, reason: str, binding: str | None = None
    ) -> ApprovalEntry:
        """Consent to a call; see `commands.approve.answer`. It widens no grant.

        Args:
            request: `apr_...`.
            by: The person's API key, from `authenticate`.
            reason: Why.
            binding: The binding's digest as it was shown; another one is refused.
        """
        return self._answer(request, "grant", by, reason, binding)

    def refuse_approval(
        self, request: str, *, by: ApiKey, reason: str, binding: str | None = None
    ) -> ApprovalEntry:
        """Refuse a call, for good; see `commands.approve.answer`."""
        return self._answer(request, "refuse", by, reason, binding)

    def _answer(
        self, request: str, verdict: Verdict, by: ApiKey, reason: str, binding: str | None
    ) -> ApprovalEntry:
        entry = approve.answer(
            self._desk, request, verdict, by=by, reason=reason, seen=binding, at=self._clock()
        )
        if entry.state != "pending":
            self._store.tell(ApprovalEvent(entry.id, entry.state, entry.ended_at or self._clock()))
        return _with_amounts(entry, self.catalogue())

    def on_approval(self, listener: Callable[[ApprovalEvent], None]) -> Callable[[], None]:
        """Have a listener told what happened to requests here, after COMMIT; return what ends that.

        A hint, the record is the truth: it is not told what other processes did, nor what was
        committed just before this one died, and a repeated answer may be told again. It must return
        at once.
        """
        return self._store.subscribe(lambda event: None if event is None else listener(event))

    def sign_event(self, event: ApprovalEvent) -> str:
        """Return the signed body of an event; see `identity.approval.sign_event`."""
        return sign_event(self._desk.keys.signing(), event)

    def _decided(self, pending: Future[Decision]) -> None:
        if pending.cancelled():
            return
        error = pending.exception()
        for tell in self._listeners:
            tell(error or pending.result())
        if error is not None:
            return
        decision = pending.result()
        if decision.approval is None:
            return
        if decision.allowed:
            self._store.tell(ApprovalEvent(decision.approval, "used", decision.at))
        elif decision.approval.removeprefix("apr_") == decision.id.removeprefix("dec_"):
            self._store.tell(ApprovalEvent(decision.approval, "pending", decision.at))


def _with_amounts(entry: ApprovalEntry, catalogue: Catalogue) -> ApprovalEntry:
    bound = entry.binding
    at = bound.revisions.get("catalogue")
    return replace(entry, amounts=amounts_of(catalogue, bound.tool, at, entry.arguments))
