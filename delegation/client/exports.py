"""Exports by the service: the methods of both clients. What arrives is held against its digest."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from delegation.client.calls import Call, nothing, part
from delegation.errors import MalformedError, ServiceError
from delegation.export.exported import Exported
from delegation.export.manifest import Manifest
from delegation.lineage.export_job import ExportJob
from delegation.messages.exports import read_export_job

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")
WAITS: Final = 30.0  # seconds beyond a usual answer: a drawing may take ten
_DIGEST: Final = re.compile(r"sha-256=:([A-Za-z0-9+/=]{44}):")


def export(view: str, form: str, filters: dict[str, Any]) -> Call[None]:
    """Ask for a view as a file."""
    path = f"/v1/exports/{part(view)}.{part(form)}"
    return Call("GET", path, nothing, query=filters, is_repeatable=True, waits=WAITS)


def ask_export(view: str, form: str, filters: dict[str, Any]) -> Call[ExportJob]:
    """Ask for an export that is made beside the caller."""
    body = {"view": view, "form": form, "filters": filters}
    return Call("POST", "/v1/exports", read_export_job, body)


def export_job(job: str) -> Call[ExportJob]:
    """Ask how far a job is."""
    return Call("GET", f"/v1/exports/{part(job)}", read_export_job, is_repeatable=True)


def export_jobs() -> Call[Sequence[ExportJob]]:
    """Ask for one's own jobs."""
    return Call(
        "GET",
        "/v1/exports",
        lambda answer: [read_export_job(one) for one in answer["exports"]],
        is_repeatable=True,
    )


def cancel_export(job: str) -> Call[ExportJob]:
    """End a job."""
    path = f"/v1/exports/{part(job)}/cancel"
    return Call("POST", path, read_export_job, is_repeatable=True)


def export_file(job: str) -> Call[None]:
    """Ask for the file of a job."""
    path = f"/v1/exports/{part(job)}/file"
    return Call("GET", path, nothing, is_repeatable=True, waits=WAITS)


def read_export(answer: httpx2.Response) -> Exported:
    """Return what a file's answer carries.

    Raises:
        ServiceError: The bytes are not those of the digest, or it states nothing of itself.
    """
    try:
        found = _DIGEST.fullmatch(answer.headers.get("repr-digest", ""))
        digest = base64.b64decode(found.group(1), validate=True) if found else b""
        manifest = Manifest.from_json(json.loads(answer.headers["delegation-export"]))
    except (KeyError, TypeError, ValueError, binascii.Error, MalformedError) as error:
        message = "Something else came back than the service writes."
        raise ServiceError(answer.status_code, "answer_malformed", message) from error
    exported = Exported(manifest, digest, answer.content)
    if not exported.is_intact:
        message = "The file that came back is not the one that the service made."
        raise ServiceError(answer.status_code, "answer_malformed", message)
    return exported


class ExportClient:
    """What the synchronous client exports."""

    if TYPE_CHECKING:

        def _run(self, call: Call[T]) -> T: ...

        def _send(self, call: Call[Any]) -> httpx2.Response: ...

    def export(self, view: str, form: str, **filters: Any) -> Exported:
        """Return a view as a file; see docs/exports.md."""
        return read_export(self._send(export(view, form, filters)))

    def ask_export(self, view: str, form: str, **filters: Any) -> ExportJob:
        """Ask for an export that is made beside the caller, and may be larger."""
        given = {name: value for name, value in filters.items() if value is not None}
        return self._run(ask_export(view, form, given))

    def export_job(self, job: str) -> ExportJob:
        """Return how far one's own job is."""
        return self._run(export_job(job))

    def export_jobs(self) -> Sequence[ExportJob]:
        """Return one's own jobs, the newest first."""
        return self._run(export_jobs())

    def cancel_export(self, job: str) -> ExportJob:
        """End one's own job, and forget its file."""
        return self._run(cancel_export(job))

    def export_file(self, job: str) -> Exported:
        """Return the file of one's own finished job."""
        return read_export(self._send(export_file(job)))


class AsyncExportClient:
    """What the asynchronous client exports."""

    if TYPE_CHECKING:

        async def _run(self, call: Call[T]) -> T: ...

        async def _send(self, call: Call[Any]) -> httpx2.Response: ...

    async def export(self, view: str, form: str, **filters: Any) -> Exported:
        """Return a view as a file; see docs/exports.md."""
        return read_export(await self._send(export(view, form, filters)))

    async def ask_export(self, view: str, form: str, **filters: Any) -> ExportJob:
        """Ask for an export that is made beside the caller, and may be larger."""
        given = {name: value for name, value in filters.items() if value is not None}
        return await self._run(ask_export(view, form, given))

    async def export_job(self, job: str) -> ExportJob:
        """Return how far one's own job is."""
        return await self._run(export_job(job))

    async def export_jobs(self) -> Sequence[ExportJob]:
        """Return one's own jobs, the newest first."""
        return await self._run(export_jobs())

    async def cancel_export(self, job: str) -> ExportJob:
        """End one's own job, and forget its file."""
        return await self._run(cancel_export(job))

    async def export_file(self, job: str) -> Exported:
        """Return the file of one's own finished job."""
        return read_export(await self._send(export_file(job)))
