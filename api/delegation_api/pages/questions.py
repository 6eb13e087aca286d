"""Shows questions about one link, a way to a tool, two instants, and the search box."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from delegation.errors import NotFoundError
from delegation.graph import tightening_text
from delegation.lineage.search import MAX_TEXT, MIN_TEXT
from delegation_api.auth import TrackerDep
from delegation_api.pages.session import ViewerDep
from delegation_api.pages.shell import AtDep, PageRoute, page, read_instant

router = APIRouter(include_in_schema=False, route_class=PageRoute)
DAY: Final = 24 * 3600
Text = Annotated[str, Query(max_length=MAX_TEXT)]


@router.get("/links/{link}/reach")
def reach(
    link: str, request: Request, viewer: ViewerDep, tracker: TrackerDep, at: AtDep
) -> Response:
    """Show what a link could do, tool by tool."""
    found = tracker.reach(link, at=at)
    return page(request, "reach.html", viewer, at=at, found=found, link=found.link)


@router.get("/links/{link}/unused")
def unused(link: str, request: Request, viewer: ViewerDep, tracker: TrackerDep) -> Response:
    """Show what a link grants that was never used, with narrower grants as code."""
    found = tracker.unused(link)
    proposals = tracker.tighten("link", link)
    code = tightening_text(proposals[0]).splitlines() if proposals else []
    shown: dict[str, Any] = {"found": found, "link": found.link, "tighter": code}
    return page(request, "unused.html", viewer, code=found.code.splitlines(), **shown)


@router.get("/path")
def path(  # its parameters
    request: Request,
    viewer: ViewerDep,
    tracker: TrackerDep,
    at: AtDep,
    holder: Annotated[str, Query(alias="from", max_length=MAX_TEXT)] = "",
    tool: Annotated[str, Query(alias="to", max_length=MAX_TEXT)] = "",
) -> Response:
    """Show how a holder could reach a tool, or why not."""
    found, problem = None, ""
    if holder and tool:
        try:
            found = tracker.ways(holder, tool, at=at)
        except NotFoundError as error:
            problem = str(error)
    shown: dict[str, Any] = {
        "found": found,
        "problem": problem,
        "holder_text": holder,
        "tool": tool,
    }
    names = [agent.name for agent in tracker.agents()][:200]
    tools = [tool.name for tool in tracker.catalogue().tools][:500]
    return page(request, "path.html", viewer, at=at, names=names, tools=tools, **shown)


def _earlier(vs: Annotated[str, Query(max_length=40)] = "") -> int | None:
    return read_instant(vs)


@router.get("/compare")
def compare(
    request: Request,
    viewer: ViewerDep,
    tracker: TrackerDep,
    at: AtDep,
    vs: Annotated[int | None, Depends(_earlier)],
    task: Text = "",
) -> Response:
    """Show what changed between two instants; the last day if none is named."""
    earlier = vs if vs is not None else max(0, tracker.now() - DAY if at is None else at - DAY)
    found = tracker.compare(vs=earlier, at=at, task=task or None)
    return page(request, "compare.html", viewer, instant_at=at, found=found, task=task)


@router.get("/find")
def find(request: Request, viewer: ViewerDep, tracker: TrackerDep, q: Text = "") -> Response:
    """Show what a text names."""
    hits = tracker.find(q) if q else ()
    return page(request, "find.html", viewer, asked=q, hits=hits, least=MIN_TEXT)
