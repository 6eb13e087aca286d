"""No page leaves links out without both counts; the home page reads them once."""

from __future__ import annotations

import re
from html import unescape

import pytest
from browsing import Browser
from sqlalchemy import event
from world import World

from delegation import Grant
from delegation.commands import questions


def seen(answer) -> str:
    """Return what a page shows, without its tags."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text)))


def wide(world: World, many: int) -> str:
    """Register a boss with so many links below its root; return the root's id."""
    world.tracker.add_agent("boss", owner="ana@acme.example", keys=[world.key("boss").public])
    root = world.root("boss")
    for _ in range(many):
        token = root.delegate(by=world.key("boss"), to=world.key("a").public, grant=Grant())
        world.check(token, "a")
    return str(token.chain.links[0].id)


PLACES = ["/", "/agents", "/owners", "/risks", "/findings", "/path?from=boss&to=files.read", "/links/{root}/unused", "/agents/boss", "/agents/boss/blast", "/compare"]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_page_says_how_much_it_looked_at(world: World, monkeypatch, place: str) -> None:
    """Both counts where something was left out, nothing where nothing was."""
    root = wide(world, 5)
    browser = Browser(world)
    path = place.format(root=root)
    assert "Not all of it" not in seen(browser.get(path))
    monkeypatch.setattr(questions, "MOST_LINKS", 4)
    assert "Not all of it: this rests on the newest 4 of 6 links." in seen(browser.get(path))


def test_the_api_says_it_too(world: World, monkeypatch) -> None:
    """Each answer of many links carries both counts, and they are the page's."""
    root = wide(world, 5)
    browser = Browser(world)
    key = world.tracker.create_api_key("reader", "reviewer")
    monkeypatch.setattr(questions, "MOST_LINKS", 4)
    for path in (
        "/v1/handovers", "/v1/owners", "/v1/risks", "/v1/findings", "/v1/ways?holder=boss&tool=files.read", f"/v1/links/{root}/unused",
        "/v1/holders?holder=boss", "/v1/blast?holder=boss", "/v1/survivors?kind=agent&id=boss", "/v1/compare?vs=1",
    ):  # fmt: skip
        answer = browser.get(path, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200, path
        assert answer.json()["extent"] == {"looked": 4, "total": 6}, path


def test_a_way_that_was_not_looked_for_is_not_denied(world: World, monkeypatch) -> None:
    """With links left out the page says that none of those it looked at reaches the tool."""
    wide(world, 5)
    browser = Browser(world)
    place = "/path?from=boss&to=ops.restart"
    assert "It could not." in seen(browser.get(place))
    monkeypatch.setattr(questions, "MOST_LINKS", 4)
    shown = seen(browser.get(place))
    assert "Not by any link that was looked at." in shown
    assert "It could not." not in shown


def test_the_home_page_asks_the_store_as_often_for_many_links_as_for_few(world: World) -> None:
    """Its statements are counted: one survey, and none for each link, call or task."""

    def statements() -> int:
        heard: list[str] = []
        engine = world.tracker._store._database.engine

        def note(_c, _k, statement, *_rest) -> None:
            heard.append(statement)

        event.listen(engine, "before_cursor_execute", note)
        try:
            assert browser.get("/").status_code == 200
        finally:
            event.remove(engine, "before_cursor_execute", note)
        assert sum("FROM agent " in one for one in heard) <= 2
        return len(heard)

    wide(world, 3)
    browser = Browser(world)
    browser.get("/")
    few = statements()
    wide_again = world.root("boss")
    for _ in range(40):
        token = wide_again.delegate(by=world.key("boss"), to=world.key("b").public, grant=Grant())
        world.check(token, "b")
    assert statements() == few
    assert few <= 47
