"""Rendering a page: templates, cleaned text, and the headers under which a browser reads it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from delegation import __version__
from delegation.graph.names import clean
from delegation_api.pages.assets import asset_url
from delegation_api.pages.session import Viewer

_TEMPLATES: Final = Path(__file__).parent / "templates"
_MOST: Final = 4096  # characters of one text on a page
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def _cleaned(value: Any) -> Any:
    """Return what a template prints: text of agents without marks that hide or reverse it."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return clean(value, _MOST)
    return value


def when(at: int) -> str:
    """Return an instant as people read it, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def machine(at: int) -> str:
    """Return an instant as programs read it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def count(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun: `1 call`, `2 calls`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_cleaned,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals.update(asset=asset_url, version=__version__)
_ENVIRONMENT.filters.update(when=when, machine=machine, count=count, clean=clean)


def page(
    request: Request,
    template: str,
    viewer: Viewer | None,
    *,
    status: int = 200,
    **context: Any,
) -> Response:
    """Return a rendered page.

    Args:
        request: What was asked.
        template: File of the templates' folder.
        viewer: Who looks; None on pages before the login.
        status: HTTP status.
        **context: What the template shows. All text is cleaned and escaped on output.
    """
    text = _ENVIRONMENT.get_template(template).render(
        viewer=viewer, path=request.url.path, **context
    )
    return Response(text, status, headers=dict(HEADERS), media_type="text/html; charset=utf-8")
