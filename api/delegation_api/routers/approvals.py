"""Requests for approval: read by those who answer and by those who wait, answered by people."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request

from delegation.authority.ids import LinkId, TaskId
from delegation.lineage.approval import ApprovalEntry
from delegation.messages.approvals import approval_json, status_json
from delegation.messages.requests import AnswerBody, WaitBody
from delegation.tracker.work import ApiKey
from delegation_api.approval_waiting import Waiting
from delegation_api.auth import APPROVERS, ASKERS, TrackerDep, needs
from delegation_api.paging import After, following

router = APIRouter(prefix="/v1/approvals", tags=["approvals"])
Asker = Annotated[ApiKey, Depends(needs(ASKERS))]
Approver = Annotated[ApiKey, Depends(needs(APPROVERS))]
Seconds = Annotated[float, Query(ge=0, le=30)]


def waiting_of(request: Request) -> Waiting:
    """Return where the service's long polls wait."""
    found: Waiting = request.app.state.waiting
    return found


WaitingDep = Annotated[Waiting, Depends(waiting_of)]


@router.get("")
def list_approvals(  # its filters
    caller: Asker,
    tracker: TrackerDep,
    state: Literal["pending", "granted", "refused", "used", "expired"] | None = None,
    task: str | None = None,
    link: str | None = None,
    after: After = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> dict[str, Any]:
    """List requests in the order they were opened. A service sees those for its audiences."""
    found = tracker.approvals(
        state=state,
        task=None if task is None else TaskId(task),
        link=None if link is None else LinkId(link),
        audiences=_audiences(caller),
        after=after,
        limit=limit,
    )
    listed = [{**_shown(one, caller), "sequence": one.sequence} for one in found]
    return {"approvals": listed, "next": following(found, limit, lambda one: one.sequence)}


@router.get("/{request_id}")
async def get_approval(
    request_id: str,
    caller: Asker,
    tracker: TrackerDep,
    waiting: WaitingDep,
    request: Request,
    wait: Seconds = 0,
) -> dict[str, Any]:
    """Return a request, as soon as it was answered or `wait` seconds have passed."""
    audiences = _audiences(caller)
    entry = await waiting.answered(
        request, request_id, lambda: tracker.approval(request_id, audiences=audiences), wait
    )
    return _shown(entry, caller)


@router.post("/{request_id}/wait", dependencies=[Depends(needs(()))])
async def wait_for_approval(
    request_id: str, body: WaitBody, tracker: TrackerDep, waiting: WaitingDep, request: Request
) -> dict[str, Any]:
    """Tell a holder how its request stands. Public: the proof is the authority."""
    leaf = await waiting.asker(body.token, body.proof, request_id)
    entry = await waiting.answered(
        request, request_id, lambda: tracker.approval_of(leaf, request_id), body.wait
    )
    return status_json(entry.status)


@router.post("/{request_id}/grant")
def grant(
    request_id: str, body: AnswerBody, caller: Approver, tracker: TrackerDep
) -> dict[str, Any]:
    """Consent to a call. It widens no grant: it is evidence for step 13, once."""
    return approval_json(
        tracker.grant_approval(request_id, by=caller, reason=body.reason, binding=body.binding)
    )


@router.post("/{request_id}/refuse")
def refuse(
    request_id: str, body: AnswerBody, caller: Approver, tracker: TrackerDep
) -> dict[str, Any]:
    """Refuse a call, for good."""
    return approval_json(
        tracker.refuse_approval(request_id, by=caller, reason=body.reason, binding=body.binding)
    )


def _shown(entry: ApprovalEntry, caller: ApiKey) -> dict[str, Any]:
    # A service learns how a request stands; who said what to whom is not its business.
    return status_json(entry.status) if caller.role == "service" else approval_json(entry)


def _audiences(caller: ApiKey) -> tuple[str, ...] | None:
    return caller.audiences if caller.role == "service" else None
