"""Tasks: the list, and one with its links and calls as tables."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from delegation_api.auth import TrackerDep
from delegation_api.pages.instant import AtDep
from delegation_api.pages.live import followed
from delegation_api.pages.route import PageRoute
from delegation_api.pages.session import ViewerDep
from delegation_api.pages.shell import page
from delegation_api.paging import following

router = APIRouter(include_in_schema=False, route_class=PageRoute)
PAGE: Final = 50
FEW: Final = 100  # calls shown beside the links; all of them are listed elsewhere


@router.get("/tasks")
def tasks(
    request: Request,
    viewer: ViewerDep,
    tracker: TrackerDep,
    after: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """List tasks, newest first."""
    events = followed(tracker)
    found = tracker.tasks(after=after, limit=PAGE)
    further = following(found, PAGE, lambda task: task.id)
    return page(request, "tasks.html", viewer, followed=events, tasks=found, next=further)


@router.get("/tasks/{task}")
def task(
    task: str, request: Request, viewer: ViewerDep, tracker: TrackerDep, at: AtDep
) -> Response:
    """Show one task: its links, parents before children, and its calls."""
    events = followed(tracker, task) if at is None else ""
    entry = tracker.lineage(task, at=at).entry
    return page(
        request,
        "task.html",
        viewer,
        at=at,
        followed=events,
        task=entry.task,
        below=entry.below,
        links=entry.links,
        calls=entry.calls[: -FEW - 1 : -1],
        total=len(entry.calls),
        denied=sum(not call.allowed for call in entry.calls),
    )
