"""Shares one HTTP exchange between both clients: settings, the request of a call, reading its answer."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import httpx2
import tenacity

from delegation import sent_json
from delegation.authority.ids import DecisionId
from delegation.canonical import b64u
from delegation.commands.readiness import ClockDiffersError, StoreMovedError, StoreReadOnlyError
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
from delegation.operations.call import Call
from delegation.operations.operation import Operation
from delegation.traceparent import trace_headers

T = TypeVar("T")
TIMEOUT: Final = (
    20.0  # seconds for one attempt, unless told otherwise: above what the service takes
)
ATTEMPTS: Final = 3
_ANSWER_BYTES: Final = 64 * 1024 * 1024
_UNREADABLE: Final = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
_PASSING: Final = frozenset({0, 502, 503, 504})  # 0: no answer came


def settings_of(url: str, *, api_key: str, timeout: float) -> dict[str, Any]:
    """Return what an HTTP client of the service is made with."""
    return {
        "base_url": url,
        "headers": {"Authorization": f"Bearer {api_key}"} if api_key else {},
        "timeout": timeout,
        "trust_env": False,
        "follow_redirects": False,
    }


def new_decision_id() -> DecisionId:
    """Return an id for a decision that is made here and reported later."""
    return DecisionId("dec_" + b64u(secrets.token_bytes(16)))


def call_of(operation: Operation[Any, Any], *args: Any, **named: Any) -> Call:
    """Return the call for some arguments, with a new key where it takes one to be sent again safely."""
    if "idempotency_key" in operation.parameters and not named.get("idempotency_key"):
        named["idempotency_key"] = b64u(secrets.token_bytes(16))
    return operation.call(*args, **named)


def request_of(call: Call) -> dict[str, Any]:
    """Return what a call's request is made of."""
    request: dict[str, Any] = {
        "method": call.method, "url": call.path, "params": call.query, "headers": trace_headers(),
    }  # fmt: skip
    if call.body is not None:
        request["content"] = sent_json.written(call.body)
        request["headers"]["Content-Type"] = "application/json"
    return {**request, "timeout": TIMEOUT + call.waits} if call.waits else request


@contextmanager
def reaching() -> Iterator[None]:
    """Turn what keeps a service from answering into an error; its class says enough of the cause.

    Raises:
        ServiceError: It did not answer.
    """
    try:
        yield
    except httpx2.HTTPError as error:
        told = f"The service did not answer ({type(error).__name__})."
        made = ServiceError(0, "unreachable", told)
        made.remedy = "See whether it runs, and whether this URL and its certificate are right."
        raise made from None


def refuse_problem(answer: httpx2.Response) -> None:
    """Raise what the service refused with.

    Raises:
        ServiceError: It refused; also the class of `delegation.errors` that the embedded tracker
            would raise.
    """
    if len(answer.content) > _ANSWER_BYTES:
        raise ServiceError(answer.status_code, "answer_too_large", "The answer is too large.")
    if answer.is_success:
        return
    try:
        body = answer.json()
    except (ValueError, RecursionError):  # no JSON, or deeper than is read
        body = {}
    raise refused(answer.status_code, body if isinstance(body, dict) else {})


def read_answer(answer: httpx2.Response, operation: Operation[Any, T]) -> T:
    """Return an operation's result.

    Raises:
        ServiceError: The answer is not what the service writes.
    """
    try:
        # An answer that is no object fails like one with other members.
        found: T = operation.result_of(answer)
    except (*_UNREADABLE, MalformedError) as error:
        message = "Something else came back than the service writes."
        raise ServiceError(answer.status_code, "answer_malformed", message) from error
    return found


def retries(attempts: int) -> dict[str, Any]:
    """Return how a repeatable call is repeated: soon, then later, and nothing is printed of it."""
    return {
        "retry": tenacity.retry_if_exception(is_passing),
        "stop": tenacity.stop_after_attempt(attempts),
        "wait": tenacity.wait_exponential(multiplier=0.1, max=2.0) + tenacity.wait_random(0, 0.1),
        "reraise": True,
    }


def is_passing(error: BaseException) -> bool:
    """Return whether a repeated call may fare better; nobody knows whether the first one arrived."""
    return isinstance(error, ServiceError) and error.status in _PASSING


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
        ClockDiffersError,
        StoreMovedError,
        StoreReadOnlyError,
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
    error.request = str(problem.get("request") or "")[:64]
    if isinstance(
        error, UnverifiedError | WiderThanParentError | UnfitError | ApproverRefusedError
    ):
        error.reason = reason
    return error
