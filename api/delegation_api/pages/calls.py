"""Decisions: the list, and one with all fourteen steps, its chain, and what was offered."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from delegation.hidden import hidden_in
from delegation.lineage.entry import hidden_in_link
from delegation_api.auth import After, TrackerDep, following
from delegation_api.pages.live import followed
from delegation_api.pages.log import inclusion_of
from delegation_api.pages.session import ViewerDep
from delegation_api.pages.shell import PageRoute, page

router = APIRouter(include_in_schema=False, route_class=PageRoute)
PAGE: Final = 100
Text = Annotated[str, Query(max_length=512)]  # as long as a tool's name may be


@router.get("/decisions")
def decisions(  # its filters
    request: Request,
    viewer: ViewerDep,
    tracker: TrackerDep,
    task: Text = "",
    link: Text = "",
    tool: Text = "",
    code: Text = "",
    allowed: Annotated[str, Query(pattern="^(true|false)?$")] = "",
    after: After = 0,
) -> Response:
    """List decisions in commit order."""
    events = followed(tracker)
    given = {"task": task, "link": link, "tool": tool, "code": code}
    found = tracker.decisions(
        task=task or None,
        link=link or None,
        tool=tool or None,
        code=code or None,
        allowed=None if not allowed else allowed == "true",
        after=after,
        limit=PAGE,
    )
    mark = following(found, PAGE, lambda entry: entry.sequence)
    kept = {name: value for name, value in {**given, "allowed": allowed}.items() if value}
    further = None if mark is None else "/decisions?" + urlencode({**kept, "after": mark})
    shown: dict[str, Any] = {
        "followed": events,
        **given,
        "allowed": allowed,
        "decisions": found,
        "next": further,
    }
    return page(request, "decisions.html", viewer, **shown)


@router.get("/decisions/{decision}")
def decision(decision: str, request: Request, viewer: ViewerDep, tracker: TrackerDep) -> Response:
    """Show one decision."""
    detail = tracker.decision(decision)
    made = detail.decision
    told = tracker.account(decision)
    denied = [made.denial.offered, made.denial.allowed] if made.denial else []
    chain = told.chain  # of a chain whose root was never issued here nothing is recorded
    return page(
        request,
        "decision.html",
        viewer,
        decision=made,
        detail=detail,
        chain=chain,
        told=told,
        logged=inclusion_of(tracker, decision),
        task=tracker.task(made.task) if made.task and chain else None,
        access=dict(detail.access) if detail.access else {},
        arguments=dict(made.arguments),
        sent_amounts={f"arguments.{place}": said for place, said in detail.amounts.items()},
        hides=[
            *hidden_in(dict(detail.access or {})),
            *hidden_in(denied, "the denial"),
            *(found for one in chain for found in hidden_in_link(one)),
        ],
    )
