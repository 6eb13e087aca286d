"""The application with a key for each role, for tests."""

from __future__ import annotations

from routes import share
from starlette.testclient import TestClient
from world import DESK, World

from delegation_api.app import create_app
from delegation_api.check_front import CheckFront
from delegation_api.settings import Settings

share()


class Service:
    """The application with a key for each role."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.app = create_app(world.tracker, Settings(max_body=64 * 1024, max_wait=0.1))
        self.http = TestClient(CheckFront(self.app), raise_server_exceptions=False)
        self.slow = TestClient(self.app, raise_server_exceptions=False)
        make = world.tracker.create_api_key
        self.keys = {
            "operator": make("op", "operator"),
            "reviewer": make("rev", "reviewer"),
            "service": make("svc", "service", [DESK]),
            "approver": make("bo", "approver", person="bo@acme.example", approves_as=["finance"]),
        }

    def ask(self, method: str, path: str, role: str | None = "operator", **kw):
        """Send a request as a role."""
        headers = {
            **({"Authorization": f"Bearer {self.keys[role]}"} if role else {}),
            **kw.pop("headers", {}),
        }
        if role and path.startswith("/verify/"):
            headers["Delegation-Proxy-Key"] = self.keys[role]
        return self.http.request(method, path, headers=headers, **kw)

    def rows(self) -> int:
        """Count everything that a request might have stored."""
        with self.world.tracker._store._database.reading() as c:
            names = (
                "tool",
                "agent",
                "task",
                "link",
                "decision",
                "revocation",
                "api_key",
                "approval",
                "approval_act",
            )
            return sum(c.exec_driver_sql(f"SELECT count(*) FROM {n}").scalar_one() for n in names)
