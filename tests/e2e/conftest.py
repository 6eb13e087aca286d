"""A real browser at a real `delegation serve`. Any CSP report, console error or foreign request fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from browsing import Desk, launched
from consent import approver, asked, pay, paying
from forest import forest
from serving import serving

REPORT = "document.addEventListener('securitypolicyviolation', e => console.error('CSP ' + e.effectiveDirective))"


@dataclass(frozen=True)
class Site:
    """A served store with a forest, and the key that logs people in."""

    url: str
    key: str
    operator: str
    task: str
    names: dict[str, str]

    def link(self, name: str) -> str:
        """Return the id of the link with this holder."""
        return self.names[name]

    def map(self, query: str = "") -> str:
        """Return the path of the task's map."""
        return f"/tasks/{self.task}/map{query}"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve a forest."""
    folder = tmp_path_factory.mktemp("site")
    world = forest(folder / "store.db")
    links = world.tracker.outline(world.task).links
    names = {link.claimed_name: str(link.id) for link in links}
    world.tracker._desk.ring.save(folder / "store.ring.json")  # a used store is not served without
    world.tracker.close()
    with serving(folder / "store.db", folder) as told:
        keys = told["api_keys"]
        yield Site(told["url"], keys["reviewer"], keys["operator"], str(world.task.id), names)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Start the browser once for a file: while it runs, no other test of this worker may use asyncio."""
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def session(chromium: Any, site: Site) -> Any:
    """Log in once, and return the cookies."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{site.url}/login")
    page.fill("#key", site.key)
    page.click("main button")
    page.wait_for_url(f"{site.url}/")
    cookies = context.cookies()
    context.close()
    return cookies


class Visit:
    """A page with a session, whose complaints are collected."""

    def __init__(self, page: Any, base: str) -> None:
        self.page = page
        self.base = base
        self.bad: list[str] = []
        page.add_init_script(REPORT)
        page.on("console", lambda m: self.bad.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: self.bad.append(str(e)))
        page.on(
            "request",
            lambda r: None if r.url.startswith(base) else self.bad.append(f"external {r.url}"),
        )

    def goto(self, path: str, *, ready: bool = True) -> Any:
        """Load a page; on maps, wait until its script has begun."""
        self.page.goto(self.base + path)
        if ready and "/map" in path:
            self.page.wait_for_selector('html[data-ready="1"]', state="attached")
        return self.page


@pytest.fixture
def visit(chromium: Any, site: Site, session: Any) -> Iterator[Any]:
    """Return a function that opens a page in a fresh context; complaints fail the test at its end."""

    @contextmanager
    def opened(**options: Any) -> Iterator[Visit]:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(90_000)
        context.add_cookies(session)
        try:
            one = Visit(context.new_page(), site.url)
            yield one
            assert one.bad == []
        finally:
            context.close()

    return opened


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Serve the store."""
    folder = tmp_path_factory.mktemp("desk")
    world = forest(folder / "store.db")
    tracker, task = world.tracker, str(world.task.id)
    links = tracker.outline(world.task).links
    names = {link.claimed_name: str(link.id) for link in links}
    token = paying(world, names=("planner", "payer"))
    requests = [asked(world, token, pay(world, order=f"o{n}"), by="payer") for n in range(3)]
    secret = tracker.create_api_key(
        "fay", "approver", person="fay@acme.example", approves_as=["finance"]
    )
    assert approver(world, "gil@acme.example", "finance")
    tracker._desk.ring.save(folder / "store.ring.json")  # a used store is not served without
    tracker.close()
    with serving(folder / "store.db", folder) as told:
        keys = {**told["api_keys"], "fay": secret}
        yield Desk(told["url"], keys, task, names, requests)


@pytest.fixture
def enter(chromium: Any, desk: Desk) -> Callable[..., Any]:
    """Return a function that opens a page with a role's session; complaints fail the test."""

    @contextmanager
    def opened(role: str = "reviewer", **options: Any) -> Iterator[Visit]:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(90_000)
        try:
            if role not in desk.cookies:
                first = chromium.new_context()
                page = first.new_page()
                page.goto(f"{desk.url}/login")
                page.fill("#key", desk.keys[role])
                page.click("main button")
                page.wait_for_selector("header.top")
                desk.cookies[role] = first.cookies()
                first.close()
            context.add_cookies(desk.cookies[role])
            one = Visit(context.new_page(), desk.url)
            yield one
            assert one.bad == []
        finally:
            context.close()

    return opened
