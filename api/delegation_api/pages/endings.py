"""Shows revocations and suspensions: the list of changes, and the effect of one as far as it is known."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from delegation.judge.subject import EVERYTHING, KINDS, agent_subjects, task_subjects, tool_subjects
from delegation_api.auth import TrackerDep
from delegation_api.pages.live import followed
from delegation_api.pages.session import ViewerDep
from delegation_api.pages.shell import PageRoute, page

router = APIRouter(include_in_schema=False, route_class=PageRoute)
MOST: Final = 200
BACK: Final = 500  # changes that are looked through for the list
Shown = Annotated[int | None, Query(ge=0, le=2**31)]
NAMED: Final = frozenset({"revoke", "suspend", "resume"})


@router.get("/endings")
def endings(request: Request, viewer: ViewerDep, tracker: TrackerDep) -> Response:
    """Show what is suspended now, what was ended lately, and the way to end something."""
    events = followed(tracker)
    newest = tracker.numbers()["epoch"]
    feed = tracker.feed(after=max(0, newest - BACK), limit=BACK)
    changes = [one for one in reversed(feed.changes) if one.act in NAMED]
    catalogue = tracker.catalogue()
    named = {one for tool in catalogue.history for one in tool_subjects(catalogue, tool)}
    for agent in tracker.agents():
        named.update(agent_subjects(agent.name, agent.owner))
    for task in tracker.tasks(is_open=True, limit=MOST):
        named.update(task_subjects(task.id, task.owner))
    suspended = tracker.suspensions()
    return page(
        request,
        "endings.html",
        viewer,
        followed=events,
        suspended=suspended,
        frozen=next((one for one in suspended if one.subject == EVERYTHING), None),
        changes=changes[:MOST],
        newest=newest,
        is_whole=newest <= BACK and len(changes) <= MOST,
        choices=[
            (kind, one.choice, sorted(name for of, name in named if of == kind)[:MOST])
            for kind, one in KINDS.items()
            if one.choice
        ],
    )


@router.get("/endings/{epoch}")
def ending(
    epoch: Annotated[int, "the change's number"],
    request: Request,
    viewer: ViewerDep,
    tracker: TrackerDep,
    shown: Shown = None,
) -> Response:
    """Show what came of one change; it is read again each time."""
    events = followed(tracker)
    told = tracker.ending(epoch)
    change = told.change
    found = tracker.survivors(*change.subject) if _is_there(tracker, *change.subject) else None
    gone = () if found is None or not told.holds else found.gone
    return page(
        request,
        "ending.html",
        viewer,
        followed=events,
        told=told,
        change=change,
        found=found,
        gone=gone[:MOST],
        total=len(gone),
        grown=max(0, len(gone) - shown) if shown is not None and change.act != "resume" else 0,
    )


def _is_there(tracker: TrackerDep, kind: str, subject: str) -> bool:
    """Return whether links are asked for: a link may be revoked before it was ever seen."""
    return kind != "link" or tracker.is_recorded(subject)
