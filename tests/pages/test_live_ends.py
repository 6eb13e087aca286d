"""Live pages hear of requests asked, answered and over, and of what time ends; approvers of no more."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from browsing import Browser
from consent import approver, asked, paying
from world import World

from delegation import Grant
from delegation_api.pages.live import Hub

PATIENCE = 30.0


def secret_of(browser: Browser) -> str:
    """Return the session's secret that the browser holds."""
    return next(c.value for c in browser.http.cookies.jar if c.name == "delegation-session")


async def heard(stream: Any, wanted: str) -> dict[str, Any]:
    """Return the next change in which this member says something."""

    async def wait() -> dict[str, Any]:
        async for part in stream:
            text = part.decode()
            if "event: change\n" in text:
                body: dict[str, Any] = json.loads(text.partition("data: ")[2])
                if body[wanted]:
                    return body
        raise AssertionError("the stream ended")

    return await asyncio.wait_for(wait(), PATIENCE)


def test_a_request_is_told_when_it_is_asked_answered_and_over(world: World) -> None:
    """On its task's pages and on the store's; the last by time alone, with nothing recorded."""
    browser = Browser(world)
    token = paying(world)
    fay = approver(world, "fay@acme.example", "finance")
    start = world.tracker.news_of_all(after=None).cursor

    async def follow(task: str | None) -> None:
        hub = Hub(world.tracker, poll=0.01, heartbeat=0.05)
        stream = hub.follow(task, secret_of(browser), start)
        request = await asyncio.to_thread(asked, world, token)
        assert (await heard(stream, "approvals"))["approvals"] is True
        await asyncio.to_thread(world.tracker.grant_approval, request, by=fay, reason="seen")
        assert (await heard(stream, "approvals"))["decisions"] == []
        world.at = world.tracker.approval(request).expires_at
        told = await heard(stream, "expired")
        assert told["expired"] >= 1
        assert (told["approvals"], told["ended"], told["links"]) == (False, False, [])
        await stream.aclose()

    asyncio.run(follow(world.task.id))


def test_an_end_by_time_is_told_once(world: World) -> None:
    """A link's end on its task's pages, a task's end on the store's, each in one event."""
    root = world.root("boss")
    short = root.delegate(
        by=world.key("boss"), to=world.key("a").public, grant=Grant(expires_at=world.at + 10)
    )
    assert world.check(short, "a")
    start = world.tracker.news_of_all(after=None).cursor
    world.at += 9
    assert not world.tracker.news(world.task.id, after=start)
    world.at += 1
    news = world.tracker.news(world.task.id, after=start)
    assert (news.expired, bool(news)) == (1, True)
    assert not world.tracker.news(world.task.id, after=news.cursor)
    assert not world.tracker.news(world.open().id, after=start).expired
    world.at = world.tracker.task(world.task.id).deadline
    assert world.tracker.news_of_all(after=news.cursor).expired == 1
    assert not world.tracker.news_of_all(after=world.tracker.news_of_all(after=None).cursor)


def test_an_approver_hears_of_requests_and_of_nothing_else(world: World) -> None:
    """Not of links, calls or ends of authority, and of no single task."""
    token = paying(world)
    approver(world, "fay@acme.example", "finance")
    browser = Browser(world, role="")
    browser.name = "fay"
    browser.log_in()
    start = world.tracker.news_of_all(after=None).cursor
    assert browser.get(f"/tasks/{world.task.id}/events").status_code == 403

    async def follow() -> None:
        hub = Hub(world.tracker, poll=0.01, heartbeat=0.05)
        stream = hub.follow(None, secret_of(browser), start)
        await asyncio.to_thread(world.check, token, "a")
        await asyncio.to_thread(world.tracker.revoke, "link", token.id, by="t")
        other = await asyncio.to_thread(paying, world)
        await asyncio.to_thread(asked, world, other)
        told = await heard(stream, "approvals")
        assert told == {
            "links": [], "decisions": [], "more": {"links": 0, "decisions": 0},
            "ended": False, "approvals": True, "expired": 0,
        }  # fmt: skip
        await stream.aclose()
        outside = hub.follow(world.task.id, secret_of(browser), start)
        assert any(b"event: bye" in part for part in [part async for part in outside])

    asyncio.run(asyncio.wait_for(follow(), PATIENCE))


def test_the_store_is_counted_not_listed(world: World) -> None:
    """No id of a link or a call goes down the line of the whole store."""
    start = world.tracker.news_of_all(after=None).cursor
    token = world.chain("boss", "a")
    world.check(token, "a")
    news = world.tracker.news_of_all(after=start)
    assert (news.more_links, news.more_decisions) == (2, 1)
    assert (news.links, news.decisions) == ((), ())
