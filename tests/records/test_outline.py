"""Outlines say of each link what lineage says, at any instant, on both engines; news misses nothing."""

from __future__ import annotations

import pytest
from consent import approver, pay, paying
from world import NOW, World

from delegation import Grant
from delegation.canonical import b64u
from delegation.errors import MalformedError, NotFoundError
from delegation.lineage.news import Cursor
from delegation.lineage.outline import STRENGTH


def grown(world: World) -> World:
    """Record links of every standing, denials, names known and unknown, over some time."""
    world.tracker.add_agent("boss", owner="ana@acme.example", keys=[world.key("boss").public])
    token = world.chain("boss", "a", "b")
    world.check(token, "b")
    world.at = NOW + 10
    short = token.delegate(
        by=world.key("b"), to=world.key("c").public, grant=Grant(expires_at=NOW + 20)
    )
    world.check(short, "c")
    world.check(short, "c", world.access("ops.restart", host="h.example"))
    world.at = NOW + 30
    other = world.chain("boss", "d", "e")
    world.check(other, "e")
    world.at = NOW + 40
    world.tracker.revoke("link", other.chain.links[1].id, by="t")
    return world


def test_an_outline_says_what_the_lineage_says(world: World) -> None:
    """Place, names, standing, counts and strongest effect equal those of the full entries."""
    grown(world)
    for at in (None, NOW, NOW + 10, NOW + 25, NOW + 35):
        outline = world.tracker.outline(world.task, at=at)
        full = world.tracker.lineage(world.task, at=at).entry
        assert outline.task.state == full.task.state
        assert len(outline.links) == len(full.links)
        for short, entry in zip(outline.links, full.links, strict=True):
            for field in ("id", "task", "parent", "depth", "holder_name", "claimed_name", "registered", "recorded_at", "standing", "ended_by"):  # fmt: skip
                assert getattr(short, field) == getattr(entry, field)
            assert short.fingerprint == entry.holder_fingerprint
            assert short.expires_at == entry.grant.expires_at
            assert (short.allowed, short.denied) == (
                entry.decisions.allowed,
                entry.decisions.denied,
            )
            assert short.effect == max(entry.grant.effects, key=STRENGTH.index)
    with pytest.raises(NotFoundError):
        world.tracker.outline(world.task, at=NOW - 1)
    with pytest.raises(NotFoundError):
        world.tracker.outline("tsk_none")


def test_a_closed_task_says_when(world: World) -> None:
    """The outline knows when its task was closed, and before that instant it was not."""
    world.at = NOW + 5
    world.tracker.close_task(world.task)
    assert world.tracker.outline(world.task).closed_at == NOW + 5
    before = world.tracker.outline(world.task, at=NOW + 4)
    assert (before.closed_at, before.task.state) == (None, "open")


def test_news_are_what_was_recorded_since(world: World) -> None:
    """Links and decisions of this task only; a revocation anywhere is told; nothing twice."""
    token = world.chain("boss", "a")
    world.check(token, "a")
    seen = world.tracker.news(world.task.id, after=None)
    assert not seen
    assert not world.tracker.news(world.task.id, after=seen.cursor)
    child = token.delegate(by=world.key("a"), to=world.key("b").public, grant=Grant())
    made = world.check(child, "b")
    news = world.tracker.news(world.task.id, after=seen.cursor)
    assert news.links == (child.id,)
    assert [d.id for d in news.decisions] == [made.id]
    assert not news.revoked
    assert not world.tracker.news(world.task.id, after=news.cursor)
    assert not world.tracker.news(world.open().id, after=seen.cursor)
    world.tracker.revoke("link", token.id, by="t")
    assert world.tracker.news(world.task.id, after=news.cursor).revoked


def test_a_cursor_is_read_as_it_is_written() -> None:
    """Five numbers and nothing else."""
    assert Cursor.read(str(Cursor(3, 0, 17, 2, 9))) == Cursor(3, 0, 17, 2, 9)
    for text in (
        "",
        "1-2",
        "1-2-3",
        "1-2-3-4-5-6",
        "-1-2-3-4-5",
        "1-2-x-4-5",
        "1 -2-3-4-5",
        "1-2-3-4-" + "9" * 17,
        "1-2-3-4-5\n",
    ):
        with pytest.raises(MalformedError):
            Cursor.read(text)


def test_revocations_are_found_by_what_they_end(world: World) -> None:
    """By link, task, agent and key, each once, oldest first, however many are asked about."""
    token = world.chain("boss", "a")
    world.check(token, "a")
    world.tracker.add_agent("a", owner="ana@acme.example", keys=[world.key("a").public])
    key = b64u(world.key("boss").public.key)
    for kind, name in (("link", token.id), ("agent", "a"), ("key", key), ("task", world.task.id)):
        world.tracker.revoke(kind, name, by="t")
    many = [f"lnk_{n}" for n in range(1200)]
    found = world.tracker.revocations_of([world.task.id, *many, "a", key, token.id])
    assert [r.subject.kind for r in found] == ["link", "agent", "key", "task"]
    assert not world.tracker.revocations_of(many)


def test_requests_that_wait_for_people_are_counted_while_they_wait(world: World) -> None:
    """From the denial that asks until somebody answers or nobody did in time, also in the past."""
    token = paying(world)
    asked = world.check(token, "a", pay(world))

    def waiting(at: int | None = None) -> list[int]:
        return [link.waiting for link in world.tracker.outline(world.task, at=at).links]

    assert waiting() == [0, 1]
    world.at = NOW + 5
    boss = approver(world, "bo@acme.example", "finance")
    world.tracker.grant_approval(asked.approval, by=boss, reason="fine")
    assert waiting() == [0, 0]
    assert waiting(NOW + 4) == [0, 1]
    assert waiting(NOW + 5) == [0, 0]


def test_a_suspension_shows_and_goes(world: World) -> None:
    """Suspended while it lasts; the changes are found by what they are about."""
    token = world.chain("boss", "a")
    world.check(token, "a")
    world.tracker.suspend("link", token.id, by="t", reason="look into it")
    assert [link.standing for link in world.tracker.outline(world.task).links] == [
        "active",
        "suspended",
    ]
    world.tracker.resume("link", token.id, by="t", reason="fine")
    assert [link.standing for link in world.tracker.outline(world.task).links] == [
        "active",
        "active",
    ]
    assert [r.act for r in world.tracker.revocations_of([token.id])] == ["suspend", "resume"]
