"""The HTTP service: roles, problems, bad input of every kind, and the whole path."""

from __future__ import annotations

import json
import sqlite3

import pytest
from fastapi.routing import APIRoute
from hypothesis import given, settings
from hypothesis import strategies as st
from roles import ROUTES
from service import Service
from world import DESK, World

from delegation import Access
from delegation_api.auth import RoleGate
from delegation_api.requests import is_urgent


@pytest.fixture(scope="module")
def service() -> Service:
    """Return one service for all facts that store nothing."""
    return Service(World())


def gates(dependant) -> list[RoleGate]:
    """Return every role gate that a route depends on."""
    found = [dependant.call] if isinstance(dependant.call, RoleGate) else []
    return found + [gate for inner in dependant.dependencies for gate in gates(inner)]


def routes(app):
    """Return all API routes, wherever the framework keeps them."""
    from fastapi.openapi.utils import get_openapi

    return get_openapi(title="x", version="1", routes=app.routes)["paths"]


def test_every_route_is_in_the_table_of_roles(service: Service) -> None:
    """No endpoint exists without a declared role."""
    paths = routes(service.app)
    declared = {(m, p.replace("/x", "/{x}")) for m, p, _ in ROUTES}
    found = set()
    for path, item in paths.items():
        import re

        shape = (
            re.sub(r"\{[^}]+\}", "{x}", path)
            .replace("graph.{x}", "graph.svg")
            .replace("{x}.{x}", "tasks.csv")
        )
        found |= {(method.upper(), shape) for method in item}
    assert found == declared


def test_every_route_object_has_exactly_one_gate(service: Service) -> None:
    """A route without a gate would be open by accident."""
    from delegation_api.routers import (
        approvals,
        desk,
        health,
        log,
        oversight,
        questions,
        records,
        registry,
        standing,
        tasks,
        verify,
    )

    for part in (
        tasks,
        registry,
        desk,
        standing,
        approvals,
        records,
        log,
        verify,
        health,
        oversight,
        questions,
    ):
        for route in part.router.routes:
            assert isinstance(route, APIRoute)
            assert len(gates(route.dependant)) == 1, route.path


@pytest.mark.parametrize(("method", "path", "roles"), ROUTES)
def test_only_declared_roles_pass(service: Service, method: str, path: str, roles) -> None:
    """Nobody: 401. Another role: 403. A declared one: neither."""
    body = {} if method == "POST" else None
    nobody = service.ask(method, path, None, json=body)
    wrong = service.ask(
        method, path, None, json=body, headers={"Authorization": "Bearer dk_" + "x" * 43}
    )
    assert (nobody.status_code == 401) is (roles is not None)
    assert (wrong.status_code == 401) is (roles is not None)
    for role in ("operator", "reviewer", "service", "approver"):
        status = service.ask(method, path, role, json=body).status_code
        assert (status == 403) is (roles is not None and role not in roles), role
        assert status < 500


BAD = [
    (b"", "application/json", 422, "body_invalid"), (b"{", "application/json", 400, "body_not_json"), (b"\xff\xfe", "application/json", 400, "body_not_json"),
    (b'{"a":1,"a":2}', "application/json", 400, "body_not_json"), (b'{"a":NaN}', "application/json", 400, "body_not_json"),
    (b'{"a":"\\ud800"}', "application/json", 400, "body_not_json"), (b"[" * 100_0, "application/json", 400, "body_not_json"),
    (b"[" * 30_000 + b"]" * 30_000, "application/json", 400, "body_not_json"), (b"[]", "application/json", 422, "body_invalid"),
    (b"null", "application/json", 422, "body_invalid"), (b"7", "application/json", 422, "body_invalid"), (b"{}", "text/plain", 415, "body_not_json_type"),
    (b"{}", "", 415, "body_not_json_type"), (b'{"x":"' + b"y" * 70_000 + b'"}', "application/json", 413, "body_too_large"),
    (b'{"unknown":1}', "application/json", 422, "body_invalid"), (b"{}", "application/json", 422, "body_invalid"),
    (b'{"token":1,"proof":1,"access":1}', "application/json", 422, "body_invalid"), (b"\xef\xbb\xbf{}", "application/json", 400, "body_not_json"),
]  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [
        "/v1/check",
        "/v1/tasks",
        "/v1/agents",
        "/v1/tools",
        "/v1/tokens",
        "/v1/links",
        "/v1/inspect",
        "/v1/revocations",
        "/v1/revocations/below",
        "/v1/api-keys",
        "/v1/approvals/apr_aaaaaaaaaaaaaaaaaaaaaa/wait",
    ],
)
@pytest.mark.parametrize(("body", "media", "status", "code"), BAD, ids=range(len(BAD)))
def test_an_envelope_off_its_schema_is_a_problem_and_stores_nothing(
    service: Service, path, body, media, status, code
) -> None:
    """A 4xx problem with a stable code; nothing is written."""
    if path == "/v1/check" and (
        (body.startswith(b"[[[") and body.endswith(b"]")) or b"ud800" in body
    ):
        status, code = 422, "body_invalid"  # an access may hold such; the desk denies it
    before = service.rows()
    answer = service.ask(
        "POST", path, content=body, headers={"Content-Type": media} if media else {}
    )
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["code"] == code
    assert service.rows() == before


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_may_ask_by_head(service: Service, path: str) -> None:
    """`wget --spider` and many watchers ask so; everything else of HEAD is 405, and urgent it is like GET."""
    asked, got = service.http.head(path), service.http.get(path)
    assert (asked.status_code, asked.headers["content-type"]) == (200, got.headers["content-type"])
    assert service.http.head("/v1/tasks").status_code == 405
    assert is_urgent(b"HEAD", path.encode())


def test_a_body_without_length_is_capped_while_it_streams(service: Service) -> None:
    """Chunks are counted as they come; a missing Content-Length helps nobody."""
    answer = service.ask(
        "POST",
        "/v1/check",
        content=(b"x" * 10_000 for _ in range(100)),
        headers={"Content-Type": "application/json"},
    )
    assert answer.json()["code"] == "body_too_large"


INSIDE = [
    ("", None, {}), ("dct.b1.AAAA", "x.y.z", {"v": 1}), ("x", None, {"v": 1.5}), ("x", None, {"tool": None}), ("\u0000", "\u0000", {"a": {"b": []}}),
    ("x" * 60_000, "y", {}), ("dct.m1." + "A" * 100, None, {"v": 1, "tool": "a", "arguments": {"x": 2**70}, "audience": DESK, "purpose": "", "max_cost": {}, "cause": None}),
    ("x", None, {"v": 1, "tool": "a", "arguments": {"x": "e\u0301"}, "audience": DESK, "purpose": "", "max_cost": {}, "cause": None}),
    ("x", None, {"v": 1, "tool": "a", "arguments": {"é": 1}, "audience": DESK, "purpose": "", "max_cost": {"calls": -1}, "cause": "x"}),
]  # fmt: skip


@pytest.mark.parametrize(("token", "proof", "access"), INSIDE, ids=range(len(INSIDE)))
def test_whatever_is_inside_a_valid_envelope_is_a_recorded_denial(token, proof, access) -> None:
    """Never an exception, never a 500: the decision names its step and is stored."""
    service = Service(World())
    answer = service.ask(
        "POST", "/v1/check", json={"token": token, "proof": proof, "access": access}
    )
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["allowed"] is False
    assert body["denial"]["step"] == 1
    assert (
        service.ask("GET", f"/v1/decisions/{body['decision']}").json()["denial"]["code"]
        == body["denial"]["code"]
    )


def test_a_service_asks_only_about_its_own_audience(service: Service) -> None:
    """A key bound to one audience spends nothing that is meant for another; nothing is recorded."""
    before = service.rows()
    access = Access("files.read", {"path": "/a"}, "https://other.example").to_json()
    answer = service.ask(
        "POST", "/v1/check", "service", json={"token": "x", "proof": None, "access": access}
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert service.rows() == before


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["token", "proof", "access", "tool", "grant", "ceiling", "name", "keys", "x"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
SHAPES = {
    "/v1/check": {"token": "x", "proof": None, "access": {}}, "/v1/tasks": {"title": "t", "owner": "o", "ceiling": {}}, "/v1/agents": {"name": "a", "owner": "o", "keys": ["k"]},
    "/v1/tools": {"tool": {"name": "a.b", "effect": "read", "arguments": {"x": "text"}}}, "/v1/tokens": {"task": "t", "holder_name": "n", "holder_key": "k"},
    "/v1/links": {"token": "x", "proof": "y"}, "/v1/inspect": {"token": "x"}, "/v1/revocations": {"kind": "link", "id": "x"},
    "/v1/revocations/below": {"token": "x", "proof": "y", "link": "z"}, "/v1/api-keys": {"name": "n", "role": "service", "audiences": ["x"]},
}  # fmt: skip


@settings(max_examples=250)
@given(
    path=st.sampled_from(sorted(SHAPES)),
    change=st.dictionaries(
        st.sampled_from(
            [
                "token",
                "proof",
                "access",
                "ceiling",
                "tool",
                "keys",
                "title",
                "owner",
                "name",
                "task",
                "id",
                "link",
                "grant",
                "holder_key",
                "lasts",
                "audiences",
            ]
        ),
        json_values,
        max_size=3,
    ),
)
def test_no_body_is_a_500(path, change) -> None:
    """Random values in random places are refused or judged, never unexpected."""
    answer = _FUZZED.ask(
        "POST",
        path,
        content=json.dumps(
            {
                **SHAPES[path],
                **{k: v for k, v in change.items() if k in SHAPES[path] or k == "lasts"},
            }
        ),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code < 500, answer.text


@settings(max_examples=60)
@given(ceiling=json_values, tool=json_values)
def test_no_grant_or_tool_is_a_500(ceiling, tool) -> None:
    """What operators send is parsed as strictly as what agents send."""
    for path, body in (
        (
            "/v1/tasks",
            {"title": "t", "owner": "o", "ceiling": {"capabilities": [ceiling], "budget": tool}},
        ),
        (
            "/v1/tools",
            {"tool": {"name": "a.b", "effect": "read", "arguments": {"x": tool}, "cost": ceiling}},
        ),
    ):
        assert _FUZZED.ask("POST", path, json=body).status_code < 500


_FUZZED = Service(World())


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=99999",
        "limit=x",
        "after=-1",
        "after=99999999999999999999",
        "allowed=maybe",
    ],
)
def test_a_query_off_its_schema_is_a_problem(service: Service, query: str) -> None:
    """Paging bounds hold."""
    assert service.ask("GET", f"/v1/decisions?{query}").status_code == 422


@pytest.mark.parametrize(
    "path",
    [
        "/v1/decisions?tsk=x",
        "/v1/links?task=x&task=y",
        "/v1/tasks?state=open",
        "/v1/links/x?At=1",
        "/v1/tools?x",
        "/v1/links?key=rsa:x",
        "/v1/links?at=-1",
    ],
)
def test_a_parameter_that_nobody_declared_is_refused(service: Service, path: str) -> None:
    """A filter that is spelled wrong would filter nothing; twice, it would be read two ways."""
    answer = service.ask("GET", path)
    assert answer.status_code == 422
    assert answer.json()["code"] in {"malformed", "body_invalid"}


def test_a_check_with_a_parameter_is_refused_by_front_and_twin_alike(service: Service) -> None:
    """The fast front knows no parameters either."""
    body = {"token": "?", "proof": None, "access": None}
    for http in (service.http, service.slow):
        headers = {"Authorization": f"Bearer {service.keys['service']}"}
        assert http.post("/v1/check?dry_run=true", json=body, headers=headers).status_code == 422


def test_pages_say_where_the_next_one_begins(service: Service) -> None:
    """Following `next` meets everything once, and ends."""
    world = service.world
    token = world.chain("boss", "a", "b")
    for _ in range(5):
        world.check(token, "b")
    for path, name, key in (
        ("/v1/decisions", "decisions", "sequence"),
        ("/v1/links", "links", "id"),
        ("/v1/tasks", "tasks", "id"),
    ):
        whole = [one[key] for one in service.ask("GET", f"{path}?limit=1000").json()[name]]
        found, after = [], ""
        while True:
            page = service.ask("GET", f"{path}?limit=2{after}").json()
            found += [one[key] for one in page[name]]
            if page["next"] is None:
                break
            after = f"&after={page['next']}"
        assert found == whole


@pytest.mark.parametrize(
    "path",
    [
        "/v1/tasks/%00",
        "/v1/links/..%2f..",
        "/v1/decisions/" + "x" * 5000,
        "/v1/tasks/x/graph.exe",
        "/v1/tasks/%ff/lineage",
        "/nope",
    ],
)
def test_an_unknown_name_in_a_path_is_a_404(service: Service, path: str) -> None:
    """Strange ids are not found, and not repeated at length."""
    answer = service.ask("GET", path)
    assert answer.status_code == 404
    assert len(answer.text) < 6000


def test_a_locked_database_is_a_503_with_nothing_written(tmp_path, monkeypatch) -> None:
    """Refused, with Retry-After, and half a decision nowhere."""
    monkeypatch.setattr(
        "delegation.records.engine.sqlite._PRAGMAS",
        ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=50"),
    )
    service = Service(World(path=tmp_path / "s.db"))
    before = service.rows()
    other = sqlite3.connect(tmp_path / "s.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answer = service.ask("POST", "/v1/check", json={"token": "x", "proof": None, "access": {}})
    other.execute("ROLLBACK")
    other.close()
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert answer.headers["retry-after"] == "1"
    assert service.rows() == before


def test_drawings_are_served_as_attachments_that_run_nothing(service: Service) -> None:
    """A picture with names that agents chose is no page of ours."""
    service.world.chain("boss", "a")
    for form in ("svg", "dot", "mmd", "txt", "json"):
        answer = service.ask("GET", f"/v1/tasks/{service.world.task.id}/graph.{form}")
        assert answer.status_code == 200
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert form == "json" or answer.headers["content-disposition"].startswith("attachment")
