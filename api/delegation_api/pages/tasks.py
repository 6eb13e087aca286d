"""Shows tasks and links: the list of tasks, one with its links and calls, and one link with its chain."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from delegation.lineage.entry import hidden_in_link
from delegation_api.auth import TrackerDep, following
from delegation_api.pages.live import followed
from delegation_api.pages.session import ViewerDep
from delegation_api.pages.shell import AtDep, PageRoute, page

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


BELOW: Final = 20


@router.get("/links/{link}")
def link(
    link: str, request: Request, viewer: ViewerDep, tracker: TrackerDep, at: AtDep
) -> Response:
    """Show one link."""
    events = followed(tracker, tracker.link(link).task) if at is None else ""
    chain = tracker.ancestors(link, at=at)
    could = tracker.reach(link, at=at)
    entry = chain[-1]
    until = None if at is None else at + 1
    return page(
        request,
        "link.html",
        viewer,
        at=at,
        followed=events,
        link=entry,
        chain=chain,
        hides=[found for one in chain for found in hidden_in_link(one)],
        could=could,
        renewal=tracker.renewal(link),
        ended_before=tracker.ended_before(link),
        task=tracker.task(entry.task),
        below=tracker.descendants(link, limit=BELOW, at=at),
        calls=tracker.recent_decisions(link=link, until=until, limit=BELOW),
    )
