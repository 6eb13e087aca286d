"""Tasks, their lineage and their pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter, Depends, Response

from delegation import canonical, graph
from delegation.authority.grant import Grant
from delegation.errors import NotFoundError
from delegation.judge.limits import Limits
from delegation.lineage.entry import Lineage
from delegation.messages.requests import CloseTaskBody, OpenChildTaskBody, OpenTaskBody
from delegation.messages.values import lineage_json, task_json
from delegation.tracker.open_child import Opening
from delegation_api.auth import OPERATOR, READERS, TrackerDep, needs
from delegation_api.paging import At, Limit, following

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])

# A drawing shows names that agents chose: it may run nothing, load nothing and be no page of ours.
_SAFE: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_DRAW: Final[dict[str, tuple[str, Callable[[Lineage], str | bytes]]]] = {
    "svg": ("image/svg+xml", graph.svg),
    "dot": ("text/vnd.graphviz", graph.dot_source),
    "mmd": ("text/plain", graph.mermaid),
    "txt": ("text/plain", graph.text_tree),
    "png": ("image/png", lambda lineage: graph.render(lineage, "png")),
    "pdf": ("application/pdf", lambda lineage: graph.render(lineage, "pdf")),
}


@router.post("", status_code=201, dependencies=[Depends(needs(OPERATOR))])
def open_task(body: OpenTaskBody, tracker: TrackerDep) -> dict[str, Any]:
    """Open a task with a ceiling and a ledger."""
    task = tracker.open_task(
        body.title,
        owner=body.owner,
        ceiling=Grant.from_json(body.ceiling, partial=True),
        lasts=body.lasts,
        inferred=body.inferred,
        unsafe_wildcards=body.unsafe_wildcards,
        idle=body.idle,
        limits=None if body.limits is None else Limits.from_json(body.limits),
    )
    return task_json(task)


@router.post("/below", status_code=201, dependencies=[Depends(needs(()))])
def open_child_task(body: OpenChildTaskBody, tracker: TrackerDep) -> dict[str, Any]:
    """Let a holder open a task under its own link; the proof says who asks and for what."""
    opening = Opening.from_json(body.opening)
    task, token = tracker.open_child_task(body.token, body.proof, opening)
    return {"task": task_json(task), "token": token.text}


@router.get("", dependencies=[Depends(needs(READERS))])
def list_tasks(
    tracker: TrackerDep,
    owner: str | None = None,
    is_open: bool | None = None,  # noqa: FBT001  # a query parameter
    after: str | None = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """List tasks, newest first."""
    found = tracker.tasks(owner=owner, is_open=is_open, after=after, limit=limit)
    listed = [task_json(task) for task in found]
    return {"tasks": listed, "next": following(found, limit, lambda task: task.id)}


@router.get("/{task}", dependencies=[Depends(needs(READERS))])
def get_task(task: str, tracker: TrackerDep) -> dict[str, Any]:
    """Return a task."""
    return task_json(tracker.task(task))


@router.get("/{task}/children", dependencies=[Depends(needs(READERS))])
def child_tasks(task: str, tracker: TrackerDep, at: At = None) -> dict[str, Any]:
    """List the tasks that agents opened below a task, parents before children."""
    return {"tasks": [task_json(found) for found in tracker.child_tasks(task, at=at)]}


@router.post("/{task}/close", dependencies=[Depends(needs(OPERATOR))])
def close_task(task: str, body: CloseTaskBody, tracker: TrackerDep) -> dict[str, Any]:
    """Close a task; all authority under it ends."""
    return task_json(tracker.close_task(task, body.state))


@router.get("/{task}/lineage", dependencies=[Depends(needs(READERS))])
def lineage(task: str, tracker: TrackerDep, at: At = None) -> dict[str, Any]:
    """Return a task's links and decisions."""
    return lineage_json(tracker.lineage(task, at=at).entry)


@router.get("/{task}/graph.{form}", dependencies=[Depends(needs(READERS))])
def picture(task: str, form: str, tracker: TrackerDep, at: At = None) -> Response:
    """Return a task's lineage drawn: json, svg, dot, mmd, txt, png or pdf."""
    view = tracker.lineage(task, at=at)
    if form == "json":
        return Response(
            canonical.encode(view.as_json()), media_type="application/json", headers=_SAFE
        )
    if form not in _DRAW:
        raise NotFoundError("drawing format", form[:16])
    media, draw = _DRAW[form]
    name = f'attachment; filename="{view.entry.task.id}.{form}"'
    content = draw(view.entry)
    return Response(content, media_type=media, headers={**_SAFE, "Content-Disposition": name})
