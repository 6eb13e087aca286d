"""The control that chooses an instant, with the rhythm of decisions drawn on it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from markupsafe import Markup

from delegation.authority.ids import TaskId
from delegation.graph.rhythm_svg import rhythm_svg
from delegation.lineage.rhythm import Span


def asof(request: Request, tracker: Any, task: str | None, at: int | None, spoken: Any) -> Any:
    """Return what the control shows.

    Args:
        request: The page that has the control.
        tracker: Where decisions are.
        task: Only decisions of this task; of the store without one.
        at: The instant that is looked at; None for the present.
        spoken: Returns an instant as people read it, and as programs do.
    """
    when, machine = spoken
    told = tracker.rhythm(task=None if task is None else TaskId(task))
    if not told.spans:
        return None
    kept = [pair for pair in request.query_params.multi_items() if pair[0] not in {"at", "after"}]

    def way(instant: int) -> str:
        return f"{request.url.path}?{urlencode([*kept, ('at', machine(instant))])}"

    def say(span: Span) -> str:
        return f"Until {when(span.until)}: {span.allowed} allowed, {span.denied} denied"

    return {
        "picture": Markup(rhythm_svg(told, at=at, way=way, say=say)),  # noqa: S704  # graph/ escapes
        "ends": ",".join(machine(one.until) for one in told.spans),
        "spans": len(told.spans),
        "place": next(
            (n for n, one in enumerate(told.spans) if at is not None and at <= one.until),
            len(told.spans),
        )
        if at is not None
        else len(told.spans),
        "start": told.start,
        "is_complete": told.is_complete,
    }
