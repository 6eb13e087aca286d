"""Tells whether the process lives, and whether it can decide."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from delegation.canonical import Json
from delegation.identity.roles import EVERYONE
from delegation_api.auth import RoleGate, needs, tracker_of
from delegation_api.metrics import MEDIA_TYPE, Metrics
from delegation_api.openapi import JSON_OBJECT, file_of, published
from delegation_api.problems import problem
from delegation_api.readiness import ReadyDesk

router = APIRouter(tags=["health"])
LASTS: Final = 3600.0  # seconds for which a scraper's key is believed while the store is silent


@router.get(
    "/healthz",
    operation_id="alive",
    dependencies=[Depends(needs(()))],
    **published((), JSON_OBJECT),
)
async def alive() -> dict[str, str]:
    """Say that the process answers; asks nothing and waits for no thread."""
    return {"status": "alive"}


@router.get(
    "/readyz",
    operation_id="health",
    dependencies=[Depends(needs(()))],
    **published((), JSON_OBJECT),
)
async def ready(request: Request) -> Response:
    """Say that calls are decided, or why not (503); reasons that do not stop them make it `degraded`.

    Cheap, however often it is asked: a look at the store serves all who ask within half a second.
    """
    desk: ReadyDesk = request.app.state.ready
    found = await desk.ask()
    reasons: list[Json] = [reason.to_json() for reason in found.reasons]
    if not found.is_ready:
        first = found.reasons[0]
        return problem(
            503, first.code, first.what,
            remedy=first.remedy, headers={"Retry-After": "1"}, members={"reasons": reasons},
        )  # fmt: skip
    body: dict[str, Json] = {"status": found.state, "issuer": tracker_of(request).issuer}
    return JSONResponse({**body, "reasons": reasons} if reasons else body)


@router.get(
    "/metrics",
    operation_id="metrics",
    dependencies=[Depends(RoleGate(EVERYONE, lasts=LASTS))],
    **published(EVERYONE, file_of("text/plain")),
)
async def read_metrics(request: Request) -> Response:
    """Return counts for Prometheus, which sends an API key as its bearer token."""
    found: Metrics = request.app.state.metrics
    # Not among the threads of questions: those that wait for a silent store would hold it up.
    text = await asyncio.to_thread(found.text)
    return Response(text, headers={"Content-Type": MEDIA_TYPE})


# Many probes ask by HEAD: `wget --spider`, watchers of sites, some balancers.
for _path, _asked in (("/healthz", alive), ("/readyz", ready)):
    router.add_api_route(
        _path,
        _asked,
        methods=["HEAD"],
        include_in_schema=False,
        dependencies=[Depends(needs(()))],
    )
