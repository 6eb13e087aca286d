"""Pages: what they say equals what is recorded, hostile names stay text, headers hold everywhere."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections import Counter
from html import unescape
from typing import Any

import pytest
from browsing import Browser
from fastapi.routing import APIRoute
from world import NOW, World

from delegation import Grant

HOSTILE = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "{% raw %}", "&lt;b&gt;",
    "javascript:alert(1)", "a\u202etxt.exe", "a\u200bb", "' onclick='x", "<svg/onload=x>", "é" + "\u0301" * 40,
]  # fmt: skip


@pytest.fixture
def browser(world: World) -> Browser:
    """Return a browser with a reviewer's session."""
    return Browser(world)


def linked(browser: Browser) -> dict[str, Any]:
    """Return the world's pages by path, found by following links from home: at most three of a kind."""
    found: dict[str, Any] = {}
    waiting, kinds = ["/"], Counter()
    while waiting:
        path = waiting.pop()
        kind = re.sub(r"=[^&]*|(?<=/)(?:(?:lnk|tsk|dec)_[^/?]+|[^/?]{43}|[a-z2-7-]{14})", "*", path)
        if path in found or path.startswith("/static/") or kinds[kind] >= 3:
            continue
        kinds[kind] += 1
        found[path] = browser.get(path)
        waiting += [unescape(p) for p in re.findall(r'href="(/[^"#]*)', found[path].text)]
    return found


def test_every_page_that_is_linked_is_there_under_a_strict_policy(
    world: World, browser: Browser
) -> None:
    """No dead link; no inline script or style; nothing from elsewhere; nothing kept."""
    token = world.chain("boss", "a")
    world.check(token, "a")
    world.check(token, "a", world.access("ops.restart", host="h.example"))
    world.tracker.check("garbage", None, world.access())
    seen = linked(browser)
    expected = {"/", "/tasks", "/decisions", f"/tasks/{world.task.id}", f"/links/{token.id}"}
    assert expected <= seen.keys()
    for path, answer in seen.items():
        assert answer.status_code == 200, path
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert not re.search(r"<script(?![^>]*src=)(?![^>]*application/json)", answer.text), path
        assert not re.search(
            r"\sstyle=|\son[a-z]+=|https?://(?!www\.w3\.org)", re.sub(r">[^<]*<", "><", answer.text)
        ), path
        assert answer.text.count("<h1") == 1, path
        assert token.text not in answer.text
        assert not re.search(r"dct\.[bm]1\.[A-Za-z0-9_-]", answer.text)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=[] if n in {0, 2, 6} else pytest.mark.thorough
        )  # markup, template, order
        for n, name in enumerate(HOSTILE)
    ],
)
def test_a_hostile_name_is_text_on_every_page(world: World, browser: Browser, name: str) -> None:
    """Names, titles, arguments and causes that agents write are shown, never obeyed."""
    world.task = world.tracker.open_task(
        name if len(name) < 40 and name.isprintable() else "T", owner="ana@acme.example", ceiling=world.task.ceiling.narrow(expires_at=NOW + 900), lasts=1000
    )  # fmt: skip
    world.keys["x"] = type(world.key("x")).generate(name[:60])
    token = world.chain("boss", "x")
    world.check(token, "x", world.access("mail.send", to="x@acme.example", body=name[:90]))
    world.check(token, "x", world.access("files.read", path="/" + name))
    for answer in linked(browser).values():
        text = answer.text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "<svg/onload" not in text
        assert "49" not in re.findall(r"\{\{ 7\*7 \}\}|>49<", text)
        assert "\u202e" not in text
        assert "\u200b" not in text
        assert not re.search(r"<[^>]*\son[a-z]+\s*=", text)


def test_counts_on_a_tasks_page_are_the_apis(world: World, browser: Browser) -> None:
    """What a page counts is what the tracker returns."""
    token = world.chain("boss", "a", "b")
    for _ in range(3):
        world.check(token, "b")
    world.check(token, "b", world.access("ops.restart", host="h.example"))
    text = browser.get(f"/tasks/{world.task.id}").text
    entry = world.tracker.lineage(world.task).entry
    assert f"{len(entry.links)} links" in text
    assert f"{len(entry.calls)} calls of which 1 denied" in text
    assert text.count('<tr><td><span class="mono muted" aria-hidden="true">') == len(entry.links)


def test_a_past_state_is_shown_as_past(world: World, browser: Browser) -> None:
    """`?at=` shows what was recorded by then, and says so; before the task there was none."""
    token = world.chain("boss", "a")
    world.check(token, "a")
    world.at = NOW + 50
    world.tracker.revoke("link", token.id, by="t")
    page = browser.get(f"/links/{token.id}?at={NOW}").text
    assert "State at" in page
    assert 'class="state active"' in page
    assert 'class="state revoked"' in browser.get(f"/links/{token.id}").text
    stamp = "2027-01-15T08:00:00Z"
    assert browser.get(f"/tasks/{world.task.id}?at={stamp}").status_code == 200
    assert browser.get(f"/tasks/{world.task.id}?at={NOW - 10}").status_code == 404
    assert browser.get(f"/tasks/{world.task.id}?at=yesterday").status_code == 422


def test_a_denial_names_step_link_and_caveat(world: World, browser: Browser) -> None:
    """The page of a denied call says where it was stopped, and which steps were never reached."""
    token = world.chain("boss", "a")
    low = token.delegate(
        by=world.key("a"), to=world.key("b").public, grant=Grant(budget={"calls": 1})
    )
    world.check(low, "b")
    denied = world.check(low, "b")
    text = browser.get(f"/decisions/{denied.id}").text
    assert "at step 12" in text
    assert "budget_exceeded" in text or denied.denial.code in text
    assert "refused here" in text
    assert text.count("not reached") == 2
    assert text.count('class="state passed"') == 10


def test_every_page_has_one_gate() -> None:
    """A page without a gate would be open by accident; open ones say so."""
    from delegation_api import pages
    from delegation_api.auth import RoleGate
    from delegation_api.pages.session import ViewerGate

    found = [
        importlib.import_module(m.name)
        for m in pkgutil.iter_modules(pages.__path__, "delegation_api.pages.")
    ]
    parts = [part for part in found if hasattr(part, "router")]
    assert len(parts) >= 10
    public = {"/login", "/static/{version}/{name:path}", "/favicon.ico"}

    def gates(dependant):
        own = [dependant.call] if isinstance(dependant.call, RoleGate | ViewerGate) else []
        return own + [gate for inner in dependant.dependencies for gate in gates(inner)]

    for part in parts:
        for route in part.router.routes:
            assert isinstance(route, APIRoute)
            (gate,) = gates(route.dependant)
            assert (route.path in public) == (gate.roles == ())
