"""The published OpenAPI: complete, and true of every answer to generated requests."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from service import Service
from world import World

from delegation.messages.form import COMPONENTS, form_of
from delegation_api.app import create_app
from delegation_api.settings import Settings

SERVICE = Service(World())
DOCUMENT = SERVICE.app.openapi()
schema = schemathesis.openapi.from_asgi("/openapi.json", SERVICE.app)
AS_PUBLISHED = [status_code_conformance, content_type_conformance, response_schema_conformance]
METHODS = {"get", "post", "delete", "put", "patch"}
OPERATIONS = [
    (f"{method.upper()} {path}", told)
    for path, methods in DOCUMENT["paths"].items()
    for method, told in methods.items()
    if method in METHODS
]


@schema.parametrize()
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_answers_to_generated_requests_are_as_published(case) -> None:
    """Whatever the schema allows, and what it does not, ends in an answer that is published: never a 500."""
    for role in ("operator", None):
        headers = {"Authorization": f"Bearer {SERVICE.keys[role]}"} if role else {}
        answer = case.call(headers=headers)
        assert answer.status_code < 500 or answer.status_code == 501, (
            case.method,
            case.path,
            answer.status_code,
        )
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == ["application/problem+json"], answer.headers
        if answer.status_code != 405:
            case.validate_response(answer, checks=AS_PUBLISHED)


def test_every_operation_is_described_whole() -> None:
    """A stable id, an answer with a schema, security, and the problems that it can have."""
    ids = [told["operationId"] for _, told in OPERATIONS]
    assert len(set(ids)) == len(ids)
    for name, told in OPERATIONS:
        assert told["operationId"].isidentifier(), name
        (success,) = (told["responses"][s] for s in told["responses"] if s.startswith("2"))
        has_no_body = set(told["responses"]) & {"204"} or "/verify/" in name
        assert has_no_body or success["content"], name
        assert "security" in told, name
        statuses = set(told["responses"])
        assert {"422", "503"} <= statuses, name
        assert ({"401", "403"} <= statuses) >= bool(told["security"]), name
        assert "404" in statuses or "{" not in name, name
        for status, one in told["responses"].items():
            if status.startswith(("4", "5")):
                assert list(one["content"]) == ["application/problem+json"], name


def test_who_may_ask_is_published() -> None:
    """Roles stand beside the security of each operation, the same as its gate has."""
    for name, told in OPERATIONS:
        assert bool(told.get("x-roles")) is bool(told["security"]), name


@dataclass(frozen=True, slots=True)
class Foreign:
    """What no operation answers."""

    name: str


def test_what_a_process_did_before_is_not_published() -> None:
    """Forms are made when they are asked for: one that no operation needs is none of the document's."""
    form_of(Foreign)
    assert "Foreign" in COMPONENTS
    published = create_app(SERVICE.world.tracker, Settings()).openapi()
    assert published == DOCUMENT
    assert "Foreign" not in published["components"]["schemas"]


@pytest.mark.parametrize(
    "name", ["TaskEntry", "LinkEntry", "Decision", "Grant", "Problem", "Revocation"]
)
def test_values_are_published_by_name(name: str) -> None:
    """What several operations answer is one schema that they refer to."""
    assert DOCUMENT["components"]["schemas"][name]["properties"]
