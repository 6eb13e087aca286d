"""A theme is chosen by a form, kept in a cookie, and never more than one of three words."""

from __future__ import annotations

import re

import pytest
from browsing import Browser
from world import World


def test_a_theme_is_kept_and_taken_back(world: World) -> None:
    """The page says it; `system` forgets it; the way back is the page where it was chosen."""
    browser = Browser(world)
    assert "data-theme" not in browser.get("/tasks").text
    for theme in ("dark", "light"):
        done = browser.post(
            "/theme", "/tasks", {"theme": theme, "back": "/decisions?allowed=false"}
        )
        assert (done.status_code, done.headers["location"]) == (303, "/decisions?allowed=false")
        cookie = done.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        page = browser.get("/tasks").text
        assert f'<html lang="en" data-theme="{theme}">' in page
        assert f'name="color-scheme" content="{theme}"' in page
        assert re.search(rf'value="{theme}" aria-pressed="true"', page)
    browser.post("/theme", "/tasks", {"theme": "system", "back": "/"})
    assert "data-theme" not in browser.get("/tasks").text


@pytest.mark.parametrize(
    ("sent", "status"),
    [({"theme": "x"}, 422), ({}, 422), ({"theme": "dark", "csrf": "0" * 64}, 403)],
)
def test_a_forged_or_odd_choice_keeps_nothing(world: World, sent: dict, status: int) -> None:
    """Another word, none, or a form of another session."""
    browser = Browser(world)
    answer = browser.post("/theme", "/tasks", {"back": "/", **sent})
    assert answer.status_code == status
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example/", "javascript:alert(1)"])
def test_the_way_back_is_a_page_of_ours(world: World, back: str) -> None:
    """Anything else leads home."""
    done = Browser(world).post("/theme", "/tasks", {"theme": "dark", "back": back})
    assert done.headers["location"] == "/"


def test_a_made_up_cookie_is_no_markup(world: World) -> None:
    """Only the two words are believed."""
    browser = Browser(world)
    browser.http.cookies.set("delegation-theme", 'dark"onload="x')
    page = browser.get("/tasks").text
    assert "onload" not in page
    assert "data-theme" not in page
