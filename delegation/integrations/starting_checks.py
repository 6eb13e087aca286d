"""Finds what is wrong between declarations and an application before the first request comes.

Whatever is found here would be a refusal, or an unjudged input, at some time later.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping
from difflib import get_close_matches
from typing import Any, Final
from urllib.parse import urlsplit

from delegation.authority.audience import plainly
from delegation.errors import ConfigurationError
from delegation.integrations.application_routes import ANY, ApplicationRoute, application_routes
from delegation.integrations.declarations import Declarations
from delegation.integrations.declared import (
    UNREACHED,
    declared_of,
    is_passed,
    is_stated,
    python_declarations,
)
from delegation.integrations.dispatch import (
    Place,
    ServedRoutes,
    root_of,
    route_taken,
    served_routes,
)
from delegation.integrations.handler_inputs import handler_inputs
from delegation.integrations.route import SOCKET
from delegation.integrations.routes import undecided

_DOCUMENTS: Final = ("openapi_url", "docs_url", "redoc_url", "swagger_ui_oauth2_redirect_url")
_MOST_NAMED: Final = 20
_LOG: Final = logging.getLogger("delegation.guard")


def check_application(said: Declarations, app: Any) -> None:
    """Compare declarations with the application that lists its routes, and take its order.

    What open routes declare passes from now on. An application's own pages of documentation need no
    declaration; without one they are closed.

    Raises:
        ConfigurationError: They disagree.
    """
    if root_of(app).endswith("/"):
        raise ConfigurationError(
            "The application's root_path ends with a slash.", remedy="Take the slash away."
        )
    served = served_routes(app)
    _refuse_unmapped(said, served)
    _refuse_gone(said, served)
    _refuse_undeclared(said, served, app)
    _refuse_shadowed(said, app)
    said.order = [way.place for way in served.ways]
    for way in served.ways:
        if (route := said.places.get(way.place)) is not None and route.is_open:
            read = (one for one in handler_inputs(way.listing) if one.place in {"header", "cookie"})
            said.show(way.place, ("cookie" if one.place == "cookie" else one.name for one in read))


def check_audience(audience: str, hosts: Iterable[str]) -> None:
    """Refuse an audience in another spelling than grants will have it, or other than its hosts'.

    Raises:
        ConfigurationError: It has capital letters, a default port or a slash at its end.
    """
    parts = urlsplit(audience)
    if not parts.scheme or not parts.netloc:
        return
    try:
        port = parts.port
    except ValueError:
        port = None
    name = parts.netloc.lower().removesuffix(f":{port}").rstrip(".")
    usual = {"http": 80, "https": 443}.get(parts.scheme.lower())
    shown = name if port is None or port == usual else f"{name}:{port}"
    if (plain := plainly(audience)) != audience:
        raise ConfigurationError(
            f"The audience {audience} has another spelling, {plain}: grants are compared with it letter "
            "by letter.",
            remedy=f"Say audience={plain!a} here and in grants.",
        )
    for host in hosts:
        said = host.lower().rstrip(".")
        if (
            host != shown
            and said.removesuffix(f":{usual}") == name
            and (port is None or port == usual)
        ):
            raise ConfigurationError(
                f"The host {host} and the audience {audience} are one service in two spellings.",
                remedy=f"Say hosts=[{shown!a}].",
            )


def check_unlisted(said: Declarations) -> None:
    """Refuse declarations of which only an application's own order could say what is served.

    Raises:
        ConfigurationError: There are some.
    """
    if (pair := undecided(said.routes)) is not None:
        raise ConfigurationError(
            f"{pair[0].method} {pair[0].path} and {pair[1].path} may take one request, and "
            "the application lists no routes that say which of them serves it.",
            remedy="Give one of them a path of its own, or protect the application itself.",
        )


def check_open(said: Declarations) -> None:
    """Refuse an open POST on a judged path: a form's member could make it the judged method.

    Raises:
        ConfigurationError: There is one.
    """
    judged = [route for route in said.routes if not route.is_open and route.method != SOCKET]
    for one in said.routes:
        for route in judged if one.is_open and one.method == "POST" else ():
            if route.template.may_meet(one.template):
                raise ConfigurationError(
                    f"POST {one.path} is open, and {route.method} {route.path} is judged.",
                    remedy="Judge both: frameworks serve a POST as another method if its "
                    "body says so.",
                )


def warning_of_late_routes(
    app: Any, send: Callable[[MutableMapping[str, Any]], Awaitable[None]]
) -> Callable[[MutableMapping[str, Any]], Awaitable[None]]:
    """Return `send` for a lifespan that logs which routes the application got only when it started.

    They were not there to be declared when it was protected, so nobody reaches them.
    """
    before = {" ".join(one.place) for one in application_routes(app)}

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "lifespan.startup.complete":
            late = sorted({" ".join(one.place) for one in application_routes(app)} - before)
            if late:
                more = f" and {len(late) - _MOST_NAMED} more" if len(late) > _MOST_NAMED else ""
                _LOG.warning(
                    "Nobody reaches what the application got only when it started: %s%s. Include its "
                    "routers before it is declared and protected.",
                    ", ".join(late[:_MOST_NAMED]),
                    more,
                )
        await send(message)

    return sending


def _refuse_undeclared(said: Declarations, served: ServedRoutes, app: Any) -> None:
    known = said.places.keys() | said.refused
    named = {path for _, path in known}
    missing = [one for one in served.ways if one.place not in known and not is_documentation(one)]
    there = {one.place for one in served.ways}
    unreached = [
        (one, f"{UNREACHED} {by}") for one, by in served.unreached if one.place not in there
    ]
    unseen = [
        (one, why) for one, why in (*served.unseen, *unreached)
        if one.place not in known and not (one.method == ANY and one.path in named)
    ]  # fmt: skip
    if not missing and not unseen:
        return
    shown = [" ".join(one.place) for one in missing]
    shown += [f"{' '.join(one.place)} ({why})" for one, why in unseen]
    more = f" and {len(shown) - _MOST_NAMED} more" if len(shown) > _MOST_NAMED else ""
    places = frozenset(one.place for one in (*missing, *(one for one, _ in unseen)))
    raise ConfigurationError(
        f"Routes without a declared tool: {', '.join(shown[:_MOST_NAMED])}{more}. These declare them, "
        f"for you to read and narrow:\n\n{_text(said, app, places)}",
        remedy="Paste what stands above, then narrow it: guard.open(...) what needs no judgement, "
        "guard.refuse(...) what nobody may reach. Guard.from_app(...) declares it all by itself.",
    )


def _text(said: Declarations, app: Any, places: frozenset[Place]) -> str:
    words = re.findall("[a-z0-9]+", str(getattr(app, "title", "")).lower())
    prefix = "_".join(words) if words and words != ["fastapi"] else "app"
    prefix = prefix if prefix[0].isalpha() else f"app_{prefix}"
    return python_declarations(declared_of(app, prefix=prefix[:40], passes=said.passes), places)


def is_documentation(way: ApplicationRoute) -> bool:
    """Return whether FastAPI made this route for the document of an application, or its pages."""
    own = [getattr(way.owner, name, None) for name in _DOCUMENTS]
    return way.kind == "endpoint" and any(one and way.path.endswith(one) for one in own)


def _refuse_gone(said: Declarations, served: ServedRoutes) -> None:
    there = {one.place for one in served.ways}
    of_any = {one.path for one, _ in served.unseen if one.method == ANY}
    instead = {one.place: by for one, by in served.unreached if one.place not in there}
    heads = {("HEAD", path) for method, path in there if method == "GET"}
    for place in said.places.keys() & instead.keys():
        raise ConfigurationError(
            f"{' '.join(place)} is declared, but the application serves it by {instead[place]}.",
            remedy=f"Register {place[1]} before {instead[place]} in the application.",
        )
    gone = [place for place in said.places if place not in there | heads and place[1] not in of_any]
    if not gone:
        return
    shown = ", ".join(sorted(" ".join(place) for place in gone))
    near = sorted({" ".join(one) for place in gone for one in _near(place, there)})
    raise ConfigurationError(
        f"Declared routes that the application does not have: {shown}.",
        remedy="Declare routes by the application's own templates"
        f"{': ' + ', '.join(near) if near else ''}.",
    )


def _near(place: Place, there: Collection[Place]) -> list[Place]:
    """Return the places that may be meant: those of the same form before those of like letters."""
    form = _form(place[1])
    alike = [one for one in there if _form(one[1]) == form]
    if not alike:
        paths = get_close_matches(place[1], [path for _, path in there], n=1)
        alike = [one for one in there if one[1] in paths]
    return [one for one in alike if one[0] == place[0]] or alike


def _form(path: str) -> str:
    return re.sub(r"\{[^{}]*\}", "{}", path.rstrip("/"))


def _refuse_shadowed(said: Declarations, app: Any) -> None:
    """Refuse a plain path that the application serves by another route, as its order decides."""
    root = root_of(app)
    for method, path in sorted(
        place for place, route in said.places.items() if not route.placeholders
    ):
        kind = "websocket" if method == SOCKET else "http"
        scope = {"type": kind, "method": method, "path": root + path, "root_path": root}
        taken = route_taken(app, {**scope, "headers": [], "query_string": b""})
        if taken is not None and taken != (method, path):
            raise ConfigurationError(
                f"{method} {path} is declared, but the application serves it by {taken[1]}.",
                remedy=f"Register {path} before {taken[1]} in the application.",
            )


def _refuse_unmapped(said: Declarations, served: ServedRoutes) -> None:
    unmapped: list[str] = []
    for way in served.ways:
        if (route := said.places.get(way.place)) is None or route.is_open:
            continue
        passed, hidden = said.passed(way.place), said.hidden(way.place)
        for one in handler_inputs(way.listing):
            if is_stated(one, route) or is_passed(one, passed) or one.name.lower() in hidden:
                continue
            if one.place == "header" and one.name == said.token_header:
                raise ConfigurationError(
                    f"{' '.join(way.place)} reads the {one.name.title()} header, which carries the "
                    "agent's token and never reaches a handler behind a guard.",
                    remedy="Let tokens come in another header, Guard(..., "
                    'token_header="Delegation-Token"), and let this one pass or hide it; or take the '
                    "dependency out: the guard has verified who calls.",
                )
            unmapped.append(f"{one.place} {one.name}".strip() + f" of {' '.join(way.place)}")
    if unmapped:
        raise ConfigurationError(
            f"Handlers read inputs that no argument states: {', '.join(sorted(unmapped))}.",
            remedy="Declare them as arguments of the tool; or let a header or cookie through unjudged, "
            "guard.route(..., passes=[...]); or keep it from the handler, guard.route(..., hides=[...]).",
        )
