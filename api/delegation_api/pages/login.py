"""Logs people in, by a one-time link which only a post spends or with an API key, and out; the theme."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from delegation.errors import MalformedError, UnauthenticatedError
from delegation_api.auth import TrackerDep, needs
from delegation_api.pages import session
from delegation_api.pages.session import form_of
from delegation_api.pages.shell import HEADERS, THEME_COOKIE, THEMES, PageRoute, page

router = APIRouter(include_in_schema=False, route_class=PageRoute)
_PLACE: Final = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")


@router.get("/login", dependencies=[Depends(needs(()))])
def login_page(
    request: Request,
    ticket: Annotated[str, Query(max_length=64)] = "",
    next: Annotated[str, Query(max_length=2048)] = "/",  # noqa: A002  # the word of the address
) -> Response:
    """Show the way in. Public by design: a link's preview spends nothing."""
    return page(request, "login.html", None, ticket=ticket, next=local(next), failed="")


@router.post("/login", dependencies=[Depends(needs(()))])
async def log_in(request: Request, tracker: TrackerDep) -> Response:
    """Begin a session. Public by design: the ticket or the key is the authority."""
    session.refuse_foreign(request)
    session.refuse_open_network(request)
    form = await form_of(request)
    place = local(form.get("next", "/"))
    try:
        secret = await run_in_threadpool(_secret, tracker, form)
    except UnauthenticatedError as error:
        shown: dict[str, Any] = {"ticket": "", "next": place, "failed": f"{error} {error.remedy}"}
        return page(request, "login.html", None, status=401, **shown)
    answer = RedirectResponse(place, 303, headers=dict(HEADERS))
    session.start(answer, request, secret)
    return answer


@router.post("/logout")
def log_out(request: Request, _: session.PersonDep, tracker: TrackerDep) -> Response:
    """End the session."""
    tracker.log_out(session.secret_of(request))
    answer = RedirectResponse("/login", 303, headers=dict(HEADERS))
    session.end(answer, request)
    return answer


def _secret(tracker: Any, form: Mapping[str, str]) -> str:
    ticket = form.get("ticket", "")
    if ticket:
        return str(tracker.log_in(ticket))
    key = tracker.authenticate(form.get("key", "").strip())
    if key is None:
        raise UnauthenticatedError("There is no live key like that.", remedy="Look for a dk_ text.")
    return str(tracker.begin_session(key))


def local(place: str) -> str:
    """Return where to go after logging in: a path of this site, the home page for anything else."""
    return place if _PLACE.fullmatch(place) and not place.startswith("//") else "/"


_YEAR: Final = 365 * 24 * 3600


@router.post("/theme")
async def choose(request: Request, _: session.PersonDep) -> Response:
    """Keep a theme in this browser, and go back to where it was chosen."""
    form = await form_of(request)
    theme = form.get("theme", "")
    if theme not in {*THEMES, "system"}:
        raise MalformedError("theme", wanted="light, dark or system")
    answer = RedirectResponse(local(form.get("back", "/")), 303, headers=dict(HEADERS))
    secure = session.is_secure(request)
    if theme == "system":
        answer.delete_cookie(
            THEME_COOKIE, path="/", httponly=True, secure=secure, samesite="strict"
        )
    else:
        answer.set_cookie(
            THEME_COOKIE, theme, max_age=_YEAR, path="/", httponly=True, secure=secure,
            samesite="strict",
        )  # fmt: skip
    return answer
