"""The desk: checks, announcements, inspection, revocation."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from delegation.authority.ids import LinkId
from delegation.messages.registry import revocation_json
from delegation.messages.requests import (
    AnnounceBody,
    CheckBody,
    InspectBody,
    OutcomeBody,
    RevokeBelowBody,
    RevokeBody,
)
from delegation.messages.values import link_json, payload_json
from delegation.tracker.work import ApiKey
from delegation_api.auth import READERS, SERVICES, TrackerDep, needs
from delegation_api.checking import CheckCall, answer
from delegation_api.paging import After, Limit, following

router = APIRouter(prefix="/v1", tags=["desk"])
Caller = Annotated[ApiKey, Depends(needs(SERVICES))]
Reader = Annotated[ApiKey, Depends(needs(READERS))]


@router.post("/check")
async def check(body: CheckBody, caller: Caller, tracker: TrackerDep) -> Response:
    """Decide one call and record the decision; a denial is an answer, not a problem."""
    content = await answer(CheckCall.of(body), caller, tracker)
    return Response(content, media_type="application/json")


@router.post("/decisions/{decision}/outcome", status_code=204)
def report_outcome(decision: str, body: OutcomeBody, caller: Caller, tracker: TrackerDep) -> None:
    """Say what became of a call that this service was allowed to execute."""
    tracker.report_outcome(decision, body.state, by=caller.name, detail=body.detail)


@router.post("/links", status_code=201, dependencies=[Depends(needs(()))])
def announce(body: AnnounceBody, tracker: TrackerDep) -> dict[str, Any]:
    """Record a token that its holder shows. Public: the proof is the authority."""
    return link_json(tracker.announce(body.token, body.proof))


@router.post("/inspect", dependencies=[Depends(needs(READERS))])
def inspect(body: InspectBody, tracker: TrackerDep) -> dict[str, Any]:
    """Return what a token says and how its links stand; records nothing."""
    found = tracker.inspect(body.token)
    return {
        "format": found.token_format,
        "links": [payload_json(link) for link in found.links],
        "recorded": [None if entry is None else link_json(entry) for entry in found.entries],
        "denial": None if found.denial is None else found.denial.to_json(),
    }


@router.post("/revocations", status_code=201)
def revoke(body: RevokeBody, caller: Reader, tracker: TrackerDep) -> dict[str, Any]:
    """End a link, task, agent or key and everything below it."""
    done = tracker.revoke(body.kind, body.id, by=caller.name, reason=body.reason)
    return revocation_json(done)


@router.post("/revocations/below", status_code=201, dependencies=[Depends(needs(()))])
def revoke_below(body: RevokeBelowBody, tracker: TrackerDep) -> dict[str, Any]:
    """Cut a link below the holder's own. Public: the proof is the authority."""
    return revocation_json(tracker.revoke_below(body.token, body.proof, LinkId(body.link)))


@router.get("/revocations", dependencies=[Depends(needs(("operator", "service", "reviewer")))])
def revocations(
    tracker: TrackerDep,
    after: After = 0,
    limit: Limit = 100,
) -> dict[str, Any]:
    """List revocations with an epoch above `after`, oldest first."""
    found = tracker.revocations(after=after, limit=limit)
    listed = [revocation_json(one) for one in found]
    return {"revocations": listed, "next": following(found, limit, lambda one: one.epoch)}
