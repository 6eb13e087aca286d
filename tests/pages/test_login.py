"""Logging in: links work once, sessions end, forged posts change nothing."""

from __future__ import annotations

import re

import pytest
from browsing import Browser
from world import NOW, World

from delegation.commands.logins import SESSION_SECONDS, TICKET_SECONDS
from delegation.errors import ForbiddenError, NotFoundError, UnauthenticatedError

SESSION = "delegation-session"


@pytest.fixture
def browser(world: World) -> Browser:
    """Return a browser with a reviewer's session."""
    return Browser(world)


def ticket_of(link: str) -> str:
    """Return a link's ticket."""
    return link.partition("ticket=")[2]


def test_without_a_session_every_page_leads_to_the_login(world: World) -> None:
    """No page shows anything to a stranger; after logging in the way goes on."""
    browser = Browser(world, role="")
    for path in ("/", "/tasks", f"/tasks/{world.task.id}", "/links/x", "/decisions?allowed=false"):
        answer = browser.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?next=%2F")
    assert "Log in" in browser.get("/login").text


def test_a_link_logs_in_once(world: World, browser: Browser) -> None:
    """Loading it spends nothing, posting it does, and a second post is refused."""
    link = world.tracker.create_login_link("reviewer", "http://testserver")
    for _ in range(3):
        assert ticket_of(link) in browser.get(link.removeprefix("http://testserver")).text
    first = browser.http.post("/login", data={"ticket": ticket_of(link), "next": "/tasks"})
    assert (first.status_code, first.headers["location"]) == (303, "/tasks")
    again = browser.http.post("/login", data={"ticket": ticket_of(link)})
    assert again.status_code == 401
    assert "set-cookie" not in again.headers


def test_a_session_cookie_is_for_this_site_and_no_script(world: World, browser: Browser) -> None:
    """HttpOnly, SameSite=Strict, the whole site; with TLS the browser guards its name, too."""
    plain = browser.log_in().headers["set-cookie"].lower()
    assert "httponly" in plain
    assert "samesite=strict" in plain
    assert "domain" not in plain
    link = world.tracker.create_login_link("reviewer", "https://testserver")
    browser.http.base_url = "https://testserver"
    sent = browser.http.post("/login", data={"ticket": ticket_of(link)}).headers["set-cookie"]
    assert sent.startswith(f"__Host-{SESSION}=")
    assert "secure" in sent.lower()


def test_a_key_logs_in_and_a_wrong_one_does_not(world: World, browser: Browser) -> None:
    """The secret of a person's key is as good as a link; a service's key opens no pages."""
    browser.http.cookies.clear()
    assert browser.http.post("/login", data={"key": browser.secret}).status_code == 303
    assert browser.http.post("/login", data={"key": "dk_" + "x" * 43}).status_code == 401
    secret = world.tracker.create_api_key("svc", "service", ["https://x.example"])
    assert browser.http.post("/login", data={"key": secret}).status_code == 403
    with pytest.raises(ForbiddenError):
        world.tracker.create_login_link("svc", "http://x")
    with pytest.raises(NotFoundError):
        world.tracker.create_login_link("nobody", "http://x")


def test_links_and_sessions_end(world: World, browser: Browser) -> None:
    """By time, by logging out, and with the key they came from."""
    late = world.tracker.create_login_link("reviewer", "http://x")
    world.at = NOW + TICKET_SECONDS
    with pytest.raises(UnauthenticatedError):
        world.tracker.log_in(ticket_of(late))
    assert browser.get("/").status_code == 200
    world.at = NOW + SESSION_SECONDS
    assert browser.get("/").status_code == 303
    browser.log_in()
    assert browser.post("/logout", "/").status_code == 303
    assert browser.get("/").status_code == 303
    browser.log_in()
    kept = dict(browser.http.cookies)
    world.tracker.revoke_api_key("reviewer")
    assert kept
    assert browser.get("/").status_code == 303


def test_a_session_that_was_logged_out_is_worth_nothing_elsewhere(browser: Browser) -> None:
    """The cookie is forgotten by the service, not only by the browser."""
    kept = dict(browser.http.cookies)
    browser.post("/logout", "/")
    browser.http.cookies.update(kept)
    assert browser.get("/").status_code == 303


@pytest.mark.parametrize(
    ("headers", "data"),
    [
        ({}, {}),
        ({}, {"csrf": ""}),
        ({}, {"csrf": "0" * 64}),
        ({}, {"csrf": "é"}),
        ({"Origin": "https://evil.example"}, None),
        ({"Origin": "null"}, None),
        ({"Origin": "https://testserver"}, None),  # the page came without TLS
        ({"Origin": "http://testserver:8443"}, None),
        ({"Origin": "http://testserver/"}, None),
        ({"Origin": "http://["}, None),
        ({"Origin": "http://testserver", "Host": "["}, None),
        ({"Sec-Fetch-Site": "cross-site"}, None),
        ({"Sec-Fetch-Site": "same-site"}, None),
    ],
)
def test_a_forged_post_changes_nothing(browser: Browser, headers, data) -> None:
    """Without the session's own token, or from another site, a form is refused."""
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', browser.get("/").text)
    fields = {"csrf": found.group(1)} if data is None else data
    answer = browser.http.post("/logout", data=fields or None, headers=headers)
    assert answer.status_code in {403, 422}
    assert browser.get("/").status_code == 200


@pytest.mark.parametrize("own", ["http://testserver", "http://TestServer:80"])
def test_a_form_of_this_site_is_taken(browser: Browser, own: str) -> None:
    """A browser leaves out the default port; a proxy may pass it on."""
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', browser.get("/").text)
    answer = browser.http.post("/logout", data={"csrf": found.group(1)}, headers={"Origin": own})
    assert answer.status_code == 303


def test_another_sessions_token_is_refused(world: World, browser: Browser) -> None:
    """A token is made of its session."""
    other = Browser(world, name="other")
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', other.get("/").text)
    assert browser.http.post("/logout", data={"csrf": found.group(1)}).status_code == 403


@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a\r\nX: y",
        "",
    ],
)
def test_after_logging_in_the_way_stays_on_this_site(browser: Browser, place: str) -> None:
    """A made-up `next` leads home."""
    answer = browser.http.post("/login", data={"key": browser.secret, "next": place})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_the_open_network_gets_no_session(browser: Browser) -> None:
    """Without TLS a session is for this host alone."""
    browser.http.base_url = "http://authority.example"
    answer = browser.http.post("/login", data={"key": browser.secret})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_forms_are_for_pages_and_json_for_the_api(browser: Browser) -> None:
    """Another site's form cannot speak to the API, whatever the browser adds to it."""
    for path in ("/v1/tasks", "/v1/check", "/v1/revocations"):
        assert browser.http.post(path, data={"a": "b"}).status_code == 415
    assert browser.http.post("/login", json={"ticket": "x"}).status_code == 415
    doubled = browser.http.post(
        "/login",
        content=b"key=a&key=b",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert doubled.status_code == 422
