"""The service with a table of routes, asked as a proxy asks, for tests."""

from __future__ import annotations

from pathlib import Path

from routes import share
from starlette.testclient import TestClient
from world import DESK, World

from delegation import Access
from delegation_api.app import create_app
from delegation_api.settings import Settings

share()

ROUTES = f"""
[[mount]]
audience = "{DESK}"

[[mount.route]]
method = "GET"
path = "/files/{{path...}}"
tool = "files.read"

[[mount.route]]
method = "POST"
path = "/orders/{{order}}/refunds"
tool = "pay.refund"
query = {{ cents = "amount" }}

[[mount.route]]
method = "POST"
path = "/mail/{{to}}"
tool = "mail.send"
service_checks = true
"""


class Mounted:
    """The service with a route table, asked as a proxy asks."""

    def __init__(self, folder: Path, routes: str = ROUTES) -> None:
        self.world = World()
        table = folder / "routes.toml"
        table.write_text(routes)
        self.http = TestClient(
            create_app(self.world.tracker, Settings(forward_routes=str(table))),
            raise_server_exceptions=False,
        )
        self.key = self.world.tracker.create_api_key("edge", "service", [DESK])

    def signed(self, access: Access, name: str = "a") -> dict[str, str]:
        """Return the headers of an agent that proves this call."""
        token = self.world.chain("boss", name)
        proof = self.world.key(name).prove(token, access, at=self.world.at)
        return {"X-Capability-Token": token.text, "Delegation-Proof": proof}

    def ask(self, method: str, target: str, headers=(), mode: str = "nginx", key: str = ""):
        """Ask about a request through one mount."""
        names = {"nginx": ("X-Original-Method", "X-Original-URI")}.get(
            mode, ("X-Forwarded-Method", "X-Forwarded-Uri")
        )
        shown = [(names[0], method), (names[1], target)]
        more = list(headers.items() if isinstance(headers, dict) else headers)
        sent = [("Delegation-Proxy-Key", key or self.key), *shown, *more]
        return self.http.get(f"/verify/{mode}", headers=sent)

    def decisions(self) -> int:
        """Count recorded decisions."""
        return len(self.world.tracker.decisions(limit=500))
