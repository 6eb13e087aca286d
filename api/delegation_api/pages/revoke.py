"""Revoking in two steps: what would end and what would go on, then the deed, then what is gone."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from delegation.errors import MalformedError
from delegation_api.auth import TrackerDep
from delegation_api.pages.forms import form_of
from delegation_api.pages.route import PageRoute
from delegation_api.pages.session import Viewer, ViewerDep
from delegation_api.pages.shell import HEADERS, page

router = APIRouter(include_in_schema=False, route_class=PageRoute)
MOST: Final = 200
Kind = Literal["link", "task", "agent", "key"]
Shown = Annotated[int | None, Query(ge=0, le=2**31)]


@router.get("/revoke")
def preview(
    request: Request,
    viewer: ViewerDep,
    tracker: TrackerDep,
    kind: Kind = "agent",
    id: Annotated[str, Query(max_length=128)] = "",  # noqa: A002  # the word of the wire
    holder: Annotated[str, Query(max_length=128)] = "",
    shown: Shown = None,
) -> Response:
    """Show what revoking a subject would come to; reading it changes nothing."""
    return _preview(request, viewer, tracker, kind, id or holder, shown)


@router.get("/links/{link}/revoke")
def of_link(link: str, request: Request, viewer: ViewerDep, tracker: TrackerDep) -> Response:
    """Show what revoking a link would come to."""
    return _preview(request, viewer, tracker, "link", link, None)


@router.get("/tasks/{task}/revoke")
def of_task(task: str, request: Request, viewer: ViewerDep, tracker: TrackerDep) -> Response:
    """Show what revoking a task would come to."""
    return _preview(request, viewer, tracker, "task", task, None)


@router.get("/agents/{name}/revoke")
def of_agent(name: str, request: Request, viewer: ViewerDep, tracker: TrackerDep) -> Response:
    """Show what revoking an agent would come to."""
    return _preview(request, viewer, tracker, "agent", name, None)


@router.get("/keys/{key}/revoke")
def of_key(key: str, request: Request, viewer: ViewerDep, tracker: TrackerDep) -> Response:
    """Show what revoking a key would come to."""
    return _preview(request, viewer, tracker, "key", key, None)


def _preview(
    request: Request, viewer: Viewer, tracker: Any, kind: str, subject: str, shown: int | None
) -> Response:
    found = tracker.survivors(kind, subject)
    grown = max(0, len(found.gone) - shown) if shown is not None else 0
    return page(
        request,
        "revoke.html",
        viewer,
        kind=kind,
        id=subject,
        found=found,
        ends=found.ends[:MOST],
        survives=found.survives[:MOST],
        gone=found.gone[:MOST],
        shown=shown,
        grown=grown,
    )


@router.post("/revoke")
async def revoke(request: Request, viewer: ViewerDep, tracker: TrackerDep) -> Response:
    """Revoke a subject with all that is below it by now, and show what is gone.

    Links that were made since the preview go, too: that is the safe direction. The page then says
    how many they were.
    """
    form = await form_of(request)
    kind: Any = form.get("kind", "")  # the tracker refuses other kinds
    subject = form.get("id", "")
    shown = form.get("shown", "")
    if not shown.isdecimal() or len(shown) > 9:  # noqa: PLR2004  # a count of links
        raise MalformedError("shown", wanted="the number of links that the page showed")
    await run_in_threadpool(tracker.survivors, kind, subject)  # there must be one of that kind
    await run_in_threadpool(
        tracker.revoke, kind, subject, by=viewer.key.name, reason=form.get("reason", "")
    )
    place = "/revoke?" + urlencode({"kind": kind, "id": subject, "shown": shown})
    return RedirectResponse(place, 303, headers=dict(HEADERS))
