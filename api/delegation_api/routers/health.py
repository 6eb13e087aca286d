"""Tells whether the process lives, and whether it can decide."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from delegation.identity.roles import EVERYONE
from delegation_api.auth import RoleGate, TrackerDep, needs
from delegation_api.metrics import MEDIA_TYPE, Metrics
from delegation_api.openapi import JSON_OBJECT, file_of, published

router = APIRouter(tags=["health"])
LASTS: Final = 3600.0  # seconds for which a scraper's key is believed while the store is silent


@router.get(
    "/healthz",
    operation_id="alive",
    dependencies=[Depends(needs(()))],
    **published((), JSON_OBJECT),
)
def alive() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "alive"}


@router.get(
    "/readyz",
    operation_id="health",
    dependencies=[Depends(needs(()))],
    **published((), JSON_OBJECT),
)
def ready(tracker: TrackerDep) -> dict[str, str]:
    """Say that the store answers and that decisions are taken; else 503."""
    tracker.health()
    return {"status": "ready", "issuer": tracker.issuer}


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
