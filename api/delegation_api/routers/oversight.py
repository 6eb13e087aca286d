"""Routes guardrails over all chains, and narrower grants from recorded use. Changes nothing."""

from __future__ import annotations

from fastapi import APIRouter

from delegation.operations.questions import Oversight
from delegation_api.mounting import mount_all

router = APIRouter(tags=["oversight"])
mount_all(router, Oversight)
