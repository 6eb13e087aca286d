"""Health: whether the process lives, and whether it can decide."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from delegation_api.auth import TrackerDep, needs

router = APIRouter(tags=["health"], dependencies=[Depends(needs(()))])


@router.get("/healthz")
def alive() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "alive"}


@router.get("/readyz")
def ready(tracker: TrackerDep) -> dict[str, str]:
    """Say that the store answers too; else 503."""
    tracker.health()
    return {"status": "ready", "issuer": tracker.issuer}
