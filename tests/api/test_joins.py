"""What a caller sees of a refusal is found in the log and in the trace; a trace goes on, in and out."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest
from otlp import Span, collecting
from starlette.testclient import TestClient
from world import DESK, World

from delegation.client import Client
from delegation.errors import NotFoundError, ServiceError
from delegation.identity.approval import ApprovalEvent
from delegation_api import logs
from delegation_api.app import create_service
from delegation_api.readiness import ReadyDesk
from delegation_api.settings import Settings
from delegation_api.tracing import Tracing
from delegation_api.webhooks import Webhook

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
SENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


class Joined:
    """A service whose log and spans are read."""

    def __init__(self, world: World, capsys, *, log_all: bool = False) -> None:
        self.world = world
        self.spans: list[Span] = []
        self._capsys = capsys
        self._lines: list[dict] = []
        self._settings = Settings(log_format="json", log_requests=log_all, max_body=4096)
        make = world.tracker.create_api_key
        self.keys = {"operator": make("op", "operator"), "service": make("svc", "service", [DESK])}

    @contextmanager
    def running(self) -> Iterator[TestClient]:
        """Run it, with a collector; its spans are there when the block has ended."""
        logs.configure(self._settings)
        try:
            with collecting() as (url, spans):
                tracing = Tracing.to(url)
                app = create_service(self.world.tracker, self._settings, tracing)
                yield TestClient(app, raise_server_exceptions=False)
                tracing.close()
                self.spans = spans
            self._lines += map(json.loads, self._capsys.readouterr().err.splitlines())
        finally:
            logging.getLogger().handlers.clear()

    def line(self, request: str) -> dict:
        """Return the line that the log has of a request."""
        (found,) = [
            line for line in self._lines if line.get("request") == request and "route" in line
        ]
        return found

    def span(self, request: str) -> Span:
        """Return the span that was sent of a request."""
        (found,) = [span for span in self.spans if span.get("delegation.request") == request]
        return found

    def auth(self, role: str) -> dict[str, str]:
        """Return the header of a role's key."""
        return {"Authorization": f"Bearer {self.keys[role]}"}


@pytest.mark.parametrize(
    ("method", "path", "role", "status", "code", "route"),
    [
        ("GET", "/v1/tasks", None, 401, "unauthenticated", "/v1/tasks"),
        ("GET", "/v1/tasks", "service", 403, "forbidden", "/v1/tasks"),
        (
            "GET",
            "/v1/tasks/tsk_none/lineage",
            "operator",
            404,
            "not_found",
            "/v1/tasks/{task}/lineage",
        ),
        ("GET", "/made/up?secret=1", "operator", 404, "route_unknown", "unknown"),
        ("POST", "/v1/check", "service", 422, "body_invalid", "/v1/check"),
        ("POST", "/v1/check", "service", 413, "body_too_large", "/v1/check"),
    ],
    ids=lambda one: str(one)[:24],
)
def test_a_problem_is_found_in_log_and_trace(  # what a refusal is
    method, path, role, status, code, route, world: World, capsys
) -> None:
    """Its body names the request and the trace; the line and the span of it say the same."""
    joined = Joined(world, capsys)
    body = {"content": b"x" * 5000 if status == 413 else b"{}"} if method == "POST" else {}
    with joined.running() as http:
        headers = {
            **SENT,
            **(joined.auth(role) if role else {}),
            "Content-Type": "application/json",
        }
        answer = http.request(method, path, headers=headers, **body)
    said = answer.json()
    assert (answer.status_code, said["code"]) == (status, code)
    request = said["request"]
    assert request == answer.headers["x-request-id"]
    assert said["trace"] == TRACE
    line, span = joined.line(request), joined.span(request)
    assert line["event"] == "refused"
    assert (line["status"], line["code"], line["route"], line["trace"]) == (
        status,
        code,
        route,
        TRACE,
    )
    assert (span.trace, span.parent, span.kind) == (TRACE, PARENT, 2)
    assert span.name == (method if route == "unknown" else f"{method} {route}")
    assert (span["http.response.status_code"], span["delegation.code"]) == (status, code)
    assert span["http.request.method"] == method
    assert span.get("http.route") == (None if route == "unknown" else route)
    assert "secret" not in str(span)
    assert not span.is_error  # the caller's fault is none of the service's


def test_a_fault_is_found_too(world: World, capsys, monkeypatch) -> None:
    """500 and 503: the line that says why bears the request's id, and the span says that it failed."""
    joined = Joined(world, capsys)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("odd")

    with joined.running() as http:
        monkeypatch.setattr(world.tracker, "waiting_approvals", broken)
        monkeypatch.setattr(ReadyDesk, "ask", broken)
        answer = http.get("/readyz", headers=SENT)
    request = answer.json()["request"]
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, request)
    span = joined.span(request)
    assert span.is_error
    assert span["error.type"] == "internal"
    told = [line for line in joined._lines if line.get("request") == request]
    assert {line["event"] for line in told} == {"unexpected", "request"}
    assert all(line["trace"] == TRACE for line in told)
    assert any("RuntimeError" in line.get("exception", "") for line in told)


def test_a_decision_is_found_by_its_id(world: World, capsys) -> None:
    """Allowed or denied: the span and, where all is logged, the line name it."""
    joined = Joined(world, capsys, log_all=True)
    token = world.chain("boss", "aide")
    made = []
    with joined.running() as http:
        for holder in ("aide", "boss"):
            access = world.access()
            proof = world.key(holder).prove(token, access, at=world.at)
            sent = {"token": token.text, "proof": proof, "access": access.to_json()}
            made.append(http.post("/v1/check", json=sent, headers=joined.auth("service")))
    allowed, denied = (one.json() for one in made)
    assert allowed["allowed"]
    assert not denied["allowed"]
    for answer, said in zip(made, (allowed, denied), strict=True):
        request = answer.headers["x-request-id"]
        span, line = joined.span(request), joined.line(request)
        assert span.name == "POST /v1/check"
        assert span["delegation.decision"] == line["decision"] == said["decision"]
        assert len(line["trace"]) == 32
        assert line["trace"] == span.trace  # begun here: the caller sent none
    assert (
        joined.span(made[1].headers["x-request-id"])["delegation.code"] == denied["denial"]["code"]
    )


def test_the_body_of_a_denial_has_its_decision_whoever_asked(world: World) -> None:
    """Behind a proxy: also where nobody has shown to hold anything, who learns no more than that."""
    from delegation.judge.problem import denial_members

    token = world.chain("boss", "aide")
    unproven = world.check(token, "boss")
    assert not unproven.is_proven
    assert denial_members(unproven) == {"decision": unproven.id}
    proven = world.check(token, "aide", world.access("ops.restart", host="a"))
    assert denial_members(proven)["decision"] == proven.id
    assert "step" in denial_members(proven)


@pytest.mark.parametrize(
    "sent",
    [
        "", "00", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01", f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE.upper()}-{PARENT}-01", f"00-{TRACE}-{PARENT}", f"00-{TRACE}-{PARENT}-01 x", f"00-{TRACE[:-1]}-{PARENT}-01",
        f"00-{TRACE}\x00-{PARENT}-01",
    ],
    ids=range(10),
)  # fmt: skip
def test_what_is_no_trace_is_none(sent: str, world: World) -> None:
    """A malformed header is passed over: nothing of it is repeated anywhere."""
    http = TestClient(create_service(world.tracker, Settings()))
    answer = http.get("/v1/tasks", headers={"traceparent": sent})
    assert "trace" not in answer.json()


def test_a_trace_is_named_without_a_collector(world: World) -> None:
    """Whoever sends one finds it in our log, though nothing is sent from here."""
    http = TestClient(create_service(world.tracker, Settings()))
    assert http.get("/v1/tasks", headers=SENT).json()["trace"] == TRACE


def test_clients_go_on_with_the_trace_of_their_program() -> None:
    """`traceparent` of the present span, and nothing of its baggage; without a span nothing."""
    from opentelemetry import baggage, context
    from opentelemetry.sdk.trace import TracerProvider

    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        problem = {"status": 404, "code": "not_found", "detail": "None.", "request": "abc-1"}
        return httpx2.Response(404, json=problem)

    client = Client("http://desk", transport=httpx2.MockTransport(answer))
    token = context.attach(baggage.set_baggage("user", "ana"))
    try:
        with TracerProvider().get_tracer("test").start_as_current_span("mine") as span:
            with pytest.raises(NotFoundError) as caught:
                client.task("tsk_none")
            ids = span.get_span_context()
    finally:
        context.detach(token)
    with pytest.raises(NotFoundError):
        client.task("tsk_none")
    sent = seen[0].headers["traceparent"]
    assert sent.startswith(f"00-{ids.trace_id:032x}-{ids.span_id:016x}-0")
    assert "baggage" not in seen[0].headers
    assert "traceparent" not in seen[1].headers
    assert isinstance(caught.value, ServiceError)
    assert caught.value.request == "abc-1"


def test_webhooks_go_on_with_the_trace_of_who_decided() -> None:
    """The span in which a person answered is the parent of what the receiver does."""
    from opentelemetry.sdk.trace import TracerProvider

    seen: list[httpx2.Request] = []

    def take(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(204)

    hook = Webhook(httpx2.URL("http://127.0.0.1/"), lambda _: "a.b.c", (0.1,))
    hook._http = httpx2.MockTransport(take)
    with TracerProvider().get_tracer("test").start_as_current_span("mine") as span:
        hook.tell(ApprovalEvent("apr_x", "granted", 1))
        ids = span.get_span_context()
    hook._queue.put(None)
    hook._thread.join(60)
    assert seen[0].headers["traceparent"].split("-")[1] == f"{ids.trace_id:032x}"


def test_refusals_do_not_fill_the_log(world: World, capsys) -> None:
    """Twenty a second of each code, and how many more; another code has its own."""
    joined = Joined(world, capsys)
    with joined.running() as http:
        for number in range(200):
            http.get("/v1/tasks", headers={"X-Request-Id": f"a{number}"})
        http.get("/nowhere", headers={"X-Request-Id": "b"})
        http.get("/healthz", headers={"X-Request-Id": "c"})
    told = [line["request"] for line in joined._lines if line["event"] == "refused"]
    assert {f"a{number}" for number in range(20)} <= set(told)
    assert len(told) < 150
    assert told[-1] == "b"
