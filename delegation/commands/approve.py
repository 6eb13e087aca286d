"""Answers a request for approval: records a person's word and, at the quorum, signs a statement.

Approving never grants. It supplies evidence that step 13 asks for, once, about one call.
"""

from __future__ import annotations

import re
from typing import Final

from delegation import canonical
from delegation.authority.access import Access
from delegation.authority.fields import matching_text
from delegation.authority.ids import LinkId
from delegation.commands.check import CheckContext
from delegation.commands.named import found
from delegation.commands.question_work import NewAct
from delegation.commands.retry import tried_again
from delegation.commands.work import ApiKey, Work
from delegation.errors import (
    ApproverRefusedError,
    ClockError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    TooFastError,
    UnverifiedError,
)
from delegation.identity.approval import APPROVAL_ID, Approval, sign_approval
from delegation.identity.person import folded
from delegation.identity.proof import MAX_AGE
from delegation.judge.approval import APPROVAL_SECONDS, is_reached, refuse_approver
from delegation.judge.approval_request import Verdict
from delegation.lineage.approval import ApprovalEntry
from delegation.tokens.failed import Failed

TOOL: Final = "delegation.approval"
REASON: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,500}")
MAX_ACTS_PER_MINUTE: Final = 20  # of one person: more than anybody reads


@tried_again
def answer(
    context: CheckContext,
    request: str,
    verdict: Verdict,
    *,
    by: ApiKey,
    reason: str,
    seen: str | None,
    at: int,
) -> ApprovalEntry:
    """Record what a person says to a request, and return how it stands then.

    The person's role is compared with what is asked in the first line. A refusal ends the request,
    whoever granted it before. A grant counts once for each person; when every rule's quorum is
    reached, the approval is signed and counts for ten minutes, and only for this very call.

    Args:
        context: Store and keys.
        request: `apr_...`.
        verdict: `grant` or `refuse`.
        by: The person's API key.
        reason: Why, 1 to 500 characters.
        seen: The binding's digest as the person saw it; None where nothing was shown.
        at: Unix seconds.

    Raises:
        ForbiddenError: The key is no approver's.
        ApproverRefusedError: The person is not asked, or holds something on the chain.
        TooFastError: The person answers more often than anybody reads.
        MalformedError: The id or reason has another form.
        NotFoundError: There is no such request.
        ConflictError: It is over, is not what was seen, or this person said so before.
        KeyRingError: The ring has no approval key.
        ClockError: The service's clock is behind the request.
        StoreUnavailableError: It could not be recorded.
    """
    if by.role != "approver" or not by.person:
        raise ForbiddenError(
            "Only approvers answer requests; operators and reviewers do not approve by themselves.",
            remedy="Use the API key of a person with the role approver.",
        )
    matching_text("request", request, APPROVAL_ID, "an approval's id")
    matching_text("reason", reason, REASON, "1 to 500 characters without control characters")
    if verdict == "grant":
        context.ring.active("approval")  # raises: nobody consents to what cannot be signed
    with context.store.write() as work:
        work.lock_approval(request, person=by.person)
        entry = _open_request(work, request, seen=seen, at=at)
        refusal = refuse_approver(
            by.person,
            by.approves_as,
            rules=entry.rules,
            holders=(holders := work.approval_holders(entry, at=at)),
        )
        if refusal is not None:
            raise ApproverRefusedError(refusal.code, refusal.message, remedy=refusal.remedy)
        ended = work.ended_person(by.person, at=at)
        if ended is not None:
            what = "revoked" if ended.act == "revoke" else "suspended"
            raise ApproverRefusedError(
                f"owner_{what}",
                f"The approver is {what} as an owner, and answers no request.",
                remedy="Let somebody answer whose authority stands.",
            )
        if work.acts_since(by.person, at=at - 59) >= MAX_ACTS_PER_MINUTE:
            raise TooFastError
        said = work.record_act(
            NewAct(request, by.person, by.approves_as, by.name, verdict, reason, at)
        )
        if verdict == "refuse":
            work.end_request(request, "refused", statement="", expires_at=None, at=at)
        elif is_reached(entry.rules, said, holders):
            people = {folded(act.person): act.person for act in said if act.verdict == "grant"}
            approval = _approval(entry, tuple(sorted(people.values())), at)
            work.end_request(
                request,
                "granted",
                statement=sign_approval(work.signing_ring(context.ring, at=at), approval),
                expires_at=approval.expires_at,
                at=at,
            )
        return found("request", request, work.approval(request, at=at))


def _open_request(work: Work, request: str, *, seen: str | None, at: int) -> ApprovalEntry:
    entry = found("request", request, work.approval(request, at=at))
    if at < entry.opened_at - MAX_AGE:
        raise ClockError
    if entry.state != "pending":
        raise ConflictError(f"The request is over: it is {entry.state}.")
    if seen is not None and seen != canonical.b64u(entry.binding.digest()):
        raise ConflictError(
            "The request is not what was shown.", remedy="Read the request again, then answer it."
        )
    return entry


def _approval(entry: ApprovalEntry, approvers: tuple[str, ...], at: int) -> Approval:
    """Return what is signed; it ends with the grant, though it lasts ten minutes otherwise."""
    ends = at + APPROVAL_SECONDS
    if entry.link is not None:
        ends = min(ends, entry.link.grant.expires_at)
    return Approval(entry.id, entry.binding, approvers, ends)


def approval_question(issuer: str, request: str) -> Access:
    """Return the access that a holder proves in order to ask how its request stands.

    Raises:
        MalformedError: `request` is no approval's id.
    """
    matching_text("request", request, APPROVAL_ID, "an approval's id")
    return Access(TOOL, {"request": request}, audience=issuer)


def asked_by_holder(
    context: CheckContext, token: str, proof: str, request: str, *, at: int
) -> LinkId:
    """Return the leaf of a holder that asks how a request stands.

    Steps 1 to 6. Neither recorded nor spent: the answer gives nothing away but the state of a
    request that the holder itself caused, and a waiting agent asks often. A proof that somebody
    overheard shows that state for a minute at most.

    Raises:
        MalformedError: `request` is no approval's id.
        UnverifiedError: Token or proof does not verify; `reason` is the step's code.
    """
    access = approval_question(context.ring.issuer, request)
    found = context.verified(token, proof, access, at=at)
    if isinstance(found, Failed):
        refusal = found.refusal
        raise UnverifiedError(refusal.code, refusal.message, remedy=refusal.remedy)
    return found.chain.leaf.id


def of_holder(entry: ApprovalEntry | None, request: str, leaf: LinkId) -> ApprovalEntry:
    """Return a request if it is this holder's own.

    Raises:
        NotFoundError: There is none, or it is another link's, which is not told apart.
    """
    if entry is None or entry.binding.link != leaf:
        raise NotFoundError("request", request)
    return entry
