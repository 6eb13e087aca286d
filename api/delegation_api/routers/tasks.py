"""Tasks, their lineage and their pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter, Response

from delegation import canonical, graph
from delegation.errors import NotFoundError
from delegation.lineage.entry import Lineage
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
_DRAW: Final[dict[str, tuple[str, Callable[[Lineage], str | bytes]]]] = {
    "svg": ("image/svg+xml", graph.svg),
    "dot": ("text/vnd.graphviz", graph.dot_source),
    "mmd": ("text/plain", graph.mermaid),
    "txt": ("text/plain", graph.text_tree),
    "png": ("image/png", lambda lineage: graph.render(lineage, "png")),
    "pdf": ("application/pdf", lambda lineage: graph.render(lineage, "pdf")),
}


def _drawing(asked: Asked) -> Response:
    form = asked.given["form"]
    view = asked.tracker.lineage(asked.given["task"], at=asked.given["at"])
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


mount_all(router, Tasks)
mount(router, Following.drawing, _drawing)
