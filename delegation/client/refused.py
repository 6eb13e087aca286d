"""Refusals of the service as exceptions: each is a `ServiceError` and what the tracker would raise.

So code that was written for the embedded tracker catches the same classes over HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from delegation.errors import (
    ApproverRefusedError,
    ClockError,
    ConflictError,
    DelegationError,
    ExportsBusyError,
    ExportTooLargeError,
    ForbiddenError,
    IdempotencyError,
    MalformedError,
    NotFoundError,
    ServiceError,
    StoreUnavailableError,
    TooFastError,
    UnauthenticatedError,
    UnfitError,
    UnknownOutcomeError,
    UnverifiedError,
    WiderThanParentError,
)


def _remote(kind: type[DelegationError]) -> type[ServiceError]:
    """Return the class of a refusal that is also of this class, with its code and its explanation."""
    said = {"code": kind.code, "__doc__": kind.__doc__, "__module__": __name__, "field": ""}
    return type(f"Remote{kind.__name__}", (ServiceError, kind), said)


_KINDS: Final[Mapping[str, type[ServiceError]]] = {
    kind.code: _remote(kind)
    for kind in (
        UnauthenticatedError,
        ForbiddenError,
        ApproverRefusedError,
        TooFastError,
        NotFoundError,
        ConflictError,
        ExportTooLargeError,
        ExportsBusyError,
        IdempotencyError,
        MalformedError,
        UnfitError,
        UnverifiedError,
        WiderThanParentError,
        StoreUnavailableError,
        UnknownOutcomeError,
        ClockError,
    )
}
_OTHERS: Final = dict.fromkeys(("body_invalid", "body_not_json"), _KINDS[MalformedError.code])


def refused(status: int, problem: Mapping[str, Any]) -> ServiceError:
    """Return the exception of a problem document.

    Args:
        status: HTTP status.
        problem: The document; may be anything, since whoever answered may not be the service.
    """
    code = str(problem.get("code") or "http_error")[:64]
    reason = str(problem.get("reason") or code)[:64]
    detail = str(problem.get("detail") or f"The service answered {status}.")[:500]
    kind = _KINDS.get(code) or _OTHERS.get(code, ServiceError)
    error = kind(status, reason, detail)
    error.remedy = str(problem.get("remedy") or "")[:500]
    if isinstance(
        error, UnverifiedError | WiderThanParentError | UnfitError | ApproverRefusedError
    ):
        error.reason = reason
    return error
