"""Exports of any view: at once, as a file that states what it is of."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response

from delegation.lineage.selection import MAX_TEXT
from delegation_api.auth import READERS, TrackerDep, needs
from delegation_api.export_answer import file_answer
from delegation_api.paging import At

router = APIRouter(prefix="/v1/exports", tags=["exports"])
Text = Annotated[str | None, Query(min_length=1, max_length=MAX_TEXT)]
Flag = Annotated[bool | None, Query()]
Word = Annotated[str, Path(pattern="^[a-z]{1,16}$")]


def filters(
    task: Text = None,
    link: Text = None,
    parent: Text = None,
    holder: Text = None,
    key: Text = None,
    owner: Text = None,
    is_open: Flag = None,
    tool: Text = None,
    code: Text = None,
    allowed: Flag = None,
    since: At = None,
    until: At = None,
    standing: Text = None,
    outcome: Text = None,
    rule: Text = None,
    severity: Text = None,
    state: Text = None,
    at: At = None,
) -> dict[str, Any]:
    """Return the filters that were given; a view refuses those that it does not have."""
    given = dict(locals())
    return {name: value for name, value in given.items() if value is not None}


FiltersDep = Annotated[dict[str, Any], Depends(filters)]


@router.get("/{view}.{form}", dependencies=[Depends(needs(READERS))])
def export(view: Word, form: Word, given: FiltersDep, tracker: TrackerDep) -> Response:
    """Return a view as a file; its digest and what it states of itself are in headers."""
    return file_answer(tracker.export(view, form, **given))
