"""Listings of links, decisions and tasks: filtered, paged, and as they were at a past instant."""

from __future__ import annotations

import pytest
from world import NOW, OWNER, World

from delegation import Grant
from delegation.errors import NotFoundError


def test_links_pages_ancestors_and_descendants_agree(world: World) -> None:
    """Every listing tells the same forest."""
    token = world.chain("boss", "a", "b", "c")
    world.check(token, "c")
    ids = [link.id for link in token.chain.links]
    assert [e.id for e in world.tracker.ancestors(token.id)] == ids
    assert [e.id for e in world.tracker.descendants(ids[0])] == ids[1:]
    first = world.tracker.links(task=world.task.id, limit=2)
    rest = world.tracker.links(task=world.task.id, after=first[-1].id)
    assert [e.id for e in (*first, *rest)] == ids
    assert [e.id for e in world.tracker.links(parent=ids[1])] == [ids[2]]
    assert [e.depth for e in world.tracker.ancestors(token.id)] == [0, 1, 2, 3]
    with pytest.raises(NotFoundError):
        world.tracker.ancestors("lnk_none")


def test_listings_are_filtered(world: World) -> None:
    """Each filter leaves what it names, on links, decisions and tasks."""
    token = world.chain("boss", "a")
    allowed = world.check(token, "a")
    denied = world.check(token, "a", world.access("ops.restart", host="h.example"))
    ask = world.tracker.decisions
    assert [d.id for d in ask(tool="files.read")] == [allowed.id]
    assert [d.id for d in ask(code="effect_not_granted")] == [denied.id]
    assert [d.id for d in ask(link=token.id, allowed=True)] == [allowed.id]
    assert [d.id for d in ask(since=NOW, until=NOW + 1)] == [allowed.id, denied.id]
    assert not ask(since=NOW + 1)
    assert not ask(until=NOW)
    links = world.tracker.links
    assert [e.id for e in links(holder="a")] == [token.id]
    assert [e.id for e in links(key=world.key("boss").public)] == [token.chain.root.id]
    assert not links(holder="b")
    other = world.open()
    world.tracker.close_task(other)
    assert [t.id for t in world.tracker.tasks(is_open=True)] == [world.task.id]
    assert [t.id for t in world.tracker.tasks(is_open=False)] == [other.id]
    assert not world.tracker.tasks(owner="eve@evil.example")
    assert len(world.tracker.tasks(owner=OWNER)) == 2


def test_the_past_is_what_it_was(world: World) -> None:
    """With `at`, later links, calls, names, revocations, charges and ends are not seen."""
    token = world.chain("boss", "a")
    world.check(token, "a")
    world.at = NOW + 10
    world.tracker.add_agent("a", owner="bo@acme.example", keys=[world.key("a").public])
    child = token.delegate(by=world.key("a"), to=world.key("b").public, grant=Grant())
    world.check(child, "b")
    world.at = NOW + 20
    world.tracker.revoke("link", token.id, by="t")
    world.at = NOW + 30
    world.tracker.close_task(world.task)

    def seen(at: int | None):
        entry = world.tracker.lineage(world.task, at=at).entry
        links = [(e.claimed_name, e.holder_name, e.standing) for e in entry.links]
        return entry.task.state, dict(entry.task.spent)["calls"], len(entry.calls), links

    assert seen(NOW) == ("active", 1, 1, [("boss", "", "active"), ("a", "", "active")])
    assert seen(NOW + 10)[:3] == ("active", 2, 2)
    assert [link[2] for link in seen(NOW + 10)[3]] == ["active"] * 3
    assert [link[2] for link in seen(NOW + 20)[3]] == ["active", "revoked", "revoked"]
    assert seen(NOW + 30) == seen(None)
    assert seen(None)[0] == "completed"
    assert world.tracker.link(token.id, at=NOW).decisions.allowed == 1
    assert [e.claimed_name for e in world.tracker.descendants(token.id)] == ["b"]
    assert not world.tracker.descendants(token.id, at=NOW)
    assert [e.claimed_name for e in world.tracker.links(at=NOW + 9)] == ["boss", "a"]
    for ask in (world.tracker.link, world.tracker.ancestors, world.tracker.descendants):
        with pytest.raises(NotFoundError):
            ask(child.id, at=NOW + 9)
    with pytest.raises(NotFoundError):
        world.tracker.lineage(world.task, at=NOW - 1)
