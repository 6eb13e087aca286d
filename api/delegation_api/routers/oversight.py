"""Oversight: guardrails over all chains, and narrower grants from recorded use. Changes nothing."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends

from delegation.graph import assessment_json, tightening_json
from delegation.messages.requests import GuardrailsBody, TightenBody
from delegation_api.asking import ends_with_client
from delegation_api.auth import READERS, TrackerDep, needs

router = APIRouter(
    prefix="/v1",
    tags=["oversight"],
    dependencies=[Depends(needs(READERS)), Depends(ends_with_client)],
)


@router.post("/guardrails")
def assert_guardrails(body: GuardrailsBody, tracker: TrackerDep) -> dict[str, Any]:
    """Return what becomes of each guardrail, with the shortest witness and the link to narrow."""
    found = tracker.assert_guardrails(body.guardrails, task=body.task, ended=body.ended)
    return assessment_json(found)


@router.post("/tighten")
def tighten(body: TightenBody, tracker: TrackerDep) -> dict[str, Any]:
    """Propose narrower grants from recorded use, with evidence."""
    found = tracker.tighten(
        body.kind,
        body.id,
        since=body.since,
        minimum=body.minimum,
        ignore=body.ignore,
        with_budget=body.with_budget,
    )
    return {"proposals": [tightening_json(one) for one in found]}
