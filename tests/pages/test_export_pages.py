"""The page of exports: reached from every view with its filters, and files by a form without script."""

from __future__ import annotations

import re
import time
from html import unescape

import pytest
from browsing import Browser
from world import World

from delegation.canonical import b64u
from delegation.lineage.selection import VIEWS


@pytest.fixture
def browser(world: World) -> Browser:
    """Return a browser with a reviewer's session."""
    token = world.chain("boss", "a")
    world.check(token, "a")
    world.check(token, "a", world.access("ops.restart", host="h.example"))
    return Browser(world)


def control(browser: Browser, path: str) -> str:
    """Return where a page's export control leads."""
    text = browser.get(path).text
    found = re.search(r'<nav aria-label="Export"><a class="button" href="([^"]+)"', text)
    return unescape(found.group(1)) if found else ""


def test_every_view_leads_to_its_export_with_its_filters(world: World, browser: Browser) -> None:
    """Path, filters and instant are those of the page; what the view does not have is left out."""
    task = world.task.id
    link = world.tracker.links()[0].id
    key = b64u(world.key("a").public.key)
    for path, wanted in {
        f"/keys/{key}": f"/exports?view=links&key=ed25519%3A{key}", f"/links/{link}/blast": f"/exports?view=lineage&link={link}",
        "/map": "/exports?view=lineage", "/tasks": "/exports?view=tasks", f"/tasks/{task}": f"/exports?view=lineage&task={task}",
        f"/tasks/{task}/map?standing=active&find=a&at={world.at}": f"/exports?view=lineage&task={task}&standing=active&at={world.at}",
        f"/tasks/{task}/timeline": f"/exports?view=timeline&task={task}", f"/links/{link}": f"/exports?view=lineage&link={link}",
        "/decisions?allowed=false&tool=&code=x": "/exports?view=decisions&code=x&allowed=false", "/agents": "/exports?view=agents",
        "/overview": "/exports?view=lineage", f"/tasks/{task}/overview": f"/exports?view=lineage&task={task}", "/endings": "/exports?view=endings",
        "/findings?severity=high": "/exports?view=findings&severity=high", "/risks": "/exports?view=risks", "/approvals": "/exports?view=approvals&state=pending",
    }.items():  # fmt: skip
        assert control(browser, path) == wanted
        page = browser.get(wanted)
        assert page.status_code == 200, page.text
        assert page.text.count("<h1") == 1


def test_a_file_comes_by_a_form_without_script(world: World, browser: Browser) -> None:
    """Each form of each view; the answer is a file with its digest, not a page."""
    for view, one in VIEWS.items():
        given = {"task": world.task.id} if view == "timeline" else {}
        address = f"/exports?view={view}" + "".join(f"&{n}={v}" for n, v in given.items())
        shown = browser.get(address).text
        assert re.findall(r'name="form" value="([a-z]+)"', shown) == list(one.forms)
        for form in one.forms:
            if form in {"png", "pdf"}:
                continue
            answer = browser.post("/exports", address, {"view": view, "form": form, **given})
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-disposition"].startswith("attachment")
            assert answer.headers["repr-digest"].startswith("sha-256=:")
            assert answer.content == world.tracker.export(view, form, **given).data


def test_a_past_instant_is_kept_through_the_form(world: World, browser: Browser) -> None:
    """What the page shows of an instant is what the file is of."""
    world.at += 100
    world.check(world.chain("boss", "z"), "z")
    address = f"/exports?view=decisions&at={world.at - 100}"
    form = re.search(
        r'<form[^>]* action="/exports".*?</form>', browser.get(address).text, re.DOTALL
    )
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form.group()))
    answer = browser.post("/exports", address, {**hidden, "form": "csv"})
    assert answer.text.count("\r\n") == 1 + 2


def test_refusals_are_pages(world: World, browser: Browser) -> None:
    """An unknown view, form or filter says so; without the session's token nothing is made."""
    assert browser.get("/exports?view=x").status_code == 422
    assert browser.get("/exports?view=timeline").status_code == 422
    assert browser.get("/exports?view=tasks&at=1").status_code == 422
    assert browser.get("/exports?colour=red").status_code == 422
    for fields in (
        {"view": "tasks", "form": "exe"},
        {"view": "tasks", "form": "csv", "x": "y"},
        {},
    ):
        assert browser.post("/exports", "/exports?view=tasks", fields).status_code == 422
    forged = {"view": "tasks", "form": "csv", "csrf": "0" * 64}
    assert browser.http.post("/exports", data=forged).status_code == 403
    assert Browser(world, role="").get("/exports").status_code == 303


def test_approvers_see_no_export(world: World) -> None:
    """Whoever only answers requests reads no views, and exports none."""
    world.tracker.create_api_key("bo", "approver", person="bo@acme.example", approves_as=["x"])
    approver = Browser(world, role="")
    approver.name = "bo"
    approver.log_in()
    assert control(approver, "/approvals") == ""
    assert approver.get("/exports").status_code == 403


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a\u202eb", "' x='"]
)
def test_hostile_filters_are_text(browser: Browser, name: str) -> None:
    """A filter's value is shown and sent on as text."""
    page = browser.get("/exports", params={"view": "links", "holder": name})
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "<img src=x" not in page.text
    assert "\u202e" not in page.text


def made(browser: Browser, **fields: str) -> str:
    """Ask for a job by the form and return its page's address."""
    answer = browser.post("/exports", "/exports?view=tasks", {"how": "job", **fields})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def settled(browser: Browser, place: str) -> str:
    """Return a job's page once it says that it is over."""
    end = time.monotonic() + 60
    while 'id="making"' in (text := browser.get(place).text) and time.monotonic() < end:
        time.sleep(0.02)
    return text


def test_a_job_has_a_page_that_needs_no_script(world: World, browser: Browser) -> None:
    """Asked for, followed, its digest and manifest shown, fetched, forgotten: by forms alone."""
    place = made(browser, view="decisions", form="ocsf", allowed="false")
    text = settled(browser, place)
    own = world.tracker.export("decisions", "ocsf", allowed=False)
    assert own.digest.hex() in text
    assert "<dt>shown</dt><dd>1</dd>" in text
    assert f'action="{place}/file" method="get"' in text
    file = browser.get(f"{place}/file")
    assert file.content == own.data
    assert file.headers["content-disposition"].startswith("attachment")
    assert place in browser.get("/exports").text
    assert browser.post(f"{place}/cancel", place).headers["location"] == place
    assert "Cancelled" in browser.get(place).text
    assert browser.get(f"{place}/file").status_code == 409


def test_a_page_of_a_job_that_is_made_follows_without_script(
    world: World, browser: Browser, monkeypatch
) -> None:
    """While it is made the page loads itself again, says how far it is, and can cancel."""
    monkeypatch.setattr("delegation.tracker.exports.ExportRunner.begin", lambda *_: None)
    place = made(browser, view="links", form="csv")
    page = browser.get(place)
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in page.text
    assert '<progress id="bar" max="1" value="0"' in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    with world.tracker._store.write() as work:
        job = place.rpartition("/")[2]
        assert work.tell_export(job, 3, 8, at=world.at, begins=True)
    assert "3 of 8 read." in browser.get(place).text
    with browser.http.stream("GET", f"{place}/events") as stream:
        lines = (line for line in stream.iter_lines() if line)
        assert next(lines) == "retry: 2000"
        assert next(lines) == "event: progress"
        assert next(lines) == 'data: {"state": "running", "done": 3, "total": 8}'
        browser.post(f"{place}/cancel", place)
        told = list(lines)
    assert told[-2:] == ["event: over", 'data: {"state": "cancelled", "done": 3, "total": 8}']
    assert browser.http.app.state.exports.open == 0
    assert "Cancelled" in browser.get(place).text


def test_another_persons_job_is_not_there(world: World, browser: Browser) -> None:
    """Page, file, events and cancelling of another's job are 404."""
    place = made(browser, view="tasks", form="csv")
    other = Browser(world, name="second")
    for path in (place, f"{place}/file", f"{place}/events"):
        assert other.get(path).status_code == 404
    assert other.post(f"{place}/cancel", "/exports?view=tasks").status_code == 404
    assert place not in other.get("/exports").text
    assert "making" in (text := browser.get(place).text) or "Done" in text
