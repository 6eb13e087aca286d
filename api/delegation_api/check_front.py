"""Answers `POST /v1/check` in front of FastAPI, as a raw ASGI callable, and passes on all else.

FastAPI's request machinery costs several times what a warm check does. The same route stands behind
it as the slow twin, for OpenAPI and for the test that holds both equal.
"""

from __future__ import annotations

import logging
from typing import Final

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from delegation.errors import DelegationError
from delegation.identity.roles import SERVICES
from delegation.tracker import Tracker
from delegation_api.auth import KeyCache, authorized
from delegation_api.checking import answer, read_call
from delegation_api.limits import GoneError, UnfitBodyError, parse_body, read_body
from delegation_api.problems import off_schema, problem, problem_of
from delegation_api.settings import Settings
from delegation_api.turns import recognise

PATH: Final = "/v1/check"
_LOG: Final = logging.getLogger("delegation.api")


class CheckFront:
    """Answers checks by itself.

    Args:
        app: The application behind, made by `create_app`.
        behind: What everything else is passed on to; the application, or a layer around it.
    """

    def __init__(self, app: FastAPI, behind: ASGIApp | None = None) -> None:
        """Stand in front of an application."""
        self._behind = behind or app
        self._tracker: Tracker = app.state.tracker
        self._keys: KeyCache = app.state.keys
        self._settings: Settings = app.state.settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        is_check = scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST"
        if not is_check or scope["query_string"]:  # no parameter is known here: FastAPI says so
            await self._behind(scope, receive, send)
            return
        try:
            content = await self._content(scope, receive)
        except GoneError:
            return
        except UnfitBodyError as unfit:
            await unfit.answer(scope, receive, send)
            return
        except DelegationError as error:
            await problem_of(error)(scope, receive, send)
            return
        except Exception as error:  # noqa: BLE001  # unexpected: a problem, and never an allowance
            _LOG.error("unexpected", exc_info=error)
            failed = problem(500, "internal", "The service failed; the call was not allowed.")
            await failed(scope, receive, send)
            return
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-length", str(len(content)).encode()),
                    (b"content-type", b"application/json"),
                ],
            }
        )
        await send({"type": "http.response.body", "body": content})

    async def _content(self, scope: Scope, receive: Receive) -> bytes:
        settings = self._settings
        body = await read_body(
            scope, receive, most=settings.max_body, seconds=settings.body_seconds
        )
        header = next((v for k, v in scope["headers"] if k == b"authorization"), b"")
        key = self._keys.held(header) or await self._keys.find(header)
        if key is not None:
            recognise(scope)
        caller = authorized(key, SERVICES)
        value = parse_body(body, PATH) if body else None
        call = read_call(value)
        if isinstance(call, list):
            raise UnfitBodyError(off_schema(call))
        return await answer(call, caller, self._tracker)
