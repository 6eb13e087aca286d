"""What is recorded: links and decisions, for reviewers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from delegation.identity.principal import PublicKey
from delegation.messages.standing import change_json
from delegation.messages.values import decision_entry_json, link_json
from delegation.messages.verdict import decision_detail_json
from delegation_api.auth import READERS, TrackerDep, needs
from delegation_api.paging import After, At, Limit, following

router = APIRouter(prefix="/v1", tags=["records"], dependencies=[Depends(needs(READERS))])
Instant = Annotated[int | None, Query(ge=0, le=2**53)]


@router.get("/links")
def list_links(  # its filters
    tracker: TrackerDep,
    task: str | None = None,
    parent: str | None = None,
    holder: str | None = None,
    key: str | None = None,
    after: str | None = None,
    limit: Limit = 100,
    at: At = None,
) -> dict[str, Any]:
    """List links in the order they were recorded."""
    found = tracker.links(
        task=task,
        parent=parent,
        holder=holder,
        key=None if key is None else PublicKey.from_text("holder", key),
        after=after,
        limit=limit,
        at=at,
    )
    listed = [link_json(link) for link in found]
    return {"links": listed, "next": following(found, limit, lambda link: link.id)}


@router.get("/links/{link}")
def get_link(link: str, tracker: TrackerDep, at: At = None) -> dict[str, Any]:
    """Return a link."""
    with tracker.snapshot():
        found, before, entry = (
            tracker.renewal(link),
            tracker.ended_before(link),
            tracker.link(link, at=at),
        )
    told = {"renews": found.renews, "renewed_by": list(found.renewed_by)}
    return {**link_json(entry), **told, "ended_before": [change_json(change) for change in before]}


@router.get("/links/{link}/ancestors")
def ancestors(link: str, tracker: TrackerDep, at: At = None) -> dict[str, Any]:
    """Return a link's ancestors, root first, itself last."""
    return {"links": [link_json(entry) for entry in tracker.ancestors(link, at=at)]}


@router.get("/links/{link}/descendants")
def descendants(
    link: str, tracker: TrackerDep, limit: Limit = 1000, at: At = None
) -> dict[str, Any]:
    """Return the links below a link, parents before children."""
    found = tracker.descendants(link, limit=limit, at=at)
    return {"links": [link_json(entry) for entry in found]}


@router.get("/decisions")
def list_decisions(  # its filters
    tracker: TrackerDep,
    task: str | None = None,
    link: str | None = None,
    tool: str | None = None,
    allowed: bool | None = None,  # noqa: FBT001  # a query parameter
    code: str | None = None,
    since: Instant = None,
    until: Instant = None,
    after: After = 0,
    limit: Limit = 100,
) -> dict[str, Any]:
    """List decisions in commit order."""
    found = tracker.decisions(
        task=task,
        link=link,
        tool=tool,
        allowed=allowed,
        code=code,
        since=since,
        until=until,
        after=after,
        limit=limit,
    )
    listed = [decision_entry_json(entry) for entry in found]
    return {"decisions": listed, "next": following(found, limit, lambda entry: entry.sequence)}


@router.get("/decisions/{decision}")
def get_decision(decision: str, tracker: TrackerDep) -> dict[str, Any]:
    """Return one decision with everything that was kept of it."""
    return decision_detail_json(tracker.decision(decision))
