"""One link: how it got its authority, link by link, what it did, and what hangs below it."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response

from delegation.lineage.analysis.hidden_text import hidden_in_link
from delegation_api.auth import TrackerDep
from delegation_api.pages.instant import AtDep
from delegation_api.pages.live import followed
from delegation_api.pages.route import PageRoute
from delegation_api.pages.session import ViewerDep
from delegation_api.pages.shell import page

router = APIRouter(include_in_schema=False, route_class=PageRoute)
FEW: Final = 20


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
        below=tracker.descendants(link, limit=FEW, at=at),
        calls=tracker.recent_decisions(link=link, until=until, limit=FEW),
    )
