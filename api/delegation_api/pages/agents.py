"""Shows agents, keys, other holders and owners: what they hold or answer for, could do and lose."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from delegation.errors import NotFoundError
from delegation.identity.principal import fingerprint
from delegation.lineage.analysis.owners import Owner
from delegation.lineage.entry import LinkEntry, TaskEntry
from delegation_api.auth import TrackerDep
from delegation_api.pages.session import Viewer, ViewerDep
from delegation_api.pages.shell import AtDep, PageRoute, page

router = APIRouter(include_in_schema=False, route_class=PageRoute)
Holder = Annotated[str, Query(min_length=1, max_length=2048)]
MOST: Final = 200  # rows of one table; what is left out is said


@router.get("/agents")
def agents(request: Request, viewer: ViewerDep, tracker: TrackerDep, at: AtDep) -> Response:
    """Show the registry, and who hands authority to whom over all open tasks."""
    listed = [
        {
            "name": agent.name,
            "owner": agent.owner,
            "fingerprints": [fingerprint(key) for key in agent.keys],
            "since": agent.registered_at,
        }
        for agent in tracker.agents()
        if at is None or agent.registered_at <= at
    ]
    found = tracker.handovers(at=at)
    return page(
        request,
        "agents.html",
        viewer,
        at=at,
        agents=listed[:MOST],
        more=max(0, len(listed) - MOST),
        handovers=found[:MOST],
        extent=found.extent,
        hidden=max(0, len(found) - MOST),
    )


@router.get("/holders")
def holder(
    request: Request, viewer: ViewerDep, tracker: TrackerDep, holder: Holder, at: AtDep
) -> Response:
    """Show one holder: what it holds, and what it could do at an instant."""
    return _holder(request, viewer, tracker, holder, at)


@router.get("/agents/{name}")
def agent(
    name: str, request: Request, viewer: ViewerDep, tracker: TrackerDep, at: AtDep
) -> Response:
    """Show one agent."""
    return _holder(request, viewer, tracker, name, at)


@router.get("/keys/{key}")
def key(key: str, request: Request, viewer: ViewerDep, tracker: TrackerDep, at: AtDep) -> Response:
    """Show whoever holds a key, named by itself or by its fingerprint."""
    return _holder(request, viewer, tracker, key, at)


def _holder(
    request: Request, viewer: Viewer, tracker: Any, holder: str, at: int | None
) -> Response:
    found = tracker.could_do(holder, at=at)
    tools: dict[str, list[Any]] = {}
    for one in found.links:
        for ability in one.abilities:
            tools.setdefault(ability.tool, []).append((one, ability))
    return page(
        request,
        "holder.html",
        viewer,
        at=at,
        who=holder,
        found=found,
        tools=sorted(tools.items()),
        active=sum(one.link.standing == "active" for one in found.links),
    )


@router.get("/blast")
def blast(request: Request, viewer: ViewerDep, tracker: TrackerDep, holder: Holder) -> Response:
    """Show what a thief of a holder's keys and tokens could do now."""
    return _blast(request, viewer, tracker, holder)


@router.get("/agents/{name}/blast")
def agent_blast(name: str, request: Request, viewer: ViewerDep, tracker: TrackerDep) -> Response:
    """Show the blast radius of an agent."""
    return _blast(request, viewer, tracker, name)


@router.get("/keys/{key}/blast")
def key_blast(key: str, request: Request, viewer: ViewerDep, tracker: TrackerDep) -> Response:
    """Show the blast radius of a key."""
    return _blast(request, viewer, tracker, key)


@router.get("/links/{link}/blast")
def link_blast(link: str, request: Request, viewer: ViewerDep, tracker: TrackerDep) -> Response:
    """Show the blast radius of one stolen token with its key."""
    return _blast(request, viewer, tracker, link)


def _blast(request: Request, viewer: Viewer, tracker: Any, holder: str) -> Response:
    found = tracker.blast(holder)
    return page(
        request,
        "blast.html",
        viewer,
        who=holder,
        kind="link" if holder.startswith("lnk_") and holder in found.stolen else "holder",
        found=found,
    )


NEWEST: Final = 50  # links of one owner, the newest


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
    links: list[LinkEntry] = [tracker.link(link, at=at) for link in reversed(one.links[-NEWEST:])]
    return page(
        request,
        "owner.html",
        viewer,
        at=at,
        owner=one,
        tasks=tasks,
        links=links,
        hidden=max(0, len(one.links) - NEWEST),
        extent=found.extent,
    )
