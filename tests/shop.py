"""A guarded shop: a service as a team has it, its world, and an agent's way to it."""

from __future__ import annotations

from fastapi import FastAPI, Request
from pydantic import BaseModel
from starlette.testclient import TestClient
from world import DESK, World

from delegation import Access, Grant, Tool, anything, between, email, may, text
from delegation.integrations import Guard, decision_of


class Mail(BaseModel):
    to: str
    body: str


def application(seen: list) -> FastAPI:
    """Return a service as a team has it, before it heard of agents."""
    app = FastAPI()

    @app.post("/refunds/{order}")
    def refund(order: str, request: Request, amount: int = 0) -> dict:
        seen.append(("refund", order, amount, decision_of(request).id, dict(request.headers)))
        return {"order": order}

    @app.post("/mail")
    def mail(mail: Mail) -> dict:
        seen.append(("mail", mail.to, mail.body))
        return {"sent": mail.to}

    @app.get("/health")
    def health() -> str:
        return "ok"

    return app


class Shop:
    """A guarded service, its world, and an agent's way to it."""

    def __init__(self, desk=None) -> None:
        self.world = World()
        tracker = self.world.tracker
        tracker.add_tool(
            Tool("shop.refund", effect="write", arguments={"order": "opaque", "amount": "integer"})
        )
        tracker.add_tool(
            Tool("shop.mail", effect="write", arguments={"to": "email", "body": "text"})
        )
        self.seen: list = []
        self.guard = Guard(desk or tracker, audience=DESK, clock=lambda: self.world.at)
        self.guard.route(
            "POST", "/refunds/{order}", "shop.refund", query=["amount"], kinds={"amount": "integer"}
        )
        self.guard.route("POST", "/mail", "shop.mail", body=["to", "body"])
        self.guard.open("GET", "/health")
        self.http = TestClient(
            self.guard.protect(application(self.seen)), raise_server_exceptions=False
        )
        tools = [
            may("shop.refund", order=anything(), amount=between(1, 500)),
            may("shop.mail", to=email("acme.example"), body=text(max=50)),
        ]
        self.task = tracker.open_task(
            "Shop", owner="ana@acme.example", lasts=900,
            ceiling=Grant(tools, audience=[DESK], delegations_left=3, budget={"calls": 20}),
        )  # fmt: skip
        root = tracker.issue(self.task, to=self.world.key("boss").public)
        self.token = root.delegate(
            by=self.world.key("boss"), to=self.world.key("a").public, grant=root.grant.narrow()
        )

    def headers(self, access: Access, by: str = "a", **more: str) -> dict[str, str]:
        """Return token and proof over an access."""
        proof = self.world.key(by).prove(self.token, access, at=self.world.at)
        return {"Authorization": f"Delegation {self.token.text}", "Delegation-Proof": proof, **more}

    def refund(self, order: str = "o1", amount: int = 5) -> Access:
        """Return the access of a refund."""
        return Access("shop.refund", {"order": order, "amount": amount}, DESK)
