"""What stands: revoking, suspending, the feed, and the leases of verifiers outside the store."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool

from delegation.authority.ids import LinkId
from delegation.judge.facts import EVERYTHING
from delegation.messages.requests import (
    FreezeBody,
    PollBody,
    ReportsBody,
    ResumeBody,
    RevokeBelowBody,
    RevokeBody,
    StandingBody,
    SuspendBody,
)
from delegation.messages.standing import (
    change_json,
    ending_json,
    feed_json,
    freeze_json,
    holder_of,
    last_use_json,
    preview_json,
    standing_json,
)
from delegation.tracker.report import Report
from delegation.tracker.work import ApiKey
from delegation_api.asking import ends_with_client
from delegation_api.auth import EVERYONE, OPERATOR, READERS, SERVICES, TrackerDep, needs
from delegation_api.exact_route import ExactRoute
from delegation_api.waiting import awaited_feed, everywhere

router = APIRouter(prefix="/v1", tags=["standing"], route_class=ExactRoute)
Service = Annotated[ApiKey, Depends(needs(SERVICES))]
Reader = Annotated[ApiKey, Depends(needs(READERS))]
Operator = Annotated[ApiKey, Depends(needs(OPERATOR))]
Preview = Annotated[bool, Query(description="Only say what it would come to.")]
Wait = Annotated[float, Query(ge=0, le=300)]


@router.post("/revocations", status_code=201)
async def revoke(
    request: Request,
    body: RevokeBody,
    caller: Reader,
    tracker: TrackerDep,
    preview: Preview = False,  # noqa: FBT002  # a query parameter
) -> dict[str, Any]:
    """End a subject and everything below it, for good; or say what that would come to."""
    if preview:
        await ends_with_client(request)
        return preview_json(await run_in_threadpool(tracker.preview, body.kind, body.id))
    done = await run_in_threadpool(
        tracker.revoke,
        body.kind,
        body.id,
        by=caller.name,
        reason=body.reason,
        effective_at=body.effective_at,
    )
    return change_json(await everywhere(done, tracker) if body.wait else done)


@router.post("/revocations/below", status_code=201, dependencies=[Depends(needs(()))])
def revoke_below(body: RevokeBelowBody, tracker: TrackerDep) -> dict[str, Any]:
    """Cut a link below the holder's own. Public: the proof is the authority."""
    return change_json(tracker.revoke_below(body.token, body.proof, LinkId(body.link)))


@router.post("/suspensions", status_code=201)
async def suspend(
    request: Request,
    body: SuspendBody,
    caller: Operator,
    tracker: TrackerDep,
    preview: Preview = False,  # noqa: FBT002
) -> dict[str, Any]:
    """End a subject and everything below it until it is resumed; or say what that would come to."""
    if preview:
        await ends_with_client(request)
        return preview_json(await run_in_threadpool(tracker.preview, body.kind, body.id))
    done = await run_in_threadpool(
        tracker.suspend, body.kind, body.id, by=caller.name, reason=body.reason
    )
    return change_json(await everywhere(done, tracker) if body.wait else done)


@router.post("/resumptions", status_code=201)
def resume(body: ResumeBody, caller: Operator, tracker: TrackerDep) -> dict[str, Any]:
    """End a suspension."""
    return change_json(tracker.resume(body.kind, body.id, by=caller.name, reason=body.reason))


@router.post("/freeze", status_code=201)
async def freeze(body: FreezeBody, caller: Operator, tracker: TrackerDep) -> dict[str, Any]:
    """Suspend everything; the answer says what the last allowed call was and who has confirmed."""
    done = await run_in_threadpool(tracker.suspend, *EVERYTHING, by=caller.name, reason=body.reason)
    held = await everywhere(done, tracker) if body.wait else done
    return freeze_json(await run_in_threadpool(tracker.frozen, held))


@router.post("/unfreeze", status_code=201)
def unfreeze(body: FreezeBody, caller: Operator, tracker: TrackerDep) -> dict[str, Any]:
    """End a freeze."""
    return change_json(tracker.unfreeze(by=caller.name, reason=body.reason))


@router.get("/last-use", dependencies=[Depends(needs(READERS))])
def last_use(
    kind: Literal["link", "agent", "key"],
    id: Annotated[str, Query(max_length=2048)],  # noqa: A002  # the word of the wire
    tracker: TrackerDep,
) -> dict[str, Any]:
    """Return the newest call that a link, an agent or a key made."""
    return last_use_json(tracker.last_use(kind, id))


@router.get("/revocations", dependencies=[Depends(needs(EVERYONE))])
async def revocations(
    request: Request,
    tracker: TrackerDep,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    wait: Wait = 0,
) -> dict[str, Any]:
    """List changes with an epoch above `after`, oldest first; wait for one if there is none."""
    found = await awaited_feed(
        lambda: tracker.feed(after=after, limit=limit),
        tracker,
        after=after,
        wait=min(wait, request.app.state.settings.max_wait),
    )
    return feed_json(found)


@router.get("/revocations/{epoch}", dependencies=[Depends(needs(READERS))])
def ending(epoch: int, tracker: TrackerDep) -> dict[str, Any]:
    """Return what came of one change: the last call it left, what it refused, who has applied it."""
    return ending_json(tracker.ending(epoch))


@router.get("/suspensions", dependencies=[Depends(needs(READERS))])
def suspensions(tracker: TrackerDep) -> dict[str, Any]:
    """List the suspensions that hold, newest first."""
    return {"suspensions": [change_json(one) for one in tracker.suspensions()]}


@router.post("/replicas", status_code=201)
def register(caller: Service, tracker: TrackerDep) -> dict[str, Any]:
    """Register a verifier outside the store; it has no lease until its first poll."""
    replica = tracker.register_replica(by=caller.name)
    return {"replica": replica.name, "bound": tracker.bound}


@router.post("/replicas/{replica}/poll")
async def poll(
    replica: str, body: PollBody, request: Request, caller: Service, tracker: TrackerDep
) -> dict[str, Any]:
    """Note what a verifier has applied and return what changed since."""
    found = await awaited_feed(
        lambda: tracker.poll_replica(
            replica, by=caller.name, after=body.after, limit=body.limit, history=body.history
        ),
        tracker,
        after=body.after,
        wait=min(body.wait, request.app.state.settings.max_wait),
    )
    return {**feed_json(found), "keys": tracker.public_ring().to_json()}


@router.delete("/replicas/{replica}", status_code=204)
def leave(replica: str, caller: Service, tracker: TrackerDep) -> None:
    """Forget a verifier that allows nothing any more."""
    tracker.leave_replica(replica, by=caller.name)


@router.get("/replicas", dependencies=[Depends(needs(READERS))])
def list_replicas(tracker: TrackerDep) -> dict[str, Any]:
    """List registered verifiers and what they have applied."""
    return {
        "replicas": [
            {"replica": r.name, "by": r.by, "epoch": r.epoch, "at": r.at}
            for r in tracker.replicas()
        ]
    }


@router.post("/decisions/report")
def report(body: ReportsBody, caller: Service, tracker: TrackerDep) -> dict[str, Any]:
    """Record decisions that a verifier outside the store made; repeating one changes nothing."""
    audiences = caller.audiences if caller.role == "service" else None
    reports = [Report(**dict(one)) for one in body.reports]
    found = tracker.report(reports, by=caller.name, audiences=audiences)
    return {"results": [asdict(result) for result in found]}


@router.get("/local-decisions", dependencies=[Depends(needs(READERS))])
def local_decisions(
    tracker: TrackerDep,
    conflicts: bool = False,  # noqa: FBT001, FBT002  # a query parameter
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """List decisions made outside the store, or those that the service would have denied."""
    found = tracker.local_decisions(conflicts=conflicts, after=after, limit=limit)
    return {"decisions": [{"sequence": n, **asdict(entry)} for n, entry in found]}


@router.post("/standing", dependencies=[Depends(needs(SERVICES))])
def standing(body: StandingBody, tracker: TrackerDep) -> dict[str, Any]:
    """Return what step 10 asks about a root and the holders below it."""
    return standing_json(tracker.standing(body.root, [holder_of(h) for h in body.holders]))
