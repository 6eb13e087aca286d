"""Jobs of exports as answers carry them, and what asks for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, StrictBool, StrictInt, StrictStr

from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.lineage.export_job import ExportJob
from delegation.lineage.selection import Selection
from delegation.messages.requests import Body


class ExportBody(Body):
    """Ask for an export that is made beside the caller."""

    view: str = Field(max_length=16)
    form: str = Field(max_length=16)
    filters: dict[str, StrictBool | StrictInt | StrictStr] = Field(
        default={}, max_length=20, description="Those that the view has; see docs/exports.md."
    )


def export_job_json(job: ExportJob) -> dict[str, Json]:
    """Return a job as an answer carries it."""
    return {
        "id": job.id,
        "caller": job.caller,
        "selection": job.selection.to_json(),
        "state": job.state,
        "done": job.done,
        "total": job.total,
        "asked_at": job.asked_at,
        "seen_at": job.seen_at,
        "expires_at": job.expires_at,
        "ended_at": job.ended_at,
        "code": job.code,
        "message": job.message,
        "manifest": None if job.manifest is None else dict(job.manifest),
        "sha256": job.digest.hex(),
        "size": job.size,
    }


def read_export_job(body: Mapping[str, Any]) -> ExportJob:
    """Return the job that an answer carries.

    Raises:
        MalformedError: It carries none.
    """
    try:
        said = dict(body)
        digest = bytes.fromhex(said.pop("sha256"))
        selection = Selection.from_json(said.pop("selection"))
        return ExportJob(**{**said, "selection": selection, "digest": digest})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedError("An export", wanted="as the service writes it") from error
