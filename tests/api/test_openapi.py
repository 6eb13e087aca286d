"""The published OpenAPI, fuzzed: no generated request is a 500, and answers are as they are declared."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from service import Service
from world import World

schemathesis = pytest.importorskip("schemathesis")

SERVICE = Service(World())
schema = schemathesis.openapi.from_asgi("/openapi.json", SERVICE.app)


@schema.parametrize()
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_generated_request_is_a_fault(case) -> None:
    """Whatever the schema allows, and what it does not, ends in an answer of ours: never a 500."""
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
