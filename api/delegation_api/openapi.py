"""Completes the published description: answers, problems, roles and security of each operation."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from delegation.errors import (
    DelegationError,
    ForbiddenError,
    MalformedError,
    StoreUnavailableError,
    UnauthenticatedError,
)
from delegation.identity.roles import Role
from delegation.judge.decision import Decision
from delegation.lineage.entry import Lineage
from delegation.messages.form import COMPONENTS, form_of, named
from delegation.operations.operation import Operation
from delegation_api.problems import status_of_kind

_EXTENDED: Final = (
    Decision,
    Lineage,
)  # answers have their members and more, and do not refer to them
_REFERENCE: Final = re.compile(r'"#/components/schemas/([^"]+)"')
_KEY: Final = "apiKey"
_JSON: Final = "application/json"
_BYTES: Final = {"type": "string", "format": "binary"}
_SCHEME: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "The secret of an API key, `dk_...`; its role says what it may do.",
}
_PROBLEM: Final = named(
    "Problem",
    {
        "type": "object",
        "description": "RFC 9457; the code has a heading in docs/reference/errors.md.",
        "properties": {
            "type": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"type": "string"},
            "detail": {"type": "string"},
            "remedy": {"type": "string"},
            "reason": {"type": "string"},
            "request": {"type": "string", "description": "Its X-Request-Id, as the log has it."},
            "trace": {"type": "string", "description": "Its trace id, where it has one."},
        },
        "required": ["code", "detail", "status", "type"],
    },
)
_MEANS: Final = {
    400: "The body is not JSON that every reader reads alike.",
    401: "No valid API key.",
    403: "Not within the caller's authority.",
    404: "There is no such thing.",
    408: "The body came too slowly.",
    409: "What is recorded stands against it.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "The request has another form.",
    429: "Too often, or too much at once.",
    501: "Not installed here.",
    503: "Nothing can be decided or read now.",
}


JSON_OBJECT: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Done.",
        "content": {
            "application/json": {"schema": {"type": "object", "additionalProperties": True}}
        },
    }
}


def described(operation: Operation[Any, Any]) -> dict[str, Any]:
    """Return what a declared operation's route is published with."""
    schema = operation.schema()
    success: dict[str, Any] = {"description": "Done."}
    if operation.media:
        success = file_of(*operation.media)[200]
    elif schema is not None:
        success["content"] = {_JSON: {"schema": schema}}
    return published(
        operation.roles,
        {operation.status: success},
        *operation.problems(),
        has_body=operation.has_body and bool(operation.parameters),
    )


def file_of(*media: str) -> dict[int | str, dict[str, Any]]:
    """Return the success of a route that answers with a file of one of these media types."""
    content = {one: {"schema": {} if one == _JSON else _BYTES} for one in media}
    return {200: {"description": "Done.", "content": content}}


def published(
    roles: tuple[Role, ...],
    success: dict[int | str, dict[str, Any]],
    *refuses: type[DelegationError],
    has_body: bool = False,
) -> dict[str, Any]:
    """Return responses and security of a route, for FastAPI.

    Args:
        roles: Who may ask; empty is everybody.
        success: How it succeeds, with the schema of the answer.
        *refuses: Errors beside those that every route has.
        has_body: Whether it reads a body.
    """
    kinds = [MalformedError, StoreUnavailableError, *refuses]
    kinds += [UnauthenticatedError, ForbiddenError] if roles else []
    statuses = {status_of_kind(kind) for kind in kinds} | (
        {400, 408, 413, 415} if has_body else set()
    )
    refused = {
        status: {
            "description": _MEANS[status],
            "content": {"application/problem+json": {"schema": _PROBLEM}},
        }
        for status in sorted(statuses)
    }
    security: list[dict[str, list[str]]] = [{_KEY: []}] if roles else []
    said = {"security": security, **({"x-roles": list(roles)} if roles else {})}
    return {"responses": {**success, **refused}, "openapi_extra": said}


def _referred(made: Any) -> dict[str, Any]:
    """Return the schemas that a document refers to, whatever else this process has formed before."""
    found: dict[str, Any] = {}
    new = [made, *(form_of(kind).schema for kind in _EXTENDED)]
    while new:
        names = {name for schema in new for name in _REFERENCE.findall(json.dumps(schema))}
        more = {name: COMPONENTS[name] for name in names & COMPONENTS.keys() - found.keys()}
        found |= more
        new = [*more.values()]
    return {name: found[name] for name in sorted(found)}


def install(app: FastAPI) -> None:
    """Publish the schemas that routes refer to."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(
                title=app.title, version=app.version, summary=app.summary, routes=app.routes
            )
            parts = made.setdefault("components", {})
            parts["schemas"] = _referred(made) | parts.get("schemas", {})
            parts["securitySchemes"] = {_KEY: _SCHEME}
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation has it
