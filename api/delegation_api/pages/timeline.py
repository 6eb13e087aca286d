"""Shows a task's timeline: links issued and delegated, decisions, revocations, closing, in order."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from markupsafe import Markup

from delegation.graph.map_words import claim_of, name_of
from delegation.graph.names import clean
from delegation.graph.timeline_svg import timeline_svg
from delegation.lineage.analysis.timeline import Ending, Event, ending_of, subjects_of, timeline
from delegation.lineage.entry import DecisionEntry
from delegation.lineage.outline import LinkOutline, TaskOutline
from delegation.tracker import Tracker
from delegation_api.auth import TrackerDep
from delegation_api.pages.live import followed
from delegation_api.pages.session import ViewerDep
from delegation_api.pages.shell import AtDep, PageRoute, page, when

router = APIRouter(include_in_schema=False, route_class=PageRoute)
PAGE: Final = 100  # events
_ACTS: Final = {"revoke": "revoked", "suspend": "suspended", "resume": "resumed"}
READ: Final = 1000  # decisions in one question


@router.get("/tasks/{task}/timeline")
def task_timeline(
    task: str,
    request: Request,
    viewer: ViewerDep,
    tracker: TrackerDep,
    at: AtDep,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
) -> Response:
    """Show what happened in a task."""
    news = followed(tracker, task) if at is None else ""
    outline = tracker.outline(task, at=at)
    made = [
        made for one in (outline.task, *outline.below) for made in decisions_of(tracker, one.id, at)
    ]
    made.sort(key=lambda decision: decision.sequence)
    events = timeline(outline, made, endings_of(tracker, outline, at))
    shown = events[after : after + PAGE]
    written = request.query_params.get("at", "")
    return page(
        request,
        "timeline.html",
        viewer,
        at=at,
        followed=news,
        written=written,
        task=outline.task,
        events=list(enumerate(shown, start=after)),
        total=len(events),
        after=after,
        earlier=max(0, after - PAGE) if after else None,
        later=after + PAGE if after + PAGE < len(events) else None,
        picture=Markup(timeline_svg(shown, after, say, way)),  # noqa: S704  # graph/ escapes
        say=what,
        name=name,
    )


def decisions_of(tracker: Tracker, task: str, at: int | None) -> list[DecisionEntry]:
    """Return all decisions of a task made by then."""
    until = None if at is None else at + 1
    found: list[DecisionEntry] = []
    while True:
        after = found[-1].sequence if found else 0
        part = tracker.decisions(task=task, until=until, after=after, limit=READ)
        found += part
        if len(part) < READ:
            return found


def endings_of(tracker: Tracker, outline: TaskOutline, at: int | None) -> list[Ending]:
    """Return the revocations, made by then, of anything that a link of the task rests on."""
    changes = tracker.revocations_of(subjects_of(outline))
    return [ending_of(change) for change in changes if at is None or change.at <= at]


def name(link: LinkOutline | None) -> str:
    """Return what a link's holder is called, with the key's fingerprint."""
    if link is None:
        return "a link not recorded here"
    return f"{name_of(link)} {claim_of(link)}".strip() + f" {link.fingerprint}"


def what(event: Event) -> str:
    """Return what happened, in words."""
    if event.lane == "issue":
        opened = event.link is not None and event.link.under is not None
        child = f", root of the child task {event.link.task}" if event.link and opened else ""
        return f"issued to {name(event.link)}{child}"
    if event.lane == "delegate":
        return f"{name(event.parent)} delegated to {name(event.link)}"
    if event.ending is not None:
        ended = name(event.link) if event.link else clean(event.ending.id)
        return (
            f"{event.ending.kind} {_ACTS[event.ending.act]}: {ended}, by {clean(event.ending.by)}"
        )
    if event.decision is not None:
        made = event.decision
        outcome = "allowed" if made.allowed else f"denied at step {made.step}, {made.code}"
        who = name(event.link) if event.link else "nobody proven"
        return f"{clean(made.tool or 'a call')} by {who}: {outcome}"
    return "the task was closed"


def say(event: Event) -> str:
    """Return an event as one sentence."""
    return f"{event.lane}: {what(event)}, {when(event.at)}"


def way(event: Event) -> str:
    """Return where an event leads."""
    if event.decision is not None:
        return f"/decisions/{event.decision.id}"
    return f"/links/{event.link.id}" if event.link is not None else ""
