"""The home page: what needs a person now, and the way to every question."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from delegation.lineage.analysis.risk import FORMULA
from delegation.lineage.finding import SEVERITIES
from delegation_api.auth import TrackerDep
from delegation_api.pages.live import followed
from delegation_api.pages.route import PageRoute
from delegation_api.pages.session import LOOKERS, PersonDep
from delegation_api.pages.shell import HEADERS, page

router = APIRouter(include_in_schema=False, route_class=PageRoute)
FEW: Final = 10
DAY: Final = 24 * 3600


@router.get("/")
def home(request: Request, viewer: PersonDep, tracker: TrackerDep) -> Response:
    """Show what waits, the most exposed path, recent denials and decisions, and open tasks."""
    if viewer.key.role not in LOOKERS:
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
