"""Health: whether the process lives, and whether it can decide."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from delegation_api.auth import EVERYONE, TrackerDep, needs
from delegation_api.metrics import MEDIA_TYPE, Metrics

router = APIRouter(tags=["health"])


@router.get("/healthz", dependencies=[Depends(needs(()))])
def alive() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "alive"}


@router.get("/readyz", dependencies=[Depends(needs(()))])
def ready(tracker: TrackerDep) -> dict[str, str]:
    """Say that the store answers and that decisions are taken; else 503."""
    tracker.health()
    return {"status": "ready", "issuer": tracker.issuer}


@router.get("/metrics", dependencies=[Depends(needs(EVERYONE))])
def read_metrics(request: Request) -> Response:
    """Return counts for Prometheus, which sends an API key as its bearer token."""
    found: Metrics = request.app.state.metrics
    return Response(found.text(), headers={"Content-Type": MEDIA_TYPE})
