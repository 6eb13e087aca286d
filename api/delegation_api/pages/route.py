"""A page's route: refusals are pages too, and a missing session leads to the login."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from functools import wraps
from inspect import iscoroutinefunction, signature
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import RedirectResponse

from delegation.errors import DelegationError
from delegation_api.pages.session import LoginNeededError
from delegation_api.pages.shell import HEADERS, page
from delegation_api.problems import status_of

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
