"""Exports of any view: at once, or as jobs that belong to the caller who asked."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response

from delegation.errors import MalformedError
from delegation.lineage.selection import MAX_TEXT
from delegation.messages.exports import ExportBody, export_job_json
from delegation.tracker.work import ApiKey
from delegation_api.auth import READERS, TrackerDep, needs
from delegation_api.export_answer import file_answer
from delegation_api.paging import At

router = APIRouter(prefix="/v1/exports", tags=["exports"])
Text = Annotated[str | None, Query(min_length=1, max_length=MAX_TEXT)]
Flag = Annotated[bool | None, Query()]
Reader = Annotated[ApiKey, Depends(needs(READERS))]
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


@router.post("", status_code=202)
def ask(
    body: ExportBody, caller: Reader, tracker: TrackerDep, response: Response
) -> dict[str, Any]:
    """Ask for an export that is made beside the caller; the job tells how far it is."""
    job = tracker.ask_export(body.view, body.form, by=caller.name, **_named(body.filters))
    response.headers["Location"] = f"/v1/exports/{job.id}"
    return export_job_json(job)


@router.get("")
def jobs(caller: Reader, tracker: TrackerDep) -> dict[str, Any]:
    """List the caller's own jobs, the newest first."""
    return {"exports": [export_job_json(job) for job in tracker.export_jobs(by=caller.name)]}


@router.get("/{job}")
def job(job: str, caller: Reader, tracker: TrackerDep) -> dict[str, Any]:
    """Return how far one of the caller's own jobs is."""
    return export_job_json(tracker.export_job(job, by=caller.name))


@router.post("/{job}/cancel")
def cancel(job: str, caller: Reader, tracker: TrackerDep) -> dict[str, Any]:
    """End one of the caller's own jobs, and forget its file."""
    return export_job_json(tracker.cancel_export(job, by=caller.name))


@router.get("/{job}/file")
def file(job: str, caller: Reader, tracker: TrackerDep) -> Response:
    """Return the file of one of the caller's own jobs that is done."""
    return file_answer(tracker.export_file(job, by=caller.name))


def _named(filters: dict[str, Any]) -> dict[str, Any]:
    """Return filters that cannot be taken for something else than filters.

    Raises:
        MalformedError: One is called like what says who asks, or what for.
    """
    if filters.keys() & {"by", "view", "form"}:
        raise MalformedError("The filters", wanted="those that the view has")
    return filters
