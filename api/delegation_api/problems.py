"""Answers with problems (RFC 9457) of stable codes; the one place where an HTTP status is decided."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from delegation.canonical import Json
from delegation.errors import (
    AuthorityError,
    CallerDataError,
    ConfigurationError,
    ConflictError,
    DelegationError,
    ExportsBusyError,
    ForbiddenError,
    MissingExtraError,
    NotFoundError,
    OutsideError,
    RenderError,
    StoreUnavailableError,
    TooFastError,
    UnauthenticatedError,
    UnverifiedError,
)
from delegation.judge.problem import MEDIA_TYPE, problem_body
from delegation.records.engine.errors import described
from delegation_api.asked_request import ASKED
from delegation_api.held_open import TooManyPollsError

_LOG: Final = logging.getLogger("delegation.api")

# The first class that fits counts: subclasses stand before their bases.
_STATUS: Final[tuple[tuple[type[DelegationError], int], ...]] = (
    (UnauthenticatedError, 401),
    (NotFoundError, 404),
    (ConflictError, 409),
    (CallerDataError, 422),
    (TooFastError, 429),
    (ExportsBusyError, 429),
    (TooManyPollsError, 429),
    (UnverifiedError, 403),
    (ForbiddenError, 403),
    (AuthorityError, 403),
    (RenderError, 501),
    (MissingExtraError, 501),
    (StoreUnavailableError, 503),
    (OutsideError, 503),
    (ConfigurationError, 500),
    (DelegationError, 500),
)
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="delegation"'}
_HTTP_CODES: Final = {404: "route_unknown", 405: "method_not_allowed"}
_RETRY: Final = {"Retry-After": "1"}


def problem(  # the members of a problem
    status: int,
    code: str,
    detail: str,
    *,
    remedy: str = "",
    headers: Mapping[str, str] | None = None,
    reason: str = "",
    members: Mapping[str, Json] | None = None,
) -> JSONResponse:
    """Return a problem as an answer.

    Args:
        status: HTTP status.
        code: Stable code, one heading in docs/reference/errors.md.
        detail: One sentence; nothing that the caller sent.
        remedy: What to do about it.
        headers: Further headers.
        reason: The code of the step or rule behind it, where there is one.
        members: What else it says, as `denial_members` has it.
    """
    asked = ASKED.get()
    names: Mapping[str, Json] = {}
    if asked is not None:
        asked.code = code
        names = asked.names()
    body = problem_body(
        status, code, detail, **{"remedy": remedy, "reason": reason, **(members or {}), **names}
    )
    return JSONResponse(body, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def off_schema(places: Sequence[str]) -> JSONResponse:
    """Return the problem of a request whose body or query is off its schema at these places."""
    return problem(
        422, "body_invalid", f"The request is off its schema at: {', '.join(places)}.",
        remedy="See /openapi.json.",
    )  # fmt: skip


def status_of(error: DelegationError) -> int:
    """Return the HTTP status of an error of ours."""
    return status_of_kind(type(error))


def status_of_kind(kind: type[DelegationError]) -> int:
    """Return the HTTP status of a class of errors of ours."""
    return next(status for one, status in _STATUS if issubclass(kind, one))


def problem_of(error: DelegationError) -> JSONResponse:
    """Return the problem that an error of ours is."""
    status = status_of(error)
    headers = {401: _CHALLENGE, 503: _RETRY}.get(status, {})
    reason = getattr(error, "reason", "")
    return problem(
        status, error.code, str(error), remedy=error.remedy, headers=headers, reason=reason
    )


def install(app: FastAPI) -> None:
    """Make every failure of the app a problem."""

    @app.exception_handler(DelegationError)
    async def ours(_: Request, error: Exception) -> JSONResponse:
        if isinstance(error, ConfigurationError | OutsideError):
            cause = described(error.__cause__) if error.__cause__ is not None else "no cause"
            _LOG.warning("refused: %s (%s)", getattr(error, "code", "error"), cause)
        return problem_of(error if isinstance(error, DelegationError) else DelegationError("error"))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: Exception) -> JSONResponse:
        return off_schema(sorted({_place(item) for item in getattr(error, "errors", list)()}))

    @app.exception_handler(HTTPException)
    async def plain(_: Request, error: Exception) -> JSONResponse:
        status = getattr(error, "status_code", 500)
        code = _HTTP_CODES.get(status, "http_error")
        headers = getattr(error, "headers", None)
        return problem(status, code, "There is no such resource or method.", headers=headers)

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> JSONResponse:
        _LOG.error("unexpected", exc_info=error)
        return problem(500, "internal", "The service failed; the call was not allowed.")


def _place(error: Mapping[str, Any]) -> str:
    """Return where a body is off, by names of the schema: unknown members are not repeated."""
    if error.get("type") == "extra_forbidden":
        return "an unknown member"
    return ".".join(str(part) for part in error.get("loc", ("body",))) or "body"
