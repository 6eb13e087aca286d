"""Findings and risk: what to look at first, by rules and a formula that are written down."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from delegation.lineage.analysis.risk import FORMULA
from delegation.lineage.finding import SEVERITIES
from delegation_api.auth import TrackerDep
from delegation_api.pages.forms import form_of
from delegation_api.pages.live import followed
from delegation_api.pages.route import PageRoute
from delegation_api.pages.session import ViewerDep
from delegation_api.pages.shell import HEADERS, page

router = APIRouter(include_in_schema=False, route_class=PageRoute)
MOST: Final = 200
FEW: Final = 20


@router.get("/findings")
def findings(
    request: Request, viewer: ViewerDep, tracker: TrackerDep, rule: str = "", severity: str = ""
) -> Response:
    """Show open findings, the most severe first, and those that were dismissed."""
    events = followed(tracker)
    found = tracker.findings()
    wanted = [
        one
        for one in found.open
        if (not rule or one.rule == rule) and (not severity or one.severity == severity)
    ]
    rules = sorted({one.rule for one in found.open})
    return page(
        request,
        "findings.html",
        viewer,
        followed=events,
        found=found,
        extent=found.extent,
        shown=wanted[:MOST],
        hidden=len(found.open) - len(wanted[:MOST]),
        counts=[(name, sum(one.rule == name for one in found.open)) for name in rules],
        severities=[(name, found.count(name)) for name in SEVERITIES],
        dismissed=found.dismissed[:MOST],
    )


@router.post("/findings/{finding}/dismiss")
async def dismiss(
    finding: str, request: Request, viewer: ViewerDep, tracker: TrackerDep
) -> Response:
    """Record that a finding stands, with a reason."""
    form = await form_of(request)
    reason = form.get("reason", "")
    await run_in_threadpool(tracker.dismiss, finding, by=viewer.key.name, reason=reason)
    return RedirectResponse("/findings", 303, headers=dict(HEADERS))


@router.get("/risks")
def risks(request: Request, viewer: ViewerDep, tracker: TrackerDep) -> Response:
    """Show the riskiest links with the numbers that their scores are made of."""
    found = tracker.risks(limit=FEW)
    return page(request, "risks.html", viewer, risks=found, extent=found.extent, formula=FORMULA)
