"""The home page: what needs a person now, and the way to every question."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from delegation.lineage.findings import SEVERITIES
from delegation.lineage.risk import FORMULA
from delegation_api.auth import TrackerDep
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
    found = tracker.findings()
    top = tracker.risks(limit=1)
    since = tracker.now() - DAY
    denials = tracker.recent_decisions(allowed=False, limit=FEW)
    return page(
        request,
        "home.html",
        viewer,
        severities=[(name, found.count(name)) for name in SEVERITIES],
        findings=found.open[:5],
        is_complete=found.is_complete,
        fresh=sum(one.at >= since for one in denials),
        few=FEW,
        waiting=tracker.approvals(state="pending", limit=FEW),
        top=top[0] if top else None,
        path_to=tracker.ancestors(top[0].link.id) if top else (),
        formula=FORMULA,
        denials=denials,
        last=tracker.recent_decisions(limit=5),
        tasks=tracker.tasks(is_open=True, limit=FEW),
    )
