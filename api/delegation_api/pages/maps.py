"""Draws maps of who delegated what to whom, for one task and for the whole store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from markupsafe import Markup
from starlette.routing import Match

from delegation.authority.ids import LinkId
from delegation.commands.work import DecisionDetail
from delegation.errors import NotFoundError
from delegation.graph.map_svg import map_svg
from delegation.graph.map_words import claim_of, name_of
from delegation.lineage.analysis.focus import Focus, focus
from delegation.lineage.entry import LinkEntry
from delegation.lineage.outline import LinkOutline, TaskOutline
from delegation.tracker import Tracker
from delegation_api.auth import TrackerDep, following
from delegation_api.pages.map_address import MapAddress, StoreAddress, WantedDep
from delegation_api.pages.session import ViewerDep
from delegation_api.pages.shell import AtDep, PageRoute, page

router = APIRouter(include_in_schema=False, route_class=PageRoute)
FEW: Final = 20  # links found by a name, and calls in the panel
GROUPS: Final = 24  # tasks on one page of the whole store's map
MANY: Final = 20_000  # links after which such a page ends: they are all read
STANDING: Final = ("active", "suspended", "revoked", "expired", "task_closed")
OUTCOME: Final = ("allowed", "denied", "waiting")
Find = Annotated[str, Query(max_length=64)]


@dataclass(frozen=True, slots=True)
class Panel:
    """What the panel says about the selected link.

    Args:
        link: The link.
        chain: Its ancestors, root first, itself last.
        below: How many links hang below it.
        last: Its last decided call; None when it made none.
        reach: Where a page says what it could do; empty where there is none.
        revoke: Where it can be revoked; empty where there is none.
        approval: Where the request that its last call opened is answered; empty where there is none.
    """

    link: LinkEntry
    chain: Sequence[LinkEntry]
    below: int
    last: DecisionDetail | None
    reach: str
    revoke: str
    approval: str


@router.get("/tasks/{task}/map")
def task_map(
    task: str,
    request: Request,
    viewer: ViewerDep,
    tracker: TrackerDep,
    wanted: WantedDep,
    at: AtDep,
    find: Find = "",
) -> Response:
    """Show a task's map."""
    news = tracker.news(task, after=None)  # before what is shown: nothing falls in between
    outline = tracker.outline(task, at=at)
    found = matches(outline.links, find)
    written = request.query_params.get("at", "")
    address = MapAddress(f"/tasks/{outline.task.id}/map", wanted, written)
    if len(found) == 1:
        address = address.but(focus=found[0].id)
    shown = focus([outline], address.wanted)
    selected = address.wanted.focus
    panel = panel_of(request, tracker, shown, at) if selected else None
    refused = panel.last.decision.denial if panel is not None and panel.last else None
    return page(
        request,
        "map.html",
        viewer,
        at=at,
        task=outline.task,
        shown=shown,
        address=address,
        picture=Markup(map_svg(shown, address, refused_at=(refused.link or "") if refused else "")),  # noqa: S704  # graph/ escapes
        panel=panel,
        is_lost=bool(selected) and panel is None,
        find=find,
        found=found,
        groups=groups(shown, address),
        cursor="" if at is not None else str(news.cursor),
    )


@router.get("/map")
def store_map(
    request: Request,
    viewer: ViewerDep,
    tracker: TrackerDep,
    wanted: WantedDep,
    at: AtDep,
    after: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """Show the forest of the whole store, grouped by task, newest first."""
    listed = tracker.tasks(after=after, limit=GROUPS)
    forest: list[TaskOutline] = []
    mark = following(listed, GROUPS, lambda task: task.id)
    for task in listed:
        if task.parent is not None:  # it is drawn beneath its opener
            continue
        try:
            forest.append(tracker.outline(task, at=at))
        except NotFoundError:  # there was none then
            continue
        if sum(len(outline.links) for outline in forest) > MANY:
            mark = task.id if task.id != listed[-1].id else mark
            break
    shown = focus(forest, wanted)
    tasks = tuple((node.link.id, node.link.task) for node in shown.nodes if node.link)
    address = StoreAddress("/map", wanted, request.query_params.get("at", ""), tasks)
    return page(
        request,
        "store_map.html",
        viewer,
        at=at,
        shown=shown,
        tasks=len(forest),
        address=address,
        picture=Markup(map_svg(shown, address)),  # noqa: S704  # graph/ escapes
        groups=groups(shown, address),
        next=None if mark is None else f"/map?after={mark}",
    )


def matches(links: Sequence[LinkOutline], find: str) -> list[LinkOutline]:
    """Return the first links with this text in their holder's name, key or id."""
    text = find.strip().casefold()
    if not text:
        return []
    found = (
        link
        for link in links
        if text in f"{name_of(link)} {claim_of(link)}".casefold()
        or link.fingerprint.startswith(text)
        or link.id.casefold() == text
    )
    return [link for link, _ in zip(found, range(FEW), strict=False)]


def panel_of(request: Request, tracker: Tracker, shown: Focus, at: int | None) -> Panel | None:
    """Return the panel of the selected link; None when it is not on this map."""
    below = next((n.below for n in shown.nodes if n.link and n.link.id == shown.wanted.focus), None)
    if below is None:
        return None
    name = LinkId(shown.wanted.focus)
    chain = tracker.ancestors(name, at=at)
    until = None if at is None else at + 1
    calls = tracker.recent_decisions(link=name, until=until, limit=1)
    last = tracker.decision(calls[0].id) if calls else None
    suffix = "" if at is None else f"?at={at}"
    request_id = last.decision.approval if last is not None else None
    return Panel(
        chain[-1],
        chain,
        below,
        last,
        answered(request, f"/links/{name}/reach", suffix),
        "" if at is not None else answered(request, f"/links/{name}/revoke"),
        answered(request, f"/approvals/{request_id}") if request_id else "",
    )


def answered(request: Request, path: str, suffix: str = "") -> str:
    """Return a page's address if this service has the page, else nothing."""
    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": []}
    full = any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
    return path + suffix if full else ""


def groups(shown: Focus, address: MapAddress) -> list[dict[str, Any]]:
    """Return the two filter groups: each switch with its number and what it leads to."""
    kinds: tuple[tuple[str, str, tuple[str, ...], dict[str, int]], ...] = (
        ("standing", "Standing of links", STANDING, shown.standings),
        ("outcome", "Outcome of decisions", OUTCOME, shown.outcomes),
    )
    return [
        {
            "field": field,
            "title": title,
            "kept": [
                (name, value)
                for name, value in (
                    ("focus", address.wanted.focus),
                    ("open", ",".join(address.wanted.opened)),
                    ("standing", ",".join(sorted(address.wanted.standing))),
                    ("outcome", ",".join(sorted(address.wanted.outcome))),
                    ("at", address.at),
                )
                if value and name != field
            ],
            "switches": [
                {
                    "word": word,
                    "number": numbers.get(word, 0),
                    "is_on": word in getattr(address.wanted, field),
                    "value": address.toggled(field, word),
                }
                for word in words
                if numbers.get(word, 0) or word in getattr(address.wanted, field)
            ],
        }
        for field, title, words, numbers in kinds
    ]
