"""Answers with an export: a file to keep, never a page of ours, with its digest and manifest."""

from __future__ import annotations

import base64
from typing import Final

from fastapi import Response

from delegation.export.exported import Exported
from delegation.lineage.export_forms import FORMS

# What is exported has names that agents chose: it may run nothing, load nothing, be no page of ours.
SAFE: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
MANIFEST: Final = "Delegation-Export"


def file_answer(made: Exported) -> Response:
    """Return an export's bytes, with its digest (RFC 9530) and its manifest in headers."""
    headers = {
        **SAFE,
        "Content-Disposition": f'attachment; filename="{made.name}"',
        "Repr-Digest": f"sha-256=:{base64.b64encode(made.digest).decode()}:",
        MANIFEST: made.manifest.header(),
    }
    media = FORMS[made.manifest.selection.form].media
    return Response(made.data, media_type=media, headers=headers)
