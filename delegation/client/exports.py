"""Exports by the service: the methods of both clients. What arrives is held against its digest."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any, Final

from delegation.client.calls import Call, nothing, part
from delegation.errors import MalformedError, ServiceError
from delegation.export.exported import Exported
from delegation.export.manifest import Manifest

if TYPE_CHECKING:
    import httpx2

WAITS: Final = 30.0  # seconds beyond a usual answer: a drawing may take ten
_DIGEST: Final = re.compile(r"sha-256=:([A-Za-z0-9+/=]{44}):")


def export(view: str, form: str, filters: dict[str, Any]) -> Call[None]:
    """Ask for a view as a file."""
    path = f"/v1/exports/{part(view)}.{part(form)}"
    return Call("GET", path, nothing, query=filters, is_repeatable=True, waits=WAITS)


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

        def _send(self, call: Call[Any]) -> httpx2.Response: ...

    def export(self, view: str, form: str, **filters: Any) -> Exported:
        """Return a view as a file; see docs/exports.md."""
        return read_export(self._send(export(view, form, filters)))


class AsyncExportClient:
    """What the asynchronous client exports."""

    if TYPE_CHECKING:

        async def _send(self, call: Call[Any]) -> httpx2.Response: ...

    async def export(self, view: str, form: str, **filters: Any) -> Exported:
        """Return a view as a file; see docs/exports.md."""
        return read_export(await self._send(export(view, form, filters)))
