"""Map and timeline pages: their addresses, their words, their numbers, their size."""

from __future__ import annotations

import gzip
import json
import re
from html import unescape

import pytest
from browsing import Browser
from service import Service
from world import NOW, World

from delegation import Access
from delegation_api.pages import overview
from delegation_api.pages.assets import assets
from delegation_api.pages.map_address import MAX_OPENED


@pytest.fixture
def browser(world: World) -> Browser:
    """Return a browser with a reviewer's session."""
    return Browser(world)


def grown(world: World) -> tuple[str, str]:
    """Return the ids of a link with a denial and of one below it."""
    token = world.chain("boss", "a", "b")
    world.check(token, "b")
    world.check(token, "b", world.access("ops.restart", host="h.example"))
    for n in range(10):
        other = world.chain("boss", f"w{n}")
        world.check(other, f"w{n}")
    return token.chain.links[1].id, token.id


def test_every_address_on_a_map_leads_to_a_map(world: World, browser: Browser) -> None:
    """Nodes, bundles and switches, followed some steps: each answers, and keeps what was chosen."""
    _, leaf = grown(world)
    waiting = [f"/tasks/{world.task.id}/map", f"/tasks/{world.task.id}/map?focus={leaf}"]
    seen: set[str] = set()
    while waiting and len(seen) < 25:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        answer = browser.get(path)
        assert answer.status_code == 200, path
        found = [unescape(p) for p in re.findall(r'<a id="n-[^>]* href="([^"]*)"', answer.text)]
        assert all(p.startswith(f"/tasks/{world.task.id}/map") for p in found)
        waiting += found
    assert any("open=" in path for path in seen)


def test_the_panel_says_verdict_path_and_refusal(world: World, browser: Browser) -> None:
    """Selected: the last call's verdict with step, link and remedy; each hop; where it was refused."""
    _, leaf = grown(world)
    text = browser.get(f"/tasks/{world.task.id}/map?focus={leaf}").text
    panel = text[text.index('id="panel"') :]
    assert "at <a" in panel
    assert "effect_not_granted" in panel
    assert "1 call allowed, 1 denied" in panel
    assert "nothing delegated below" in panel
    assert panel.count("link 0") >= 1
    assert 'id="t-' in text
    assert "How it got this authority" not in browser.get(f"/tasks/{world.task.id}/map").text


def test_actions_lead_only_to_pages_that_there_are(world: World, browser: Browser) -> None:
    """No dead ends: every link of the panel answers."""
    _, leaf = grown(world)
    text = browser.get(f"/tasks/{world.task.id}/map?focus={leaf}").text
    panel = text[text.index('id="panel"') : text.index("</section>", text.index('id="panel"'))]
    for path in re.findall(r'href="([^"]+)"', panel):
        assert browser.get(unescape(path)).status_code == 200, path


def test_a_map_is_refused_what_it_does_not_know(world: World, browser: Browser) -> None:
    """An unknown filter word hides nothing silently; bounds hold; unknown ids are named."""
    path = f"/tasks/{world.task.id}/map"
    for query in ("standing=deleted", "outcome=active", "open=" + ",".join(f"l{n}" for n in range(MAX_OPENED + 1)),
                  "focus=" + "x" * 65, "colour=red", "at=yesterday", "focus=a&focus=b"):  # fmt: skip
        assert browser.get(f"{path}?{query}").status_code == 422, query
    lost = browser.get(f"{path}?focus=lnk_none")
    assert lost.status_code == 200
    assert "not in this task" in lost.text
    assert browser.get("/tasks/tsk_none/map").status_code == 404
    assert Browser(world, role="").get(path).status_code == 303


def test_finding_leads_to_the_link(world: World, browser: Browser) -> None:
    """One match is selected, several are listed, none is said; keys and ids are found too."""
    _, leaf = grown(world)
    path = f"/tasks/{world.task.id}/map"
    links = {link.claimed_name: link for link in world.tracker.outline(world.task).links}
    assert '<tr aria-current="true" class="chosen">' in browser.get(f"{path}?find=W9").text
    assert "links fit" in browser.get(f"{path}?find=w").text
    assert "No link of this task fits" in browser.get(f"{path}?find=nobody").text
    assert "How it got" in browser.get(f"{path}?find={links['b'].fingerprint[:9]}").text
    assert "How it got" in browser.get(f"{path}?find={leaf}").text


def test_map_json_is_the_map(world: World, browser: Browser) -> None:
    """The API gives what the page draws, to reviewers, as of any instant."""
    _, leaf = grown(world)
    service = Service(world)
    path = f"/v1/tasks/{world.task.id}/map.json"
    model = service.ask("GET", f"{path}?focus={leaf}", "reviewer").json()
    page = browser.get(f"/tasks/{world.task.id}/map?focus={leaf}").text
    drawn = re.findall(r'<a id="n-(lnk_[^"]+)"', page)
    assert drawn == [node["id"] for node in model["nodes"] if "id" in node]
    assert model["counts"]["shown"] == len(drawn)
    assert model["focus"] == leaf
    assert service.ask("GET", path, "service").status_code == 403
    assert service.ask("GET", path, None).status_code == 401
    assert service.ask("GET", f"{path}?at={NOW - 5}").status_code == 404
    assert service.ask("GET", f"{path}?standing=x").status_code == 422


def test_the_stores_map_groups_by_task(world: World, browser: Browser) -> None:
    """Every task is there with its roots; links lead to their own task's map."""
    _, leaf = grown(world)
    first = world.task
    world.task = world.open()
    other = world.chain("boss", "z")
    world.check(other, "z")
    text = browser.get("/map").text
    assert text.count('class="owner"') == 2
    assert f'href="/tasks/{world.task.id}/map?focus={other.id}"' in text
    assert f'href="/tasks/{first.id}/map?focus={leaf}"' in text
    assert browser.get(f"/map?at={NOW - 5}").status_code == 200


def test_an_overview_draws_every_link_and_leads_to_the_map(world: World, browser: Browser) -> None:
    """As many marks as links; the n-th leads to the map with the n-th recorded link selected."""
    grown(world)
    base = f"/tasks/{world.task.id}/overview"
    links = world.tracker.outline(world.task).links
    text = browser.get(base).text
    said = json.loads(re.search(r'id="numbers">(.*?)</script>', text).group(1))
    assert len(said["marks"]) == len(links) + 1
    assert f"{len(links)} links, every one drawn." in text
    for number, link in enumerate(links, start=1):
        way = browser.get(f"{base}/{number}").headers["location"]
        assert way == f"/tasks/{world.task.id}/map?focus={link.id}"
    assert browser.get(f"{base}/0").headers["location"] == f"/tasks/{world.task.id}/map"
    for wrong, status in (("99", 404), ("-1", 422), ("x", 422), ("9" * 30, 422)):
        assert browser.get(f"{base}/{wrong}").status_code == status
    assert browser.get("/tasks/tsk_none/overview").status_code == 404
    assert browser.get(f"{base}?at={NOW - 5}").status_code == 404
    assert browser.get(f"{base}/1?at={NOW}").headers["location"].endswith(f"&at={NOW}")


def test_the_stores_overview_says_what_is_not_in_it(
    world: World, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tasks until there are many links; the rest is a page of its own, and nothing falls between."""
    monkeypatch.setattr(overview, "MANY", 2)
    for names in (["a"], ["b", "c"], []):  # the newest has no link, the oldest neither
        world.at += 1
        world.task = world.open()
        if names:
            world.check(world.chain("boss", *names), names[-1])
    pages = ["/overview"]
    while True:
        text = unescape(browser.get(pages[-1]).text)
        following = re.search(r'<a href="(/overview[^"]+)" rel="next">', text)
        if not following:
            break
        pages.append(following.group(1))
        assert "are not among them" in text
    said = [
        re.search(r"(\d+) links? in (\d+) tasks?", browser.get(path).text).groups()
        for path in pages
    ]
    assert said == [("3", "2"), ("2", "1"), ("0", "1")]


def test_a_timeline_tells_commit_order_and_claims(world: World, browser: Browser) -> None:
    """Issue, delegation, call, denial with its claimed cause, revocation and end, in this order."""
    token = world.chain("boss", "a")
    first = world.check(token, "a")
    caused = Access(
        "ops.restart",
        {"host": "h.example"},
        world.access().audience,
        purpose="desk",
        cause=first.id,
    )
    world.check(token, "a", caused)
    world.tracker.revoke("link", token.id, by="ana", reason="<b>why</b>")
    world.check(token, "a")
    world.tracker.close_task(world.task)
    text = browser.get(f"/tasks/{world.task.id}/timeline").text
    lanes = re.findall(r"</svg>(issue|delegate|decide|deny|revoke|close)</span>", text)
    assert lanes == ["issue", "delegate", "decide", "deny", "revoke", "deny", "close"]
    assert '<a href="#e3">event 3</a>, claimed' in text
    assert "claimed-cause" in text
    assert "&lt;b&gt;why" in text
    assert 'href="/decisions/' in text
    assert browser.get(f"/tasks/{world.task.id}/timeline?after=5000").status_code == 200


def test_a_long_timeline_is_paged(world: World, browser: Browser) -> None:
    """A hundred events a page, each once."""
    token = world.root(budget={"calls": 50})
    for _ in range(110):
        world.check(token, "boss")
    path, seen = f"/tasks/{world.task.id}/timeline", []
    while path:
        text = browser.get(path).text
        seen += re.findall(r'<tr id="e(\d+)"', text)
        following = re.search(r'href="([^"]*)" rel="next"', text)
        path = f"/tasks/{world.task.id}/timeline{unescape(following.group(1))}" if following else ""
    assert seen == [str(n) for n in range(1, 112)]


def test_scripts_and_styles_stay_small_and_clean() -> None:
    """All of them within 40 kB gzipped; no way to make markup of text, nothing from elsewhere."""
    files = {
        name: content for name, (_, content) in assets().items() if name.endswith((".js", ".css"))
    }
    assert sum(len(gzip.compress(content)) for content in files.values()) <= 40_000
    for name, content in files.items():
        text = content.decode()
        assert not re.search(
            r"innerHTML\s*=|outerHTML|insertAdjacent|document\.write|eval\(|new Function|setTimeout\(['\"]|DOMParser|https?://(?!www\.w3\.org)",
            text,
        ), name
        assert "@import" not in text


def test_the_timeline_of_what_was_never_used_keeps_order(world: World, browser: Browser) -> None:
    """Links without calls stand in recorded order."""
    world.root("boss")
    world.root("a")
    text = browser.get(f"/tasks/{world.task.id}/timeline").text
    assert len(re.findall(r'<tr id="e', text)) == 2
