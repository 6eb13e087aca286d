"""Pages about what agents opened: child tasks beneath their openers, renewals beside each other."""

from __future__ import annotations

import re

import pytest
from below import open_below
from browsing import Browser
from world import NOW, World

from delegation import Grant


@pytest.fixture
def browser(world: World) -> Browser:
    """Return a browser with a reviewer's session."""
    return Browser(world)


def test_a_childs_root_hangs_beneath_its_opener_on_the_map(world: World, browser: Browser) -> None:
    """The box names the child task, its edge comes from the opener, and the panel leads to its map."""
    opener = world.chain("boss", "a")
    child, root = open_below(world, opener, "a", "sub", lasts=900)
    page = browser.get(f"/tasks/{world.task.id}/map?focus={root.id}").text
    assert f'data-parent="{opener.id}" data-child="{root.id}"' in page
    assert f"child task {child.id[:8]}" in page
    assert "3 of 3 links shown" in page
    assert f'href="/tasks/{child.id}/map"' in page
    above = browser.get(f"/tasks/{world.task.id}/map?focus={opener.id}").text
    assert "Revoke this and 1 below" in above
    own = browser.get(f"/tasks/{child.id}/map").text
    assert "1 of 1 link shown" in own
    body = world.tracker.outline(child.id)
    assert [link.id for link in body.links] == [root.id]


def test_the_stores_map_draws_no_link_twice(world: World, browser: Browser) -> None:
    """A child task is drawn beneath its opener, so not once more beside it."""
    opener = world.chain("boss", "a")
    _, root = open_below(world, opener, "a", "sub", lasts=900)
    page = browser.get("/map").text
    assert len(re.findall(rf'<a id="n-{root.id}"', page)) == 1
    assert "3 of 3 links shown" in page


def test_tables_links_and_timelines_tell_where_a_child_task_hangs(
    world: World, browser: Browser
) -> None:
    """Both ways: from the opener down, and from the child's root up."""
    opener = world.chain("boss", "a")
    child, root = open_below(world, opener, "a", "sub", lasts=900)
    world.check(root, "sub")
    task = browser.get(f"/tasks/{world.task.id}").text
    assert "those of 1 child task included" in task
    assert f'href="/tasks/{child.id}"' in task
    assert f'href="/tasks/{world.task.id}"' in browser.get(f"/tasks/{child.id}").text
    assert f'href="/links/{opener.id}"' in browser.get(f"/links/{root.id}").text
    assert (
        f'in the child task <a class="mono" href="/tasks/{child.id}"'
        in browser.get(f"/links/{opener.id}").text
    )
    told = browser.get(f"/tasks/{world.task.id}/timeline").text
    assert f"root of the child task {child.id}" in told
    assert "files.read by unnamed called “sub”" in told
    assert f"/links/{opener.id}/revoke" in browser.get(f"/links/{opener.id}").text
    foretold = browser.get(f"/links/{opener.id}/revoke").text
    assert "sub" in foretold


def test_a_task_with_calls_can_still_be_revoked_from_its_page(
    world: World, browser: Browser
) -> None:
    """It is `active` after its first call, and goes on as much as before."""
    world.check(world.root(), "boss")
    assert f'href="/tasks/{world.task.id}/revoke"' in browser.get(f"/tasks/{world.task.id}").text


def test_a_links_page_says_what_it_renews_and_what_renews_it(
    world: World, browser: Browser
) -> None:
    """Both links of a line lead to each other."""
    root = world.root()
    old = root.delegate(
        by=world.key("boss"), to=world.key("a").public, grant=Grant(expires_at=NOW + 50)
    )
    new = root.delegate(
        by=world.key("boss"), to=world.key("a").public, grant=Grant(expires_at=NOW + 90)
    )
    for link in (old, new):
        assert world.check(link, "a")
    assert (
        f'<dt>Renews</dt><dd><a class="mono" href="/links/{old.id}"'
        in browser.get(f"/links/{new.id}").text
    )
    assert (
        f'<dt>Renewed by</dt><dd><a class="mono" href="/links/{new.id}"'
        in browser.get(f"/links/{old.id}").text
    )
