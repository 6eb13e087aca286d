"""Routes a task's map as JSON: the model behind the reviewer's page."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Response

from delegation import canonical
from delegation.errors import NotFoundError
from delegation.graph.map_json import map_json
from delegation.identity.roles import READERS
from delegation.lineage.analysis.focus import focus
from delegation_api.auth import At, TrackerDep, needs
from delegation_api.openapi import JSON_OBJECT, published
from delegation_api.pages.map_address import WantedDep

router = APIRouter(tags=["tasks"])


@router.get(
    "/v1/tasks/{task}/map.json",
    operation_id="task_map",
    dependencies=[Depends(needs(READERS))],
    **published(READERS, JSON_OBJECT, NotFoundError),
)
def task_map(task: str, tracker: TrackerDep, wanted: WantedDep, at: At = None) -> Response:
    """Return what a map draws: at most 300 nodes, with the numbers of what it does not draw."""
    shown = focus([tracker.outline(task, at=at)], wanted)
    return Response(canonical.encode(map_json(shown)), media_type="application/json")
