"""Routes tasks, their lineage and their pictures."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Response

from delegation.errors import NotFoundError
from delegation.export.drawings import DRAWINGS
from delegation.lineage.export_forms import FORMS
from delegation.operations.standing import Following
from delegation.operations.tasks import Tasks
from delegation_api.mounting import Asked, mount, mount_all

router = APIRouter(tags=["tasks"])

# A drawing shows names that agents chose: it may run nothing, load nothing and be no page of ours.
_SAFE: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def _drawing(asked: Asked) -> Response:
    form = asked.given["form"]
    lineage = asked.tracker.lineage(asked.given["task"], at=asked.given["at"]).entry
    if form not in DRAWINGS:
        raise NotFoundError("drawing format", form[:16])
    headers = dict(_SAFE)
    if form != "json":
        headers["Content-Disposition"] = f'attachment; filename="{lineage.task.id}.{form}"'
    content = DRAWINGS[form].alone(lineage)
    return Response(content, media_type=FORMS[form].media, headers=headers)


mount_all(router, Tasks)
mount(router, Following.drawing, _drawing)
