"""Live pages: told of what was recorded, soon; never without a session; bounded; nothing held while idle."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any

from browsing import Browser
from world import World

from delegation.identity.approval import ApprovalEvent
from delegation.judge.subject import Subject
from delegation.lineage.news import Cursor
from delegation_api.pages.live import MAX_OF_ONE, Hub

PATIENCE = 30.0


def secret_of(browser: Browser) -> str:
    """Return the session's secret that the browser holds."""
    return next(c.value for c in browser.http.cookies.jar if c.name == "delegation-session")


async def until(stream: Any, kind: str) -> dict[str, Any]:
    """Return the body of the next event of this kind."""

    async def wait() -> dict[str, Any]:
        async for part in stream:
            text = part.decode()
            if f"event: {kind}\n" in text:
                body: dict[str, Any] = json.loads(text.partition("data: ")[2])
                return body
        return {"over": True}

    return await asyncio.wait_for(wait(), PATIENCE)


def test_a_page_is_told_of_links_decisions_and_ends(world: World) -> None:
    """Ids and outcomes only, of this task only; a revocation and a close are told as ends."""
    browser = Browser(world)
    token = world.chain("boss", "a")
    start = world.tracker.news(world.task.id, after=None).cursor

    async def follow() -> None:
        hub = Hub(world.tracker, poll=0.01, heartbeat=0.05)
        stream = hub.follow(world.task.id, secret_of(browser), start)
        made = await asyncio.to_thread(world.check, token, "a")
        news = await until(stream, "change")
        assert news["links"] == [token.id]
        assert news["decisions"] == [{"id": made.id, "link": token.id, "allowed": True}]
        assert not news["ended"]
        await asyncio.to_thread(world.tracker.revoke, "link", token.id, by="t")
        assert (await until(stream, "change"))["ended"]
        await asyncio.to_thread(world.tracker.close_task, world.task)
        assert (await until(stream, "change"))["ended"]
        await stream.aclose()
        assert hub.open == 0
        assert hub._poller is None

    asyncio.run(follow())


def test_what_another_process_recorded_is_found_by_looking_not_by_chance(world: World) -> None:
    """Nothing rings here: the store's numbers are looked at, and wake a stream long before its heartbeat."""
    browser = Browser(world)
    token = world.root()
    start = world.tracker.news(world.task.id, after=None).cursor
    world.tracker._store.subscribe = lambda _: lambda: None

    async def follow() -> None:
        hub = Hub(world.tracker, poll=0.01, heartbeat=10_000)
        stream = hub.follow(world.task.id, secret_of(browser), start)
        assert b"retry" in await anext(stream)
        assert b"nothing new" in await anext(stream)
        with world.tracker._store.write(alone=True) as work:
            work.revoke(Subject("link", token.id), by="another process", reason="", at=world.at)
        assert (await until(stream, "change"))["ended"]
        await stream.aclose()

    asyncio.run(follow())


def test_an_event_of_this_process_wakes_a_page_before_anybody_looks(world: World) -> None:
    """Revocations, ends of tasks and requests for approval are told on one bus, and none is subscribed after."""
    browser = Browser(world)
    world.root()
    start = world.tracker.news(world.task.id, after=None).cursor
    bus = world.tracker._store._bell

    async def follow() -> None:
        stream = Hub(world.tracker, poll=3600, heartbeat=3600).follow(
            world.task.id, secret_of(browser), start
        )
        assert b"retry" in await anext(stream)
        assert b"nothing new" in await anext(stream)
        waiting = asyncio.create_task(until(stream, "change"))
        for _ in range(1000):
            if bus._heard:
                break
            await asyncio.sleep(0.01)
        await asyncio.to_thread(world.tracker.close_task, world.task)
        assert (await waiting)["ended"]
        await stream.aclose()

    asyncio.run(follow())
    assert not bus._heard


def test_however_fast_events_come_the_store_is_asked_no_more_often(world: World) -> None:
    """Holders cause events: many pages that ask at each of them would multiply what a call costs."""
    asked = 0
    numbers = world.tracker.numbers

    def counted() -> Any:
        nonlocal asked
        asked += 1
        return numbers()

    world.tracker.numbers = counted  # type: ignore[method-assign]

    async def follow() -> float:
        began = time.monotonic()
        watch = asyncio.create_task(Hub(world.tracker, poll=0.1)._watch())
        while time.monotonic() < began + 0.5 or asked < 2:
            world.tracker._store.tell(ApprovalEvent("apr_" + "A" * 22, "used", world.at))
            await asyncio.sleep(0)
        watch.cancel()
        return time.monotonic() - began

    seconds = asyncio.run(follow())
    assert asked <= seconds / 0.1 + 2


def test_events_go_on_where_the_last_one_ended(world: World) -> None:
    """Whoever comes back with an event's id misses nothing and hears nothing twice."""
    browser = Browser(world)
    token = world.chain("boss", "a")
    start = world.tracker.news(world.task.id, after=None).cursor
    world.check(token, "a")
    middle = world.tracker.news(world.task.id, after=None).cursor
    later = world.check(token, "a")

    async def follow(after: Cursor) -> list[str]:
        hub = Hub(world.tracker, poll=0.01, heartbeat=0.05)
        stream = hub.follow(world.task.id, secret_of(browser), after)
        news = await until(stream, "change")
        await stream.aclose()
        return [made["id"] for made in news["decisions"]]

    assert len(asyncio.run(follow(start))) == 2
    assert asyncio.run(follow(middle)) == [later.id]


def test_a_stream_ends_with_its_session_and_tells_nothing_after(world: World) -> None:
    """After the logout, what is recorded is not told: the last event says goodbye."""
    browser = Browser(world)
    token = world.chain("boss", "a")
    start = world.tracker.news(world.task.id, after=None).cursor

    async def follow() -> None:
        hub = Hub(world.tracker, poll=0.01, heartbeat=0.05)
        stream = hub.follow(world.task.id, secret_of(browser), start)
        assert await anext(stream) == b"retry: 2000\n\n"
        await asyncio.to_thread(world.tracker.log_out, secret_of(browser))
        await asyncio.to_thread(world.check, token, "a")
        heard = [part async for part in stream]
        assert b"event: bye" in heard[-1]
        assert not any(b"event: change" in part for part in heard)

    asyncio.run(asyncio.wait_for(follow(), PATIENCE))


def test_an_idle_stream_holds_no_thread_and_no_connection(world: World) -> None:
    """Thirty silent pages cost one poll between them."""
    browser = Browser(world)
    start = world.tracker.news(world.task.id, after=None).cursor

    async def follow() -> None:
        hub = Hub(world.tracker, poll=3600, heartbeat=3600)
        secrets = [secret_of(browser)] * 30
        streams = [hub.follow(world.task.id, secret, start) for secret in secrets]
        for stream in streams:
            await anext(stream)
            await anext(stream)
        waits = [asyncio.ensure_future(anext(stream)) for stream in streams]
        await asyncio.sleep(0)
        assert not any(wait.done() for wait in waits)
        busy = [t.name for t in threading.enumerate() if "AnyIO" in t.name]
        assert len(busy) <= 4
        hub._wake()
        assert await asyncio.wait_for(asyncio.gather(*waits), PATIENCE)
        for stream in streams:
            await stream.aclose()

    asyncio.run(follow())


def test_streams_are_bounded(world: World) -> None:
    """One session has room for some tabs, a process for some more; beyond, the page stays as it is."""
    hub = Hub(world.tracker, most=10)
    hub._streams = {"one": MAX_OF_ONE}
    assert hub.is_full("one")
    assert not hub.is_full("other")
    hub._streams = {str(n): 1 for n in range(10)}
    assert hub.is_full("new")


def test_events_need_a_session_a_task_and_a_cursor(world: World) -> None:
    """Without a session to the login; an unknown task is 404, a made-up cursor 422, a full house 503."""
    browser = Browser(world)
    path = f"/tasks/{world.task.id}/events"
    assert Browser(world, role="").get(path).status_code == 303
    assert browser.get("/tasks/tsk_none/events").status_code == 404
    assert browser.get(f"{path}?after=now").status_code == 422
    assert browser.get(path, headers={"Last-Event-ID": "1-2"}).status_code == 422
    hub = browser.http.app.state.live
    hub._streams = {str(n): 1 for n in range(64)}
    assert browser.get(path).status_code == 503
    service = Browser(world, role="operator", name="op")
    assert service.get("/tasks/tsk_none/events").status_code == 404


def test_a_stream_ends_when_the_server_is_told_to_stop(world: World, monkeypatch) -> None:
    """The server waits for its answers to end: a stream must not hold it up."""

    class Server:
        should_exit = False

        def handle_exit(self, *_: object) -> None:
            """Stand where uvicorn's own handler stands."""

    server = Server()
    monkeypatch.setattr("signal.getsignal", lambda _: server.handle_exit)
    browser = Browser(world)
    start = world.tracker.news(world.task.id, after=None).cursor

    async def follow() -> None:
        hub = Hub(world.tracker, poll=0.01, heartbeat=3600)
        stream = hub.follow(world.task.id, secret_of(browser), start)
        await anext(stream)
        await anext(stream)
        server.should_exit = True
        assert [part async for part in stream] == []
        assert hub.open == 0

    asyncio.run(asyncio.wait_for(follow(), PATIENCE))
