"""Offers exports to people: choose a form for a view, and take the file with its digest."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, StreamingResponse

from delegation.errors import DelegationError, MalformedError
from delegation.identity.roles import READERS
from delegation.lineage.export_forms import FORMS
from delegation.lineage.export_job import ExportJob
from delegation.lineage.selection import MAX_TEXT, VIEWS, Selection
from delegation.tracker import Tracker
from delegation_api.asking import ends_with_client
from delegation_api.auth import TrackerDep
from delegation_api.export_answer import file_answer
from delegation_api.held_open import held_open
from delegation_api.mounting import given_of
from delegation_api.pages.session import FORM_FIELD, ViewerDep, form_of, secret_of
from delegation_api.pages.shell import HEADERS, AtDep, PageRoute, page, read_instant, refusal
from delegation_api.stopping import is_ending

router = APIRouter(include_in_schema=False, route_class=PageRoute)
MAX_STREAMS: Final = 32  # of one process; a page without one is renewed by itself
LOOK_SECONDS: Final = 0.5
Text = Annotated[str, Query(max_length=MAX_TEXT)]
_OWN: Final = frozenset({"view", "form", FORM_FIELD, "how"})
_FILTERS: Final = {"at": (AtDep, None)} | {n: (Text, "") for n in Selection.kinds() if n != "at"}
FiltersDep = Annotated[dict[str, Any], given_of(_FILTERS)]


@router.get("/exports")
def choose(
    request: Request,
    viewer: ViewerDep,
    tracker: TrackerDep,
    given: FiltersDep,
    view: Text = "",
) -> Response:
    """Show what can be exported, and of one view in which forms."""
    if view and view not in VIEWS:
        raise MalformedError("The view", wanted=f"one of {', '.join(VIEWS)}")
    given = {name: str(value) for name, value in given.items()}
    asked = Selection.read(view, VIEWS[view].forms[0], given) if view else None
    return page(
        request,
        "exports.html",
        viewer,
        asked=asked,
        given=given,
        what=VIEWS[view].what if view else "",
        forms=[(name, FORMS[name]) for name in VIEWS[view].forms] if view else [],
        jobs=tracker.export_jobs(by=viewer.key.name),
        views=[(name, one, _way(name, one.filters, given)) for name, one in VIEWS.items()],
    )


@router.post("/exports")
async def make(request: Request, viewer: ViewerDep, tracker: TrackerDep) -> Response:
    """Make an export: at once as the answer, or as a job with a page of its own."""
    form = await form_of(request)
    asked = _selection(form)
    if form.get("how") != "job":
        await ends_with_client(request)
        made = await run_in_threadpool(tracker.export, asked.view, asked.form, **asked.given)
        return file_answer(made)
    by = viewer.key.name
    job = await run_in_threadpool(tracker.ask_export, asked.view, asked.form, by=by, **asked.given)
    return RedirectResponse(f"/exports/{job.id}", 303, headers=dict(HEADERS))


@router.get("/exports/{job}")
def job(job: str, request: Request, viewer: ViewerDep, tracker: TrackerDep) -> Response:
    """Show how far a job is, or what it made."""
    found = tracker.export_job(job, by=viewer.key.name)
    said = dict(found.manifest) if found.manifest else {}
    digest = found.digest.hex()
    return page(
        request,
        "export_job.html",
        viewer,
        job=found,
        what=VIEWS[found.selection.view].what,
        said=[(name, spelled(value)) for name, value in said.items()],
        digest=digest,
        form=FORMS[found.selection.form],
    )


@router.post("/exports/{job}/cancel")
async def cancel(job: str, viewer: ViewerDep, tracker: TrackerDep) -> Response:
    """End a job, and forget its file."""
    await run_in_threadpool(tracker.cancel_export, job, by=viewer.key.name)
    return RedirectResponse(f"/exports/{job}", 303, headers=dict(HEADERS))


@router.get("/exports/{job}/file")
def file(job: str, viewer: ViewerDep, tracker: TrackerDep) -> Response:
    """Return a job's file."""
    return file_answer(tracker.export_file(job, by=viewer.key.name))


@router.get("/exports/{job}/events")
async def events(job: str, request: Request, viewer: ViewerDep, tracker: TrackerDep) -> Response:
    """Tell how far a job is until it is over."""
    await run_in_threadpool(tracker.export_job, job, by=viewer.key.name)  # 404 before a stream
    watched: Watched = request.app.state.exports
    held = held_open(request)
    if watched.open >= MAX_STREAMS or held.is_full(viewer.key.name):
        return refusal(request, 503, "Too many pages are open.", "Load this page again later.")
    return StreamingResponse(
        held.stream(viewer.key.name, watched.follow(tracker, job, secret_of(request))),
        headers={**HEADERS, "X-Accel-Buffering": "no"},
        media_type="text/event-stream",
    )


class Watched:
    """The open pages of one process that look at jobs."""

    def __init__(self) -> None:
        """Begin without pages."""
        self.open = 0

    async def follow(self, tracker: Tracker, job: str, secret: str) -> AsyncGenerator[bytes, None]:
        """Yield how far a job is until it, the session or the process ends."""
        self.open += 1
        try:
            yield b"retry: 2000\n\n"
            while not is_ending():
                found = await run_in_threadpool(_look, tracker, job, secret)
                if found is None:
                    return
                body = {"state": found.state, "done": found.done, "total": found.total}
                kind = "progress" if found.is_active else "over"
                yield f"event: {kind}\ndata: {json.dumps(body)}\n\n".encode()
                if not found.is_active:
                    return
                await asyncio.sleep(LOOK_SECONDS)
        except DelegationError:  # the store went away: the browser asks again
            return
        finally:
            self.open -= 1


def _look(tracker: Tracker, job: str, secret: str) -> ExportJob | None:
    """Return a job as its caller may see it; None when nobody may be told any more."""
    key = tracker.session_key(secret)
    if key is None or key.role not in READERS:
        return None
    return tracker.export_job(job, by=key.name)


def spelled(value: object) -> str:
    """Return what a manifest says of one thing."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {spelled(item)}" for name, item in value.items()) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value in (None, "") else str(value)


def _selection(form: Mapping[str, str]) -> Selection:
    at = read_instant(form.get("at", "")[:40])
    written = {name: value for name, value in form.items() if name not in _OWN}
    written["at"] = "" if at is None else str(at)
    return Selection.read(form.get("view", ""), form.get("form", ""), written)


def _way(view: str, known: tuple[str, ...], given: dict[str, str]) -> str:
    """Return where another view is exported with those of the filters that it has; empty if nowhere."""
    kept = {name: value for name, value in given.items() if name in known}
    if view == "timeline" and "task" not in kept:
        return ""
    return "/exports?" + urlencode({"view": view, **kept})
