"""The desk: checks, announcements, inspection, revocation."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from delegation.authority.ids import LinkId
from delegation.errors import ForbiddenError
from delegation.messages.requests import (
    AnnounceBody,
    CheckBody,
    InspectBody,
    RevokeBelowBody,
    RevokeBody,
)
from delegation.messages.values import link_json, payload_json
from delegation.tracker.work import ApiKey, Revocation
from delegation_api.auth import READERS, SERVICES, TrackerDep, needs

router = APIRouter(prefix="/v1", tags=["desk"])
Caller = Annotated[ApiKey, Depends(needs(SERVICES))]
Reader = Annotated[ApiKey, Depends(needs(READERS))]


@router.post("/check")
def check(body: CheckBody, caller: Caller, tracker: TrackerDep) -> dict[str, Any]:
    """Decide one call and record the decision; a denial is an answer, not a problem."""
    if caller.role == "service" and body.access.get("audience") not in caller.audiences:
        # One service must not spend at the desk what is meant for another.
        raise ForbiddenError(
            "The API key is bound to other audiences.", remedy="Ask about your own audience."
        )
    decision = tracker.check(body.token, body.proof, body.access, client=caller.name)
    return decision.to_json()


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
    return _revocation(done)


@router.post("/revocations/below", status_code=201, dependencies=[Depends(needs(()))])
def revoke_below(body: RevokeBelowBody, tracker: TrackerDep) -> dict[str, Any]:
    """Cut a link below the holder's own. Public: the proof is the authority."""
    return _revocation(tracker.revoke_below(body.token, body.proof, LinkId(body.link)))


@router.get("/revocations", dependencies=[Depends(needs(("operator", "service", "reviewer")))])
def revocations(
    tracker: TrackerDep,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """List revocations with an epoch above `after`, oldest first."""
    found = tracker.revocations(after=after, limit=limit)
    return {"revocations": [_revocation(one) for one in found]}


def _revocation(one: Revocation) -> dict[str, Any]:
    return {
        "epoch": one.epoch,
        "kind": one.subject.kind,
        "id": one.subject.id,
        "by": one.by,
        "reason": one.reason,
        "at": one.at,
    }
