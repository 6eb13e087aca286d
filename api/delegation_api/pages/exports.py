"""Exports for people: choose a form for a view, and take the file with its digest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from delegation.errors import MalformedError
from delegation.export.forms import FORMS
from delegation.lineage.selection import MAX_TEXT, VIEWS, Selection
from delegation_api.auth import TrackerDep
from delegation_api.export_answer import file_answer
from delegation_api.pages.forms import form_of
from delegation_api.pages.instant import AtDep, read_instant
from delegation_api.pages.route import PageRoute
from delegation_api.pages.session import FORM_FIELD, ViewerDep
from delegation_api.pages.shell import page

router = APIRouter(include_in_schema=False, route_class=PageRoute)
Text = Annotated[str, Query(max_length=MAX_TEXT)]
_OWN: Final = frozenset({"view", "form", FORM_FIELD, "how"})


def filters(  # those that a view has
    at: AtDep,
    task: Text = "",
    link: Text = "",
    parent: Text = "",
    holder: Text = "",
    key: Text = "",
    owner: Text = "",
    is_open: Text = "",
    tool: Text = "",
    code: Text = "",
    allowed: Text = "",
    since: Text = "",
    until: Text = "",
    standing: Text = "",
    outcome: Text = "",
    rule: Text = "",
    severity: Text = "",
    state: Text = "",
) -> dict[str, str]:
    """Return the filters that a page's address names, as text."""
    given: dict[str, Any] = dict(locals())
    return {name: str(value) for name, value in given.items() if value not in ("", None)}


FiltersDep = Annotated[dict[str, str], Depends(filters)]


@router.get("/exports")
def choose(request: Request, viewer: ViewerDep, given: FiltersDep, view: Text = "") -> Response:
    """Show what can be exported, and of one view in which forms."""
    if view and view not in VIEWS:
        raise MalformedError("The view", wanted=f"one of {', '.join(VIEWS)}")
    asked = Selection.read(view, VIEWS[view].forms[0], given) if view else None
    return page(
        request,
        "exports.html",
        viewer,
        asked=asked,
        given=given,
        what=VIEWS[view].what if view else "",
        forms=[(name, FORMS[name]) for name in VIEWS[view].forms] if view else [],
        views=[(name, one, _way(name, one.filters, given)) for name, one in VIEWS.items()],
    )


@router.post("/exports")
async def make(request: Request, _: ViewerDep, tracker: TrackerDep) -> Response:
    """Make an export."""
    form = await form_of(request)
    asked = _selection(form)
    made = await run_in_threadpool(tracker.export, asked.view, asked.form, **asked.given)
    return file_answer(made)


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
