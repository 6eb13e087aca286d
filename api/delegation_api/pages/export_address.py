"""Finds the export of a page: the address of the same view with the same filters."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlencode

from fastapi import Request

from delegation.identity.principal import PREFIX
from delegation.lineage.selection import VIEWS

_ID: Final = "([A-Za-z0-9_-]{1,64})"
# Path, view, and the filter that the path's id is.
_VIEWS: Final[tuple[tuple[re.Pattern[str], str, str], ...]] = tuple(
    (re.compile(pattern), view, named)
    for pattern, view, named in (
        ("/map", "lineage", ""),
        ("/tasks", "tasks", ""),
        (f"/tasks/{_ID}", "lineage", "task"),
        (f"/tasks/{_ID}/map", "lineage", "task"),
        ("/overview", "lineage", ""),
        (f"/tasks/{_ID}/overview", "lineage", "task"),
        (f"/tasks/{_ID}/timeline", "timeline", "task"),
        ("/links", "links", ""),
        (f"/links/{_ID}(?:/reach|/unused|/blast)?", "lineage", "link"),
        ("/keys/([A-Za-z0-9_-]{43})(?:/blast)?", "links", "key"),
        ("/decisions", "decisions", ""),
        ("/agents", "agents", ""),
        ("/owners", "owners", ""),
        ("/findings", "findings", ""),
        ("/risks", "risks", ""),
        ("/approvals", "approvals", ""),
        ("/endings", "endings", ""),
    )
)
_ASSUMED: Final = {"approvals": {"state": "pending"}}  # what the page shows without being asked


def export_address(request: Request) -> str:
    """Return where the view of a page can be exported, empty for a page that is no such view."""
    for pattern, view, named in _VIEWS:
        found = pattern.fullmatch(request.url.path)
        if found is None:
            continue
        said = {**_ASSUMED.get(view, {}), **request.query_params}
        if named:
            said[named] = (PREFIX if named == "key" else "") + found.group(1)
        kept = {name: said[name] for name in VIEWS[view].filters if said.get(name)}
        return "/exports?" + urlencode({"view": view, **kept})
    return ""
