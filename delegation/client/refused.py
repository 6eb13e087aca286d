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


class RemoteUnauthenticatedError(ServiceError, UnauthenticatedError):
    """The service knows no such API key."""

    code = UnauthenticatedError.code


class RemoteForbiddenError(ServiceError, ForbiddenError):
    """The API key's role or audience does not allow this."""

    code = ForbiddenError.code


class RemoteApproverRefusedError(ServiceError, ApproverRefusedError):
    """The person may not answer this request; `reason` says why."""

    code = ApproverRefusedError.code


class RemoteTooFastError(ServiceError, TooFastError):
    """The person answers more often than anybody reads."""

    code = TooFastError.code


class RemoteNotFoundError(ServiceError, NotFoundError):
    """The service has no such thing."""

    code = NotFoundError.code


class RemoteConflictError(ServiceError, ConflictError):
    """What is recorded stands against it."""

    code = ConflictError.code


class RemoteExportsBusyError(ServiceError, ExportsBusyError):
    """There are as many exports as are made or kept at once."""

    code = ExportsBusyError.code


class RemoteExportTooLargeError(ServiceError, ExportTooLargeError):
    """The export has more in it than may be made so."""

    code = ExportTooLargeError.code


class RemoteIdempotencyError(ServiceError, IdempotencyError):
    """The idempotency key was used for another request."""

    code = IdempotencyError.code


class RemoteMalformedError(ServiceError, MalformedError):
    """The request has not the form that the service accepts."""

    code = MalformedError.code


class RemoteUnfitError(ServiceError, UnfitError):
    """The grant does not go with the catalogue; `reason` is the code that its calls would meet."""

    code = UnfitError.code
    field = ""


class RemoteUnverifiedError(ServiceError, UnverifiedError):
    """A token or proof does not verify; `reason` is the step's code."""

    code = UnverifiedError.code


class RemoteWiderThanParentError(ServiceError, WiderThanParentError):
    """The grant is not within the task's ceiling; `reason` is the code of step 5."""

    code = WiderThanParentError.code
    field = ""


class RemoteStoreUnavailableError(ServiceError, StoreUnavailableError):
    """The service cannot record at present."""

    code = StoreUnavailableError.code


class RemoteUnknownOutcomeError(ServiceError, UnknownOutcomeError):
    """Nobody knows whether the decision was recorded."""

    code = UnknownOutcomeError.code


class RemoteClockError(ServiceError, ClockError):
    """The service's clock is behind."""

    code = ClockError.code


_KINDS: Final[Mapping[str, type[ServiceError]]] = {
    kind.code: kind
    for kind in (
        RemoteUnauthenticatedError,
        RemoteForbiddenError,
        RemoteApproverRefusedError,
        RemoteTooFastError,
        RemoteNotFoundError,
        RemoteConflictError,
        RemoteExportTooLargeError,
        RemoteExportsBusyError,
        RemoteIdempotencyError,
        RemoteMalformedError,
        RemoteUnfitError,
        RemoteUnverifiedError,
        RemoteWiderThanParentError,
        RemoteStoreUnavailableError,
        RemoteUnknownOutcomeError,
        RemoteClockError,
    )
} | {"body_invalid": RemoteMalformedError, "body_not_json": RemoteMalformedError}


def refused(status: int, problem: Mapping[str, Any]) -> ServiceError:
    """Return the exception of a problem document.

    Args:
        status: HTTP status.
        problem: The document; may be anything, since whoever answered may not be the service.
    """
    code = str(problem.get("code") or "http_error")[:64]
    reason = str(problem.get("reason") or code)[:64]
    detail = str(problem.get("detail") or f"The service answered {status}.")[:500]
    error = _KINDS.get(code, ServiceError)(status, reason, detail)
    error.remedy = str(problem.get("remedy") or "")[:500]
    if isinstance(
        error, UnverifiedError | WiderThanParentError | UnfitError | ApproverRefusedError
    ):
        error.reason = reason
    return error
