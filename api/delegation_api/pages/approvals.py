"""Shows requests for approval, and takes answers to them with a reason."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from delegation.canonical import b64u
from delegation.errors import ConflictError, MalformedError
from delegation.identity.roles import READERS
from delegation.lineage.approval import ApprovalEntry
from delegation_api.auth import After, TrackerDep, following
from delegation_api.pages.live import followed
from delegation_api.pages.session import PersonDep, Viewer, form_of
from delegation_api.pages.shell import HEADERS, PageRoute, page

router = APIRouter(include_in_schema=False, route_class=PageRoute)
PAGE: Final = 100


@router.get("/approvals")
def approvals(
    request: Request,
    viewer: PersonDep,
    tracker: TrackerDep,
    state: Annotated[str, Query(pattern="^(pending|granted|refused|used|expired)?$")] = "pending",
    after: After = 0,
) -> Response:
    """List requests in the order they were opened; those that wait unless another state is asked."""
    chosen: Any = state or None
    events = followed(tracker)
    found = tracker.approvals(state=chosen, after=after, limit=PAGE)
    mark = following(found, PAGE, lambda entry: entry.sequence)
    return page(
        request,
        "approvals.html",
        viewer,
        followed=events,
        entries=found,
        state=state,
        next=mark,
        looks=_looks(viewer),
    )


@router.get("/approvals/{approval}")
def approval(approval: str, request: Request, viewer: PersonDep, tracker: TrackerDep) -> Response:
    """Show exactly what one would consent to."""
    events = followed(tracker)
    return _shown(request, viewer, tracker.approval(approval), events=events)


@router.post("/approvals/{approval}")
async def answer(
    approval: str, request: Request, viewer: PersonDep, tracker: TrackerDep
) -> Response:
    """Record an approver's word about exactly what the page showed.

    When the request is another or over by now, nothing is recorded and it is shown as it is.
    """
    form = await form_of(request)
    deeds = {"grant": tracker.grant_approval, "refuse": tracker.refuse_approval}
    deed = deeds.get(form.get("verdict", ""))
    binding = form.get("binding", "")
    if deed is None or not binding:
        raise MalformedError("The answer", wanted="grant or refuse, with what the page showed")
    reason = form.get("reason", "")
    try:
        await run_in_threadpool(deed, approval, by=viewer.key, reason=reason, binding=binding)
    except ConflictError as error:
        entry = await run_in_threadpool(tracker.approval, approval)
        problem = str(error)
        return await run_in_threadpool(_shown, request, viewer, entry, problem=problem)
    return RedirectResponse(f"/approvals/{approval}", 303, headers=dict(HEADERS))


def _shown(
    request: Request, viewer: Viewer, entry: ApprovalEntry, *, problem: str = "", events: str = ""
) -> Response:
    return page(
        request,
        "approval.html",
        viewer,
        status=409 if problem else 200,
        entry=entry,
        link=entry.link,
        arguments=None if entry.arguments is None else dict(entry.arguments),
        digest=b64u(entry.binding.digest()),
        problem=problem,
        followed=events,
        looks=_looks(viewer),
    )


def _looks(viewer: Viewer) -> bool:
    """Return whether a viewer may follow links to tasks, links and decisions; approvers may not."""
    return viewer.key.role in READERS
