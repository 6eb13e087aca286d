"""What the services of one test process share: their routes, which FastAPI reads anew for each application.

A process of ours has one application and reads its routes at their first request. The tests make hundreds,
and reading was most of what each of them cost. All are made of the same routes; only settings and stores differ.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from fastapi import routing

_CONTEXT: Any = getattr(
    routing, "_EffectiveRouteContext", None
)  # FastAPI's own; not each version has it
_READ: dict[tuple[Any, ...], Any] = {}
_read = _CONTEXT and _CONTEXT.from_api_route


def _read_once(*, original_route: routing.APIRoute, include_context: Any) -> Any:
    if not original_route.endpoint.__module__.startswith("delegation_api."):
        return _read(original_route=original_route, include_context=include_context)
    said = include_context.prefix, tuple(one.dependency for one in include_context.dependencies)
    found = _READ.get((id(original_route), *said))
    if found is None:
        neutral = dataclasses.replace(include_context, dependency_overrides_provider=None)
        found = _read(original_route=original_route, include_context=neutral)
        _READ[id(original_route), *said] = (
            found  # it keeps its route, so that no other gets this id
        )
    return found


def share() -> None:
    """Let all services of this process share them."""
    if _CONTEXT is not None:
        _CONTEXT.from_api_route = staticmethod(_read_once)
