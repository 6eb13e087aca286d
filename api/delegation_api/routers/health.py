"""Tells whether the process lives, and whether it can decide."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from delegation.identity.roles import EVERYONE
from delegation_api.auth import TrackerDep, needs
from delegation_api.metrics import MEDIA_TYPE, Metrics
from delegation_api.openapi import JSON_OBJECT, file_of, published

router = APIRouter(tags=["health"])


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
    dependencies=[Depends(needs(EVERYONE))],
    **published(EVERYONE, file_of("text/plain")),
)
def read_metrics(request: Request) -> Response:
    """Return counts for Prometheus, which sends an API key as its bearer token."""
    found: Metrics = request.app.state.metrics
    return Response(found.text(), headers={"Content-Type": MEDIA_TYPE})
