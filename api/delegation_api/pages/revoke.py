"""Revokes, suspends and resumes in two steps: first a preview, then the deed.

The second step leads to the page of what came of it (`endings`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from delegation.errors import MalformedError
from delegation.identity.roles import OPERATOR
from delegation.judge.subject import EVERYTHING, SubjectKind
from delegation_api.auth import TrackerDep
from delegation_api.pages.session import Viewer, ViewerDep, ViewerGate, form_of
from delegation_api.pages.shell import HEADERS, PageRoute, page

router = APIRouter(include_in_schema=False, route_class=PageRoute)
MOST: Final = 200
# Kinds that have a page of their own, each with its folder.
SHOWN_AT: Final[dict[SubjectKind, str]] = {
    "link": "links", "task": "tasks", "agent": "agents", "key": "keys",
}  # fmt: skip
Act = Literal["revoke", "suspend", "resume"]
OperatorDep = Annotated[Viewer, Depends(ViewerGate(OPERATOR))]
Id = Annotated[str, Query(max_length=2048)]


@router.get("/revoke")
def preview(
    request: Request,
    viewer: ViewerDep,
    tracker: TrackerDep,
    kind: SubjectKind = "agent",
    id: Id = "",  # noqa: A002  # the word of the wire
    holder: Id = "",
) -> Response:
    """Show what revoking a subject would come to; reading it changes nothing."""
    return _preview(request, viewer, tracker, "revoke", kind, id or holder)


@router.get("/suspend")
def preview_suspension(
    request: Request,
    viewer: OperatorDep,
    tracker: TrackerDep,
    kind: SubjectKind = "everything",
    id: Id = EVERYTHING.id,  # noqa: A002
) -> Response:
    """Show what suspending a subject would come to."""
    return _preview(request, viewer, tracker, "suspend", kind, id)


@router.get("/resume")
def preview_resumption(
    request: Request,
    viewer: OperatorDep,
    tracker: TrackerDep,
    kind: SubjectKind = "everything",
    id: Id = EVERYTHING.id,  # noqa: A002
) -> Response:
    """Show what ending a suspension would come to."""
    return _preview(request, viewer, tracker, "resume", kind, id)


def _of(kind: SubjectKind) -> Callable[..., Response]:
    def of_one(id: str, request: Request, viewer: ViewerDep, tracker: TrackerDep) -> Response:  # noqa: A002
        return _preview(request, viewer, tracker, "revoke", kind, id)

    return of_one


for _kind, _place in SHOWN_AT.items():
    router.get(f"/{_place}/{{id}}/revoke")(_of(_kind))


def _preview(
    request: Request, viewer: Viewer, tracker: Any, act: Act, kind: SubjectKind, subject: str
) -> Response:
    if act == "revoke" and kind == "everything":
        raise MalformedError("kind", wanted="another kind; everything is frozen by suspending it")
    found = tracker.survivors(kind, subject)
    # What an ended subject holds down already would end for good, or stand again.
    moved = found.gone if found.ending is not None else found.ends
    return page(
        request,
        "revoke.html",
        viewer,
        act=act,
        kind=kind,
        id=subject,
        found=found,
        moved=moved,
        ends=moved[:MOST],
        survives=found.survives[:MOST],
        acts=_acts(found, kind, viewer),
    )


def _acts(found: Any, kind: str, viewer: Viewer) -> list[str]:
    """Return what may be done to the subject as it stands, by this viewer."""
    held = None if found.ending is None else found.ending.act
    if held == "revoke":
        return []
    may_suspend = viewer.key.role == "operator"
    return [
        act
        for act, is_open in (
            ("revoke", kind != "everything"),
            ("suspend", may_suspend and held is None),
            ("resume", may_suspend and held is not None),
        )
        if is_open
    ]


@router.post("/revoke")
async def revoke(request: Request, viewer: ViewerDep, tracker: TrackerDep) -> Response:
    """Revoke a subject with all that is below it by now, and show what is gone.

    Links that were made since the preview go, too: that is the safe direction. The next page says
    how many they were.
    """
    return await _do(request, viewer, tracker, tracker.revoke)


@router.post("/suspend")
async def suspend(request: Request, viewer: OperatorDep, tracker: TrackerDep) -> Response:
    """Suspend a subject with all that is below it, or everything."""
    return await _do(request, viewer, tracker, tracker.suspend)


@router.post("/resume")
async def resume(request: Request, viewer: OperatorDep, tracker: TrackerDep) -> Response:
    """End a suspension."""
    return await _do(request, viewer, tracker, tracker.resume)


async def _do(request: Request, viewer: Viewer, tracker: Any, deed: Any) -> Response:
    form = await form_of(request)
    kind, subject = form.get("kind", ""), form.get("id", "")
    shown, reason = form.get("shown", ""), form.get("reason", "")
    if not shown.isdecimal() or len(shown) > 9:  # noqa: PLR2004  # a count of links
        raise MalformedError("shown", wanted="the number of links that the page showed")
    if not reason.strip():
        raise MalformedError("reason", wanted="1 to 500 characters: somebody will read it")
    await run_in_threadpool(tracker.survivors, kind, subject)  # there must be one of that kind
    done = await run_in_threadpool(deed, kind, subject, by=viewer.key.name, reason=reason)
    place = f"/endings/{done.epoch}?" + urlencode({"shown": shown})
    return RedirectResponse(place, 303, headers=dict(HEADERS))
