"""Frames a page: its layout in a browser, its route, and the instant that its address names.

Refusals are pages too, and a missing session leads to the login.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from functools import wraps
from inspect import iscoroutinefunction, signature
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

from fastapi import Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import RedirectResponse
from starlette.routing import Match

from delegation import __version__
from delegation.authority.ids import TaskId
from delegation.errors import DelegationError, MalformedError
from delegation.graph.names import folded
from delegation.graph.rhythm_svg import rhythm_svg
from delegation.identity.principal import PREFIX
from delegation.judge.subject import OF_TOOLS
from delegation.lineage.rhythm import Span
from delegation.lineage.selection import VIEWS
from delegation.shown import shown_text, size_of
from delegation_api.pages.assets import asset_url
from delegation_api.pages.evidence import evidence, evidence_line, evidence_text, warning
from delegation_api.pages.session import LoginNeededError, Viewer
from delegation_api.problems import status_of

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


_ENVIRONMENT.globals.update(holder_url=holder_url, OF_TOOLS=OF_TOOLS)
_ENVIRONMENT.globals.update(asset=asset_url, version=__version__)
_ENVIRONMENT.filters.update(when=when, machine=machine, count=count, exact=exact)
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


_LOG = logging.getLogger("delegation.pages")


class PageRoute(APIRoute):
    """A route whose failures people read. What is only looked at is read from one snapshot."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Make a route of a page's function."""
        if options.get("methods") in (["GET"], {"GET"}) and not iscoroutinefunction(endpoint):
            endpoint = _in_one_snapshot(endpoint)
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with its failures rendered."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await inner(request)
            except LoginNeededError:
                target = request.url.path
                if request.url.query:
                    target += f"?{request.url.query}"
                way = (
                    f"/login?next={quote(target, safe='')}" if request.method == "GET" else "/login"
                )
                return RedirectResponse(way, 303, headers=dict(HEADERS))
            except DelegationError as error:
                return refusal(request, status_of(error), str(error), error.remedy)
            except RequestValidationError:
                return refusal(request, 422, "The page's address is not well formed.", "")

        return handle


def _in_one_snapshot(endpoint: Callable[..., Response]) -> Callable[..., Response]:
    """Let a page's function show one instant; it asks in the one thread that it runs in."""

    @wraps(endpoint)
    def shown(*, request: Request, **given: Any) -> Response:
        with request.app.state.tracker.snapshot():
            return endpoint(request=request, **given)

    return shown if "request" in signature(endpoint).parameters else endpoint


def refusal(request: Request, status: int, message: str, remedy: str) -> Response:
    """Return a page that says what is wrong and what to do."""
    return page(
        request, "refused.html", None, status=status, message=message, remedy=remedy, code=status
    )


_SECONDS: Final = re.compile(r"[0-9]{1,11}")


def read_instant(at: Annotated[str, Query(max_length=40)] = "") -> int | None:
    """Return Unix seconds of `2026-11-25T22:00:00Z` or of a number; None for the present.

    Raises:
        MalformedError: It is neither.
    """
    if not at:
        return None
    if _SECONDS.fullmatch(at):
        return int(at)
    try:
        given = datetime.fromisoformat(at)
    except ValueError as error:
        raise MalformedError("at", wanted="an instant such as 2026-11-25T22:00:00Z") from error
    if given.tzinfo is None:
        given = given.replace(tzinfo=UTC)
    return int(given.timestamp())


AtDep = Annotated[int | None, Depends(read_instant)]


def asof(request: Request, tracker: Any, task: str | None, at: int | None, spoken: Any) -> Any:
    """Return what the control shows.

    Args:
        request: The page that has the control.
        tracker: Where decisions are.
        task: Only decisions of this task; of the store without one.
        at: The instant that is looked at; None for the present.
        spoken: Returns an instant as people read it, and as programs do.
    """
    when, machine = spoken
    told = tracker.rhythm(task=None if task is None else TaskId(task))
    if not told.spans:
        return None
    kept = [pair for pair in request.query_params.multi_items() if pair[0] not in {"at", "after"}]

    def way(instant: int) -> str:
        return f"{request.url.path}?{urlencode([*kept, ('at', machine(instant))])}"

    def say(span: Span) -> str:
        return f"Until {when(span.until)}: {span.allowed} allowed, {span.denied} denied"

    return {
        "picture": Markup(rhythm_svg(told, at=at, way=way, say=say)),  # noqa: S704  # graph/ escapes
        "ends": ",".join(machine(one.until) for one in told.spans),
        "spans": len(told.spans),
        "place": next(
            (n for n, one in enumerate(told.spans) if at is not None and at <= one.until),
            len(told.spans),
        )
        if at is not None
        else len(told.spans),
        "start": told.start,
        "is_complete": told.is_complete,
    }


_ID: Final = "([A-Za-z0-9_-]{1,64})"
# Path, view, and the filter that the path's id is.
_VIEWS: Final[tuple[tuple[re.Pattern[str], str, str], ...]] = tuple(
    (re.compile(pattern), view, named)
    for pattern, view, named in (
        ("/map", "lineage", ""),
        ("/tasks", "tasks", ""),
        (f"/tasks/{_ID}", "lineage", "task"),
        (f"/tasks/{_ID}/map", "lineage", "task"),
        ("/overview", "lineage", ""),
        (f"/tasks/{_ID}/overview", "lineage", "task"),
        (f"/tasks/{_ID}/timeline", "timeline", "task"),
        ("/links", "links", ""),
        (f"/links/{_ID}(?:/reach|/unused|/blast)?", "lineage", "link"),
        ("/keys/([A-Za-z0-9_-]{43})(?:/blast)?", "links", "key"),
        ("/decisions", "decisions", ""),
        ("/agents", "agents", ""),
        ("/owners", "owners", ""),
        ("/findings", "findings", ""),
        ("/risks", "risks", ""),
        ("/approvals", "approvals", ""),
        ("/endings", "endings", ""),
    )
)
_ASSUMED: Final = {"approvals": {"state": "pending"}}  # what the page shows without being asked


def export_address(request: Request) -> str:
    """Return where the view of a page can be exported, empty for a page that is no such view."""
    for pattern, view, named in _VIEWS:
        found = pattern.fullmatch(request.url.path)
        if found is None:
            continue
        said = {**_ASSUMED.get(view, {}), **request.query_params}
        if named:
            said[named] = (PREFIX if named == "key" else "") + found.group(1)
        kept = {name: said[name] for name in VIEWS[view].filters if said.get(name)}
        return "/exports?" + urlencode({"view": view, **kept})
    return ""
