"""Light, dark, or as the system has it: a choice that a cookie keeps, made without script."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from delegation.errors import MalformedError
from delegation_api.pages import session
from delegation_api.pages.forms import form_of
from delegation_api.pages.login import local
from delegation_api.pages.route import PageRoute
from delegation_api.pages.shell import HEADERS, THEME_COOKIE, THEMES

router = APIRouter(include_in_schema=False, route_class=PageRoute)
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
