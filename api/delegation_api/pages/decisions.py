"""Shows decisions: the list, and one with all fourteen steps, its chain, and its arguments."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from delegation.hidden import hidden_in
from delegation.judge.decision import Decision
from delegation.lineage.entry import hidden_in_link
from delegation.lineage.filter import DecisionFilter
from delegation_api.auth import After, TrackerDep, following
from delegation_api.mounting import given_of
from delegation_api.pages.live import followed
from delegation_api.pages.log import inclusion_of
from delegation_api.pages.session import ViewerDep
from delegation_api.pages.shell import PageRoute, page

router = APIRouter(include_in_schema=False, route_class=PageRoute)
PAGE: Final = 100
Text = Annotated[str, Query(max_length=512)]  # as long as a tool's name may be
# In a fixed order: an address is made of them.
_TEXTS: Final = [
    n for n in DecisionFilter.__annotations__ if n not in {"allowed", "since", "until"}
]
FiltersDep = Annotated[dict[str, Any], given_of(dict.fromkeys(_TEXTS, (Text, "")))]
_LABELLED: Final = [one for one in fields(Decision) if "label" in one.metadata]


@router.get("/decisions")
def decisions(
    request: Request,
    viewer: ViewerDep,
    tracker: TrackerDep,
    given: FiltersDep,
    allowed: Annotated[str, Query(pattern="^(true|false)?$")] = "",
    after: After = 0,
) -> Response:
    """List decisions in commit order."""
    events = followed(tracker)
    outcome: dict[str, Any] = {"allowed": allowed == "true"} if allowed else {}
    found = tracker.decisions(**given, **outcome, after=after, limit=PAGE)
    mark = following(found, PAGE, lambda entry: entry.sequence)
    kept = {**given, "allowed": allowed} if allowed else given
    further = None if mark is None else "/decisions?" + urlencode({**kept, "after": mark})
    shown: dict[str, Any] = {**dict.fromkeys(_TEXTS, ""), **given, "allowed": allowed}
    shown |= {"followed": events, "decisions": found, "next": further}
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
        facts=[(f.metadata["label"], value) for f in _LABELLED if (value := getattr(made, f.name))],
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
