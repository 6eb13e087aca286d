"""A person's browser without script: keeps cookies, follows nothing by itself, posts forms with their token."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx
import pytest
from routes import share
from starlette.testclient import TestClient
from world import World

from delegation_api.app import create_app
from delegation_api.settings import Settings

share()


def shape(path: str) -> str:
    """Return what a page is, whatever it is about."""
    return re.sub(r"[a-z]{3}_[A-Za-z0-9_-]{20,}|(?<=/keys/)[^/]+|(?<=/agents/)[^/]+|(?<=/endings/)\d+", "*", path.partition("?")[0])  # fmt: skip


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


TABS = 150  # more than any page of these stores has stops


@dataclass
class Desk:
    """A served store with a forest, requests for approval, and a key for each role."""

    url: str
    keys: dict[str, str]
    task: str
    names: dict[str, str]
    requests: list[str]
    cookies: dict[str, Any] = field(default_factory=dict)

    def api(self, path: str, **body: Any) -> Any:
        """Ask the service as its operator."""
        headers = {"Authorization": f"Bearer {self.keys['operator']}"}
        method = "POST" if body else "GET"
        answer = httpx.request(method, self.url + path, headers=headers, json=body or None)
        assert answer.status_code < 300, answer.text
        return answer.json()


def tab_to(page: Any, selector: str) -> None:
    """Press Tab until what has the focus matches."""
    for _ in range(TABS):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"no Tab reaches {selector}")


def main(page: Any) -> str:
    """Return what the page says, in one line."""
    return re.sub(r"\s+", " ", page.inner_text("main"))


@contextmanager
def launched(*words: str) -> Iterator[Any]:
    """Start Debian's chromium, with further words of its command line, until the block ends.

    Its shell without a window is the same engine at a third of the start.
    """
    names = ("chromium-headless-shell", "chromium", "chromium-browser")
    program = next((found for name in names if (found := shutil.which(name))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    if program is None or sync_playwright is None:
        missing = "chromium (apt install chromium) or playwright (the dev extra)"
        if os.environ.get("CI"):
            pytest.fail(f"{missing} is missing")
        pytest.skip(f"needs {missing}")
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", *words]
        )
        yield browser
        browser.close()
