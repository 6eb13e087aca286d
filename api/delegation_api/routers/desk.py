"""The desk: checks, announcements, inspection."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from delegation.messages.requests import (
    AnnounceBody,
    CheckBody,
    InspectBody,
    OutcomeBody,
)
from delegation.messages.values import link_json, payload_json
from delegation.tracker.work import ApiKey
from delegation_api.asking import ends_with_client
from delegation_api.auth import READERS, SERVICES, TrackerDep, needs
from delegation_api.checking import CheckCall, answer
from delegation_api.exact_route import ExactRoute

router = APIRouter(prefix="/v1", tags=["desk"], route_class=ExactRoute)
Caller = Annotated[ApiKey, Depends(needs(SERVICES))]


@router.post("/check")
async def check(body: CheckBody, caller: Caller, tracker: TrackerDep) -> Response:
    """Decide one call and record the decision; a denial is an answer, not a problem."""
    content = await answer(CheckCall.of(body), caller, tracker)
    return Response(content, media_type="application/json")


@router.post("/decisions/{decision}/outcome", status_code=204)
def report_outcome(decision: str, body: OutcomeBody, caller: Caller, tracker: TrackerDep) -> None:
    """Say what became of a call that this service was allowed to execute, and what it has cost."""
    tracker.report_outcome(decision, body.state, by=caller.name, detail=body.detail, cost=body.cost)


@router.post("/links", status_code=201, dependencies=[Depends(needs(()))])
def announce(body: AnnounceBody, tracker: TrackerDep) -> dict[str, Any]:
    """Record a token that its holder shows. Public: the proof is the authority."""
    return link_json(tracker.announce(body.token, body.proof))


@router.post("/inspect", dependencies=[Depends(needs(READERS)), Depends(ends_with_client)])
def inspect(body: InspectBody, tracker: TrackerDep) -> dict[str, Any]:
    """Return what a token says and how its links stand; records nothing."""
    found = tracker.inspect(body.token)
    return {
        "format": found.token_format,
        "links": [payload_json(link) for link in found.links],
        "recorded": [None if entry is None else link_json(entry) for entry in found.entries],
        "denial": None if found.denial is None else found.denial.to_json(),
    }
