"""Oversight and settling over HTTP: roles, forms, and the same answers as in process."""

from __future__ import annotations

import pytest
from service import Service
from world import DESK, World

from delegation import Access, Tool, may, text
from delegation.authority.grant import Grant

RULES = 'version = 1\n[[guardrail]]\nname = "nobody pays"\nnever_reach = { tools = ["pay.**"] }\n'


@pytest.fixture
def service() -> Service:
    """Return a service."""
    return Service(World())


def test_guardrails_are_asserted_for_reviewers(service: Service) -> None:
    """What breaks comes with its witness; a malformed file is a problem that names the place."""
    root = service.world.root()
    body = {"guardrails": RULES}
    told = service.ask("POST", "/v1/guardrails", "reviewer", json=body).json()
    assert told["holds"] is False
    assert told["guardrails"][0]["violations"][0]["link"] == root.id
    assert service.ask("POST", "/v1/guardrails", "service", json=body).status_code == 403
    assert service.ask("POST", "/v1/guardrails", None, json=body).status_code == 401
    wrong = service.ask("POST", "/v1/guardrails", json={"guardrails": RULES + "x = 1"})
    assert wrong.status_code == 422
    assert "guardrail 1 (line 2)" in wrong.text
    gone = service.ask("POST", "/v1/guardrails", json={**body, "task": "tsk_none"})
    assert gone.status_code == 404


def test_use_is_tightened_for_reviewers(service: Service) -> None:
    """The proposal is the tracker's own."""
    world = service.world
    token = world.chain("boss", "a")
    for number in range(11):
        call = world.access("mail.send", to=f"u{number}@acme.example", body="Hi")
        assert world.check(token, "a", call)
    body = {"kind": "link", "id": token.id}
    (told,) = service.ask("POST", "/v1/tighten", "reviewer", json=body).json()["proposals"]
    (own,) = world.tracker.tighten("link", token.id)
    assert Grant.from_json(told["grant"]) == own.proposal.grant
    assert service.ask("POST", "/v1/tighten", "service", json=body).status_code == 403
    for wrong, status in (({"kind": "x"}, 422), ({"minimum": -1}, 422), ({"id": "lnk_x"}, 404)):
        assert service.ask("POST", "/v1/tighten", json={**body, **wrong}).status_code == status


def test_the_service_that_was_allowed_settles_the_cost(service: Service) -> None:
    """Reserved over HTTP, settled over HTTP, and by nobody else."""
    world = service.world
    world.tracker.add_tool(
        Tool("llm.ask", effect="read", arguments={"prompt": "text"}, cost={"usd_cents": None})
    )
    ceiling = Grant([may("llm.ask", prompt=text())], audience=[DESK], budget={"usd_cents": 50})
    world.task = world.tracker.open_task("Ask", owner="ana@acme.example", ceiling=ceiling)
    token = world.root()
    access = Access("llm.ask", {"prompt": "x"}, DESK, max_cost={"usd_cents": 20})
    proof = world.key("boss").prove(token, access, at=world.at)
    body = {"token": token.text, "proof": proof, "access": access.to_json()}
    told = service.ask("POST", "/v1/check", "service", json=body).json()
    assert (told["allowed"], told["reserved"], told["cost"]["usd_cents"]) == (
        True,
        ["usd_cents"],
        20,
    )
    place = f"/v1/decisions/{told['decision']}/outcome"
    done = {"state": "executed", "cost": {"usd_cents": 8}}
    assert service.ask("POST", place, "operator", json=done).status_code == 404
    for wrong in ({"usd_cents": 21}, {"usd_cents": -1}, {"usd_cents": True}, {"eur": 1}, [1]):
        refused = service.ask("POST", place, "service", json={**done, "cost": wrong})
        assert refused.status_code == 422
    assert service.ask("POST", place, "service", json=done).status_code == 204
    assert service.ask("POST", place, "service", json=done).status_code == 204
    other = service.ask("POST", place, "service", json={**done, "cost": {"usd_cents": 9}})
    assert other.status_code == 409
    kept = service.ask("GET", f"/v1/decisions/{told['decision']}", "reviewer").json()
    (one,) = kept["reservations"]
    assert (one["amount"], one["settled"], one["by"]) == (20, 8, "svc")
    assert dict(world.tracker.task(world.task.id).spent)["usd_cents"] == 8
