"""What stands in a URL is read by the argument's type; in another spelling than the one, it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient
from world import DESK, OWNER, World

from delegation import Access, Grant, Tool, anything, may
from delegation_api.app import create_app
from delegation_api.settings import Settings

TABLE = f"""
[[mount]]
audience = "{DESK}"

[[mount.route]]
method = "GET"
path = "/log/{{since}}/{{file...}}"
tool = "log.read"
query = {{ rate = "rate", level = "level", on = "day", id = "id", limit = "limit" }}
"""
LOG = Tool(
    "log.read",
    effect="read",
    arguments={
        "since": "datetime",
        "file": "relative_path",
        "rate?": "number",
        "level?": {"type": "enum", "values": ["low", 1, 2.5, True]},
        "day?": "date",
        "id?": "segment",
        "limit?": {"type": "money", "currency": "USD"},
    },
)
SINCE = "2026-11-30T07:00:00Z"


class Logs:
    """The service with one mount of a service that has logs."""

    def __init__(self, folder: Path) -> None:
        self.world = World()
        self.world.tracker.add_tool(LOG)
        ceiling = Grant([may("log.read", **dict.fromkeys(LOG.arguments, anything()))], audience=[DESK], purpose="desk", delegations_left=6, budget={"calls": 90})  # fmt: skip
        self.world.task = self.world.tracker.open_task("Read", owner=OWNER, ceiling=ceiling, lasts=1000)  # fmt: skip
        self.token = self.world.chain("boss", "a")
        table = folder / "routes.toml"
        table.write_text(TABLE)
        self.http = TestClient(create_app(self.world.tracker, Settings(forward_routes=str(table))))
        self.key = self.world.tracker.create_api_key("edge", "service", [DESK])

    def ask(self, target: str, **arguments: object):
        """Ask about a request whose holder signed these arguments."""
        access = Access("log.read", arguments, DESK, purpose="desk")
        proof = self.world.key("a").prove(self.token, access, at=self.world.at)
        headers = {"Delegation-Proxy-Key": self.key, "X-Original-Method": "GET", "X-Original-URI": target, "X-Capability-Token": self.token.text, "Delegation-Proof": proof}  # fmt: skip
        return self.http.get("/verify/nginx", headers=headers)


@pytest.fixture(scope="module")
def logs(tmp_path_factory) -> Logs:
    """Return one mount for all facts."""
    return Logs(tmp_path_factory.mktemp("logs"))


@pytest.mark.parametrize(
    ("query", "more"),
    [("", {}), ("?rate=1.5", {"rate": 1.5}), ("?rate=100", {"rate": 100}), ("?rate=-0.25", {"rate": -0.25}), ("?level=low", {"level": "low"}), ("?level=1", {"level": 1}), ("?level=2.5", {"level": 2.5}), ("?level=true", {"level": True}),
     ("?on=2026-11-30", {"day": "2026-11-30"}), ("?id=user%3A1", {"id": "user:1"}), ("?limit=1250", {"limit": 1250})],
)  # fmt: skip
def test_a_text_of_a_url_is_read_as_its_argument(logs: Logs, query: str, more: dict) -> None:
    """Numbers, values of a set, money, days, segments; the rest of a path is relative."""
    answer = logs.ask(f"/log/{SINCE}/eu/q3.csv{query}", since=SINCE, file="eu/q3.csv", **more)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("target", "more"),
    [(f"/log/{SINCE}/a?rate=1.50", {"rate": 1.5}), (f"/log/{SINCE}/a?rate=1e2", {"rate": 100}), (f"/log/{SINCE}/a?rate=1.50", {"rate": "1.50"}), (f"/log/{SINCE}/a?level=1.0", {"level": 1}), (f"/log/{SINCE}/a?limit=12.50", {"limit": "12.50"}),
     (f"/log/{SINCE}/a?rate=0.1000000000000000055", {"rate": 0.1}), ("/log/2026-11-30T08:00:00%2B01:00/a", {"since": "2026-11-30T08:00:00+01:00"}), ("/log/2026-11-30T07:00:00.500Z/a", {"since": "2026-11-30T07:00:00.500Z"}), (f"/log/{SINCE}/..%2fa", {"file": "../a"})],
)  # fmt: skip
def test_another_spelling_is_not_handed_on(logs: Logs, target: str, more: dict) -> None:
    """The service behind would read it as it was sent, whatever the holder signed."""
    answer = logs.ask(target, **{"since": SINCE, "file": "a", **more})
    assert answer.status_code in {401, 403}, answer.text
