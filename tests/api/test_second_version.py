"""Payload version 2 over HTTP: grants of it are taken, answered, read by the client and shown to people."""

from __future__ import annotations

import html

import httpx2
import pytest
from browsing import Browser
from service import Service
from wire import handler
from world import DESK, NOW, OWNER, World, verdict

from delegation import (
    Access,
    Grant,
    HolderKey,
    Tool,
    all_of,
    between,
    count,
    exact,
    links,
    may,
    not_below,
    one_of,
    path,
)
from delegation.client import Client

CAPABILITY = may(
    "desk.note",
    arguments={
        "filter[name]": one_of("a", "e\u0301"),
        "body": links("acme.example"),
        "at": all_of(path("/data"), not_below("/data/keys")),
        "score": between(above=0, below=0.5),
        "tags": count(1, 2),
    },
    delegate_only=True,
)
TOOL = Tool(
    "desk.note",
    effect="write",
    arguments={
        "filter[name]": "text",
        "body": "text",
        "at": "path",
        "score": "number",
        "tags": {"type": "list", "of": "text"},
    },
)
CALL = {
    "filter[name]": "e\u0301",
    "body": "See https://acme.example/x",
    "at": "/data/a",
    "score": 0.25,
    "tags": ["x"],
}


@pytest.fixture
def service(world: World) -> Service:
    """Return the service with the tool."""
    world.tracker.add_tool(TOOL)
    return Service(world)


def test_version_2_goes_through_service_client_and_pages(world: World, service: Service) -> None:
    """Opened, issued, delegated, judged, recorded, listed and drawn, by whoever sends JSON."""
    client = Client(
        "http://testserver",
        api_key=service.keys["operator"],
        transport=httpx2.MockTransport(handler(service)),
    )
    lead, press = HolderKey.generate("lead"), HolderKey.generate("press")
    for key in (lead, press):
        client.add_agent(key.name, owner=OWNER, keys=[key.public])
    task = client.open_task(
        "T", owner=OWNER, ceiling=Grant([CAPABILITY], audience=[DESK]), lasts=600
    )
    assert task.ceiling.capabilities == (CAPABILITY,)
    root = client.issue(task, to=lead.public)
    assert (root.grant.capabilities, root.chain.root.version) == ((CAPABILITY,), 2)
    freed = CAPABILITY.narrow(delegate_only=False, score=exact(0.25))
    token = root.delegate(by=lead, to=press.public, grant=Grant([freed]))
    access = Access("desk.note", CALL, DESK)
    as_service = Client(
        "http://testserver",
        api_key=service.keys["service"],
        transport=httpx2.MockTransport(handler(service)),
    )
    own = as_service.check(root, lead.prove(root, access, at=NOW), access)
    assert verdict(own) == (11, "delegate_only")
    decision = as_service.check(token, press.prove(token, access, at=NOW), access)
    assert verdict(decision) is None
    assert decision.arguments["filter[name]"] == "e\u0301"
    for name, value in (
        ("body", "See evil.com"),
        ("at", "/data/KEYS/x"),
        ("score", 0.5),
        ("tags", []),
    ):
        other = Access("desk.note", {**CALL, name: value}, DESK)
        denial = as_service.check(token, press.prove(token, other, at=NOW), other).denial
        assert (denial.code, denial.caveat) == (
            "argument_refused",
            f"capabilities[0].arguments.{name}",
        )
    reviewer = Client(
        "http://testserver",
        api_key=service.keys["reviewer"],
        transport=httpx2.MockTransport(handler(service)),
    )
    entry = reviewer.link(token.id)
    assert entry.grant.capabilities == (freed,)
    changed = {change.field: (change.before, change.after) for change in entry.changes}
    assert changed["desk.note use"] == ("only to be handed on", "")
    assert changed["desk.note.score"] == ('> 0 … < "0.5"', "0.25")
    page = html.unescape(Browser(world).get(f"/links/{root.id}").text)
    assert "only to be handed on" in page or "only hand it on" in page
    assert "> 0 … <" in page or "no links but to acme.example" in page


@pytest.mark.parametrize(
    "change",
    [
        {"delegate_only": False}, {"delegate_only": "yes"}, {"arguments": {"x": {"spelled": {"exact": "1"}}}}, {"arguments": {"x": {"regex": "a"}}},
        {"arguments": {"x": {"exact": 0.5}}}, {"arguments": {"x?": {"any": True}}}, {"arguments": {"x": {"during": {"from": "soon", "to": None}}}},
    ],
)  # fmt: skip
def test_other_grants_are_refused_with_a_reason(service: Service, change: dict) -> None:
    """A 422 that says what was wanted, never a 500."""
    ceiling = {"capabilities": [{"tool": "desk.note", "resources": [], "arguments": {}, **change}]}
    body = {"title": "T", "owner": OWNER, "ceiling": ceiling, "lasts": 60}
    answer = service.ask("POST", "/v1/tasks", json=body)
    assert answer.status_code == 422, answer.text
    assert len(answer.json()["detail"]) > 20
