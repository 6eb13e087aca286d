"""Declares exports of any view: at once, or as jobs that belong to the caller who asked."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from delegation.errors import (
    ConflictError,
    ExportsBusyError,
    ExportTooLargeError,
    MissingExtraError,
    NotFoundError,
    ServiceError,
)
from delegation.export.exported import Exported
from delegation.export.manifest import Manifest
from delegation.identity.roles import READERS
from delegation.lineage.export_forms import FORMS, media_types
from delegation.lineage.export_job import ExportJob
from delegation.operations.call import Answer
from delegation.operations.operation import get, post
from delegation.operations.parameters import Told

WAITS: Final = 30.0  # seconds beyond a usual answer: a drawing may take ten
FILE: Final = media_types(FORMS)
_DIGEST: Final = re.compile(r"sha-256=:([A-Za-z0-9+/=]{44}):")
Word = Annotated[str, Told(pattern="^[a-z]{1,16}$")]


def read_export(answer: Answer) -> Exported:
    """Return what a file's answer carries.

    Raises:
        ServiceError: The bytes are not those of the digest.
        KeyError, ValueError, MalformedError: It states nothing of itself.
    """
    found = _DIGEST.fullmatch(answer.headers.get("repr-digest", ""))
    try:
        digest = base64.b64decode(found.group(1), validate=True) if found else b""
    except binascii.Error:
        digest = b""
    manifest = Manifest.from_json(json.loads(answer.headers["delegation-export"]))
    exported = Exported(manifest, digest, answer.content)
    if not exported.is_intact:
        message = "The file that came back is not the one that the service made."
        raise ServiceError(200, "answer_malformed", message)
    return exported


def _wanted(given: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    own = {"view": given["view"], "form": given["form"]}
    return {**own, "filters": {name: sent[name] for name in sent.keys() - own.keys()}}


class Exports:
    """Operations on exports."""

    @get(
        "/v1/exports/{view}.{form}",
        READERS,
        read=read_export,
        media=FILE,
        waits=WAITS,
        refuses=(ExportTooLargeError, MissingExtraError),
    )
    def export(self, /, view: Word, form: Word, **filters: Any) -> Exported:
        """Return a view as a file; its digest and what it states of itself are in headers."""

    @post(
        "/v1/exports",
        READERS,
        status=202,
        body="ExportBody",
        send=_wanted,
        refuses=(NotFoundError, ExportsBusyError),
    )
    def ask_export(self, /, view: str, form: str, **filters: Any) -> ExportJob:
        """Ask for an export that is made beside the caller; the job tells how far it is."""

    @get("/v1/exports", READERS, member="exports")
    def export_jobs(self) -> Sequence[ExportJob]:
        """List the caller's own jobs, the newest first."""

    @get("/v1/exports/{job}", READERS)
    def export_job(self, job: str) -> ExportJob:
        """Return how far one of the caller's own jobs is."""

    @post("/v1/exports/{job}/cancel", READERS, is_repeatable=True)
    def cancel_export(self, job: str) -> ExportJob:
        """End one of the caller's own jobs, and forget its file."""

    @get(
        "/v1/exports/{job}/file",
        READERS,
        read=read_export,
        media=FILE,
        waits=WAITS,
        refuses=(ConflictError,),
    )
    def export_file(self, job: str) -> Exported:
        """Return the file of one of the caller's own jobs that is done."""
