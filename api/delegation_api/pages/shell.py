"""Rendering a page: templates, text shown whole, and the headers under which a browser reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.routing import Match

from delegation import __version__
from delegation.authority.explain import words
from delegation.graph.names import folded
from delegation.shown import shown_text, size_of
from delegation_api.pages.asof import asof
from delegation_api.pages.assets import asset_url
from delegation_api.pages.evidence import evidence, evidence_line, evidence_text, warning
from delegation_api.pages.export_address import export_address
from delegation_api.pages.session import Viewer

_TEMPLATES: Final = Path(__file__).parent / "templates"
_UNSEEN: Final = re.compile(
    "[\xa0\xad\u0600-\u0605\u061c\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\ufeff\U000e0000-\U000e0fff]"
)
THEME_COOKIE: Final = "delegation-theme"
THEMES: Final = ("light", "dark")
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


def _whole(value: Any) -> Any:
    """Return what a template prints: text whole, with escapes for what cannot be seen."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return shown_text(value, ltr=False)
    return value


def exact(value: object) -> Markup:
    """Return a text as it is, for an attribute that is sent back: what is shown would be another.

    A reference stands for what the source of the page would not show; a browser reads it back.
    """
    return Markup(_UNSEEN.sub(lambda found: f"&#{ord(found[0])};", escape(value)))  # noqa: S704  # escaped


def when(at: int) -> str:
    """Return an instant as people read it, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def fold(name: str) -> str:
    """Return a name for a place that has room for a short one, with escapes for what is not seen."""
    return folded(shown_text(name, ltr=False))


def named(name: str) -> Markup:
    """Return a name as a page shows it: a long one folded in the middle, whole on its title."""
    short, whole = fold(name), shown_text(name, ltr=False)
    if short == whole:
        return escape(short)
    return Markup('<span title="{}">{}</span>').format(whole, short)


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
    finalize=_whole,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PLAIN_NAME: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._~@-]{1,80}")


def holder_url(holder: str, deed: str = "") -> str:
    """Return where a holder's page is: a registered agent's by its name, a key's by itself.

    Names are hostile text: one that is no plain word goes into the query, where no browser reads
    dots or slashes in it.

    Args:
        holder: A registered name, a key or its fingerprint.
        deed: `blast` or `revoke` for those pages; empty for the holder itself.
    """
    if _PLAIN_NAME.fullmatch(holder):
        return f"/agents/{holder}" + (f"/{deed}" if deed else "")
    return f"/{deed or 'holders'}?" + urlencode({"holder": holder})


def present_url(request: Request) -> str:
    """Return the address of the same page as it is now."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "at"]
    return request.url.path + (f"?{urlencode(kept)}" if kept else "")


def theme_of(request: Request) -> str:
    """Return the theme that this browser chose; empty follows the system."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else ""


def serves(request: Request, path: str) -> bool:
    """Return whether this application has a page: links lead to no other."""
    scope = {**request.scope, "method": "GET", "path": path, "root_path": ""}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)


_ENVIRONMENT.globals.update(holder_url=holder_url)
_ENVIRONMENT.globals.update(asset=asset_url, version=__version__)
_ENVIRONMENT.filters.update(when=when, machine=machine, count=count, words=words, exact=exact)
_ENVIRONMENT.filters.update(evidence=evidence, whole=evidence_text, size=size_of, warning=warning)
_ENVIRONMENT.filters.update(fold=fold, name=named, spaced=evidence_line)


def prepare() -> None:
    """Compile every template now rather than at somebody's first look at it."""
    for name in _ENVIRONMENT.list_templates():
        _ENVIRONMENT.get_template(name)


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
        **context: What the template shows. All text is shown whole and escaped on output.
    """
    tracker = request.app.state.tracker
    if viewer is not None and "at" in context:
        about = context.get("task") or context.get("link")
        task = getattr(about, "task", None) or getattr(about, "id", None)
        context["asof"] = asof(request, tracker, task, context["at"], (when, machine))
    text = _ENVIRONMENT.get_template(template).render(
        viewer=viewer,
        waits=0 if viewer is None else tracker.waiting(),
        path=request.url.path,
        theme=theme_of(request),
        here=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        present=present_url(request),
        kept=[p for p in request.query_params.multi_items() if p[0] != "at"],
        has_map=serves(request, "/tasks/any/map"),
        export=export_address(request),
        **context,
    )
    return Response(text, status, headers=dict(HEADERS), media_type="text/html; charset=utf-8")
