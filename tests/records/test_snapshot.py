"""What is read inside a snapshot was so at one instant, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from world import World

from delegation.errors import ConflictError, NotFoundError


def test_a_snapshot_shows_neither_what_comes_later_nor_a_later_time(filed: World) -> None:
    """What another thread changes meanwhile is not seen inside, and the clock stands still."""
    token, ask, before = filed.chain("boss", "aide"), filed.tracker, filed.at
    assert filed.check(token, "aide")
    with ThreadPoolExecutor(1) as elsewhere, ask.snapshot():
        first, link = ask.numbers(), ask.link(token.id)
        filed.at += 100
        elsewhere.submit(ask.revoke, "link", token.id, by="op").result(30)
        assert not elsewhere.submit(filed.check, token, "aide").result(30)
        assert (ask.numbers(), ask.link(token.id), ask.now()) == (first, link, before)
        # Another thread looks for itself.
        assert elsewhere.submit(ask.link, token.id).result(30).standing == "revoked"
    assert ask.numbers() != first
    assert (ask.link(token.id).standing, ask.now()) == ("revoked", before + 100)


def test_a_question_that_finds_nothing_does_not_end_the_snapshot(filed: World) -> None:
    """What one part of a page does not find, the others go on without."""
    ask = filed.tracker
    with ask.snapshot():
        with pytest.raises(NotFoundError):
            ask.link("lnk_" + "A" * 43)
        assert ask.task(filed.task.id).title == filed.task.title


def test_inside_a_snapshot_nothing_is_written(world: World) -> None:
    """Neither a call nor a change: the snapshot would not show it, and in memory it would wait for itself."""
    token, ask = world.chain("boss", "aide"), world.tracker
    with ask.snapshot():
        for write in (
            lambda: world.check(token, "aide"),
            lambda: ask.revoke("link", token.id, by="op"),
            lambda: ask.check("garbage", None, world.access()),
        ):
            with pytest.raises(ConflictError, match="inside a snapshot"):
                write()
    assert world.check(token, "aide")
    assert [d.allowed for d in ask.decisions()] == [True]


def test_what_was_begun_inside_and_goes_on_after_it_sees_the_present(filed: World) -> None:
    """A coroutine keeps the context in which it was begun; the snapshot in it is over with its block."""
    token, ask = filed.chain("boss", "aide"), filed.tracker

    async def later() -> tuple[object, ...]:
        return ask.now(), ask.task(filed.task.id).id, filed.check(token, "aide").allowed

    async def page() -> tuple[object, ...]:
        with ask.snapshot():
            begun = asyncio.create_task(later())
            ask.numbers()
        filed.at += 100
        return await begun

    assert asyncio.run(page()) == (filed.at, filed.task.id, True)
