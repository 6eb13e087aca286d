"""What is recorded: links and decisions, for reviewers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from delegation.authority.ids import LinkId, TaskId
from delegation.messages.values import decision_entry_json, link_json
from delegation_api.auth import READERS, TrackerDep, needs

router = APIRouter(prefix="/v1", tags=["records"], dependencies=[Depends(needs(READERS))])
Limit = Annotated[int, Query(ge=1, le=1000)]
Sequence = Annotated[int, Query(ge=0, le=2**53)]


@router.get("/links")
def list_links(
    tracker: TrackerDep,
    task: str | None = None,
    parent: str | None = None,
    after: str | None = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """List links in the order they were recorded."""
    found = tracker.links(
        task=None if task is None else TaskId(task),
        parent=None if parent is None else LinkId(parent),
        after=None if after is None else LinkId(after),
        limit=limit,
    )
    return {"links": [link_json(link) for link in found]}


@router.get("/links/{link}")
def get_link(link: str, tracker: TrackerDep) -> dict[str, Any]:
    """Return a link."""
    return {**link_json(tracker.link(link)), "renews": tracker.renewed(link)}


@router.get("/links/{link}/ancestors")
def ancestors(link: str, tracker: TrackerDep) -> dict[str, Any]:
    """Return a link's ancestors, root first, itself last."""
    return {"links": [link_json(entry) for entry in tracker.ancestors(link)]}


@router.get("/links/{link}/descendants")
def descendants(link: str, tracker: TrackerDep, limit: Limit = 1000) -> dict[str, Any]:
    """Return the links below a link, parents before children."""
    return {"links": [link_json(entry) for entry in tracker.descendants(link, limit=limit)]}


@router.get("/decisions")
def list_decisions(  # its filters
    tracker: TrackerDep,
    task: str | None = None,
    link: str | None = None,
    allowed: bool | None = None,  # noqa: FBT001  # a query parameter
    after: Sequence = 0,
    limit: Limit = 100,
) -> dict[str, Any]:
    """List decisions in commit order."""
    found = tracker.decisions(
        task=None if task is None else TaskId(task),
        link=None if link is None else LinkId(link),
        allowed=allowed,
        after=after,
        limit=limit,
    )
    return {"decisions": [decision_entry_json(entry) for entry in found]}


@router.get("/decisions/{decision}")
def get_decision(decision: str, tracker: TrackerDep) -> dict[str, Any]:
    """Return one decision with everything that was kept of it."""
    detail = tracker.decision(decision)
    return {
        **detail.decision.to_json(),
        "sequence": detail.sequence,
        "access": None if detail.access is None else dict(detail.access),
        "epoch": detail.epoch,
        "catalogue": detail.catalogue,
        "outcome": None
        if detail.outcome is None
        else {
            "state": detail.outcome.state,
            "detail": detail.outcome.detail,
            "by": detail.outcome.by,
            "at": detail.outcome.at,
        },
        "local": None if detail.local is None else asdict(detail.local),
    }
