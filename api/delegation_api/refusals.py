"""Answers at the port what never reaches the application."""

from __future__ import annotations

import json
from typing import Any, Final

import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from delegation.judge.problem import MEDIA_TYPE, problem_body
from delegation_api.asked_request import new_id
from delegation_api.logs import REFUSED


def _refusal(code: str, detail: str, status: int) -> dict[str, Any]:
    """Return a refusal's body."""
    return problem_body(status, code, detail)


_LOG: Final = structlog.get_logger("delegation.requests")
_REFUSALS: Final = {
    "target": _refusal("target_too_long", "The request's target is too long.", 414),
    "head": _refusal("head_too_large", "The head is too large, or has too many fields.", 431),
    "slow": _refusal("head_too_slow", "The request's head did not arrive in time.", 408),
    "body": _refusal("body_too_large", "The request's body is too large.", 413),
    "malformed": _refusal("not_http", "This is no well-formed HTTP/1.1 request.", 400),
    "client": _refusal("client_too_many", "This client has too many requests open.", 429),
    "connections": _refusal("too_many_connections", "Every connection is in use.", 503),
}


def answer_of(kind: str) -> bytes:
    """Return a whole answer that refuses, and log it under its id; the connection ends with it."""
    name = new_id()
    problem = {**_REFUSALS[kind], "request": name}
    status, body = problem["status"], json.dumps(problem).encode()
    _LOG.info(REFUSED, status=status, code=problem["code"], request=name)
    retry = b"retry-after: 1\r\n" if status in {429, 503} else b""
    return (
        STATUS_LINE[status]
        + b"content-type: " + MEDIA_TYPE.encode() + b"\r\ncontent-length: "
        + str(len(body)).encode() + b"\r\nx-request-id: " + name.encode() + b"\r\n"
        + retry + b"connection: close\r\n\r\n" + body
    )  # fmt: skip
