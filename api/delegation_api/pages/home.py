"""Shows the home page: findings, the riskiest links, and the way to every question."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from delegation.identity.roles import READERS
from delegation.lineage.analysis.risk import FORMULA
from delegation.lineage.finding import SEVERITIES
from delegation_api.auth import TrackerDep
from delegation_api.pages.live import followed
from delegation_api.pages.session import PersonDep, ViewerDep, form_of
from delegation_api.pages.shell import HEADERS, PageRoute, page

router = APIRouter(include_in_schema=False, route_class=PageRoute)
FEW: Final = 10
DAY: Final = 24 * 3600


@router.get("/")
def home(request: Request, viewer: PersonDep, tracker: TrackerDep) -> Response:
    """Show what waits, the most exposed path, recent denials and decisions, and open tasks."""
    if viewer.key.role not in READERS:
        return RedirectResponse("/approvals", 303, headers=dict(HEADERS))
    events = followed(tracker)
    seen = tracker.exposure()
    found, top = seen.findings, seen.top
    since = tracker.now() - DAY
    denials = tracker.recent_decisions(allowed=False, limit=FEW)
    return page(
        request,
        "home.html",
        viewer,
        followed=events,
        severities=[(name, found.count(name)) for name in SEVERITIES],
        findings=found.open[:5],
        extent=found.extent,
        fresh=sum(one.at >= since for one in denials),
        few=FEW,
        waiting=tracker.approvals(state="pending", limit=FEW),
        top=top,
        path_to=seen.path,
        formula=FORMULA,
        denials=denials,
        last=tracker.recent_decisions(limit=5),
        tasks=tracker.tasks(is_open=True, limit=FEW),
    )


MOST: Final = 200
RISKIEST: Final = 20


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
    found = tracker.risks(limit=RISKIEST)
    return page(request, "risks.html", viewer, risks=found, extent=found.extent, formula=FORMULA)
