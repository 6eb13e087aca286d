"""A person's browser without script: keeps cookies, follows nothing by itself, posts forms with their token."""

from __future__ import annotations

import re
from typing import Any

from starlette.testclient import TestClient
from world import World

from delegation_api.app import create_app
from delegation_api.settings import Settings


class Browser:
    """A browser at the pages of a world's service.

    Args:
        world: What is shown.
        role: Of the API key that it is logged in with; empty stays outside.
    """

    def __init__(self, world: World, role: str = "reviewer", name: str = "") -> None:
        self.world = world
        self.http = TestClient(
            create_app(world.tracker, Settings()),
            raise_server_exceptions=False,
            follow_redirects=False,
        )
        self.name = name or role
        if role:
            self.secret = world.tracker.create_api_key(self.name, role)
            self.log_in()

    def log_in(self) -> Any:
        """Spend a fresh link."""
        link = self.world.tracker.create_login_link(self.name, "http://testserver")
        ticket = link.partition("ticket=")[2]
        return self.http.post("/login", data={"ticket": ticket, "next": "/"})

    def get(self, path: str, **kw: Any) -> Any:
        """Load a page."""
        return self.http.get(path, **kw)

    def post(self, path: str, page: str, data: dict[str, str] | None = None, **kw: Any) -> Any:
        """Post a form with the token that a page's form carries."""
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.get(page).text)
        fields = {**({"csrf": found.group(1)} if found else {}), **(data or {})}
        return self.http.post(path, data=fields, **kw)
