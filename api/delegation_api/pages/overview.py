"""Shows every link of a task or of the store as a small mark, and a table that says the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from markupsafe import Markup

from delegation import canonical
from delegation.errors import NotFoundError
from delegation.graph.overview import overview
from delegation.identity.roles import READERS
from delegation.lineage.entry import TaskEntry
from delegation.lineage.outline import TaskOutline, by_depth
from delegation.tracker import Tracker
from delegation_api.auth import TrackerDep, following
from delegation_api.pages.session import ViewerDep, ViewerGate
from delegation_api.pages.shell import HEADERS, AtDep, PageRoute, page

router = APIRouter(include_in_schema=False, route_class=PageRoute)
GROUPS: Final = 200  # tasks on one page of the whole store
MANY: Final = 50_000  # links after which such a page ends: they are all read and all drawn


@router.get("/tasks/{task}/overview")
def task_overview(
    task: str, request: Request, viewer: ViewerDep, tracker: TrackerDep, at: AtDep
) -> Response:
    """Show every link of a task at a glance."""
    outline = tracker.outline(task, at=at)
    return _page(request, viewer, [outline], at, title=outline.task.title, task=outline.task)


@router.get("/tasks/{task}/overview/{number}", dependencies=[Depends(ViewerGate(READERS))])
def task_mark(
    task: str,
    number: Annotated[int, Path(ge=0, le=2**31)],
    tracker: TrackerDep,
    at: AtDep,
) -> Response:
    """Lead from the n-th recorded link of a task to the map with it selected; 0 is the task."""
    outline = tracker.outline(task, at=at)
    if number > len(outline.links):
        raise NotFoundError("link", f"number {number}")
    query = [f"focus={outline.links[number - 1].id}"] if number else []
    if at is not None:
        query.append(f"at={at}")
    way = f"/tasks/{outline.task.id}/map" + ("?" + "&".join(query) if query else "")
    return RedirectResponse(way, 303, headers=dict(HEADERS))


@router.get("/overview")
def store_overview(
    request: Request,
    viewer: ViewerDep,
    tracker: TrackerDep,
    at: AtDep,
    after: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """Show every link of the store at a glance, newest tasks first."""
    listed = tracker.tasks(after=after, limit=GROUPS)
    forest, read = outlines_of(tracker, listed, at)
    mark = (
        listed[read - 1].id
        if read < len(listed)
        else following(listed, GROUPS, lambda task: task.id)
    )
    more = None if mark is None else f"/overview?after={mark}" + (f"&at={at}" if at else "")
    return _page(request, viewer, forest, at, title="All tasks", task=None, next=more)


def outlines_of(
    tracker: Tracker, listed: Sequence[TaskEntry], at: int | None
) -> tuple[list[TaskOutline], int]:
    """Return outlines of the first tasks, and how many tasks were read, until there are many links."""
    forest: list[TaskOutline] = []
    read = links = 0
    for task in listed:
        read += 1
        if task.parent is not None:  # it is drawn beneath its opener
            continue
        try:
            forest.append(tracker.outline(task, at=at))
        except NotFoundError:  # there was none then
            continue
        links += len(forest[-1].links)
        if links >= MANY:
            break
    return forest, read


def _page(
    request: Request,
    viewer: ViewerDep,
    forest: Sequence[TaskOutline],
    at: int | None,
    **context: Any,
) -> Response:
    links = [link for outline in forest for link in outline.links]
    drawn = canonical.encode(overview(forest).as_json()).decode()
    return page(
        request,
        "overview.html",
        viewer,
        at=at,
        tasks=[outline.task.id for outline in forest],
        total=len(links),
        depths=by_depth(links),
        numbers=Markup(drawn),  # noqa: S704  # numbers and our own words: no text of anybody
        **{"next": None, **context},
    )
