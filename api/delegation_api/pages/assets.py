"""Serves the files of the pages under names that change with their content, to be kept for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Depends, Response

from delegation.errors import NotFoundError
from delegation_api.auth import needs

FOLDER: Final = Path(__file__).parents[1] / "static"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
router = APIRouter(include_in_schema=False)


@lru_cache(maxsize=1)
def assets() -> Mapping[str, tuple[str, bytes]]:
    """Return the version and the content of every file by its name.

    All files share one version, so that modules find each other beside themselves.
    """
    found = {
        path.relative_to(FOLDER).as_posix(): path.read_bytes()
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in _TYPES
    }
    whole = hashlib.sha256()
    for name, content in found.items():
        whole.update(name.encode() + b"\0" + content + b"\0")
    version = whole.hexdigest()[:12]
    return {name: (version, content) for name, content in found.items()}


def asset_url(name: str) -> str:
    """Return where a file is served."""
    version, _ = assets()[name]
    return f"/static/{version}/{name}"


@router.get("/static/{version}/{name:path}", dependencies=[Depends(needs(()))])
def asset(version: str, name: str) -> Response:
    """Return a file. Public by design: it is part of the program."""
    known = assets().get(name)
    if known is None or known[0] != version:
        raise NotFoundError("file", name[:64])
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
        "Content-Type": _TYPES[Path(name).suffix],
    }
    return Response(known[1], headers=headers)


@router.get("/favicon.ico", dependencies=[Depends(needs(()))])
def favicon() -> Response:
    """Return the mark of the tab. Public by design."""
    content = assets()["mark.svg"][1]
    return Response(
        content, headers={"Content-Type": _TYPES[".svg"], "Cache-Control": "max-age=86400"}
    )
