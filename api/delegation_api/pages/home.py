"""The home page: what needs a person now."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response

from delegation_api.auth import TrackerDep
from delegation_api.pages.route import PageRoute
from delegation_api.pages.session import ViewerDep
from delegation_api.pages.shell import page

router = APIRouter(include_in_schema=False, route_class=PageRoute)
FEW: Final = 10


@router.get("/")
def home(request: Request, viewer: ViewerDep, tracker: TrackerDep) -> Response:
    """Show recent denials and open tasks."""
    return page(
        request,
        "home.html",
        viewer,
        denials=tracker.recent_decisions(allowed=False, limit=FEW),
        tasks=tracker.tasks(is_open=True, limit=FEW),
    )
