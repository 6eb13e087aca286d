"""Owners: who answers for which tasks, agents and links, and what would end with them."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from delegation.errors import NotFoundError
from delegation.lineage.analysis.owners import Owner
from delegation.lineage.entry import LinkEntry, TaskEntry
from delegation_api.auth import TrackerDep
from delegation_api.pages.instant import AtDep
from delegation_api.pages.route import PageRoute
from delegation_api.pages.session import ViewerDep
from delegation_api.pages.shell import page

router = APIRouter(include_in_schema=False, route_class=PageRoute)
MOST: Final = 200  # rows of one table; what is left out is said
FEW: Final = 50  # links of one owner, the newest


@router.get("/owners")
def owners(
    request: Request,
    viewer: ViewerDep,
    tracker: TrackerDep,
    at: AtDep,
    owner: Annotated[str, Query(max_length=256)] = "",
) -> Response:
    """Show every owner, or with a name what one answers for."""
    found = tracker.owners(at=at)
    if not owner:
        return page(
            request,
            "owners.html",
            viewer,
            at=at,
            owners=found[:MOST],
            hidden=max(0, len(found) - MOST),
            extent=found.extent,
        )
    tasks: list[TaskEntry] = []
    if at is None and "\x00" not in owner:
        tasks += tracker.tasks(owner=owner, limit=MOST)
    one = next((one for one in found if one.name == owner), None)
    if one is None and tasks:  # all of theirs is over
        one = Owner(owner, (), (), (), 0, (), (), 0, 0, 0)
    if one is None:
        raise NotFoundError("owner", owner)
    links: list[LinkEntry] = [tracker.link(link, at=at) for link in reversed(one.links[-FEW:])]
    return page(
        request,
        "owner.html",
        viewer,
        at=at,
        owner=one,
        tasks=tasks,
        links=links,
        hidden=max(0, len(one.links) - FEW),
        extent=found.extent,
    )
