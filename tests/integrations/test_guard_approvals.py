"""Whoever guards a service tells the agent which request for approval to wait for."""

from __future__ import annotations

from pathlib import Path

from consent import approver, granted, pay, paying, rule
from fastapi import FastAPI
from starlette.testclient import TestClient
from world import DESK, World

from delegation import Access
from delegation.integrations import Guard
from delegation_api.app import create_app
from delegation_api.settings import Settings


def test_a_guards_refusal_names_the_request_and_the_next_call_passes() -> None:
    """403 with `Delegation-Approval`; after the consent the handler runs, once."""
    world = World()
    app = FastAPI()

    @app.post("/refunds/{order}")
    def refund(order: str, amount: int) -> dict[str, str]:
        return {"order": order}

    guard = Guard(world.tracker, audience=DESK, clock=lambda: world.at)
    guard.route(
        "POST", "/refunds/{order}", "pay.refund", query=["amount"], kinds={"amount": "integer"}
    )
    http = TestClient(guard.protect(app), raise_server_exceptions=False)
    token = paying(world)

    def call():
        proof = world.key("a").prove(token, pay(world), at=world.at)
        headers = {"Authorization": f"Delegation {token.text}", "Delegation-Proof": proof}
        return http.post("/refunds/o1?amount=300", headers=headers)

    denied = call()
    assert denied.status_code == 403
    request = denied.headers["delegation-approval"]
    granted(world, request, approver(world, "bo", "finance"))
    assert call().json() == {"order": "o1"}
    again = call()
    assert again.status_code == 403
    assert again.headers["delegation-approval"] != request


def test_a_proxys_answer_names_the_request(tmp_path: Path) -> None:
    """The header stands beside the decision, where the proxy may pass it on."""
    world = World()
    table = tmp_path / "routes.toml"
    table.write_text(
        f"""[[mount]]
audience = "{DESK}"

[[mount.route]]
method = "GET"
path = "/files/{{path...}}"
tool = "files.read"
"""
    )
    world.task = world.open(needs_approval=[rule("files.read")])
    token = world.chain("boss", "a")
    access = Access("files.read", {"path": "/a"}, DESK, purpose="desk")
    key = world.tracker.create_api_key("edge", "service", [DESK])
    http = TestClient(create_app(world.tracker, Settings(forward_routes=str(table))))
    answer = http.get(
        "/verify/nginx",
        headers={
            "Delegation-Proxy-Key": key,
            "X-Original-Method": "GET",
            "X-Original-URI": "/files/a",
            "X-Capability-Token": token.text,
            "Delegation-Proof": world.key("a").prove(token, access, at=world.at),
        },
    )
    assert answer.status_code == 403
    assert world.tracker.approval(answer.headers["delegation-approval"]).state == "pending"
