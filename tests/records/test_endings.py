"""What a change came to, what is suspended, and what open pages are told: the same on both engines."""

from __future__ import annotations

import pytest
from consent import approver, asked, granted, paying
from world import OWNER, World

from delegation import Grant, Tool
from delegation.errors import NotFoundError
from delegation.judge.subject import Subject
from delegation.lineage.feed import Revocation
from delegation.lineage.revocation_effect import holding


def two(world: World):
    """Register a boss, make two leaves below it and let both call; return both with their calls."""
    world.tracker.add_tool(
        Tool("files.read", effect="read", arguments={"path": "path"}, sensitivity=1, system="vault")
    )
    world.tracker.add_agent("boss", owner="bo@acme.example", keys=[world.key("boss").public])
    root = world.root("boss")
    found = []
    for name in ("a", "b"):
        token = root.delegate(by=world.key("boss"), to=world.key(name).public, grant=Grant())
        found.append((token, world.check(token, name)))
    return found


KINDS = {
    "link": 0, "key": 0, "task": 1, "agent": 1, "owner": 1, "tool": 1, "system": 1, "everything": 1,
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_tells_the_last_call_it_left_and_what_it_refused(world: World, kind: str) -> None:
    """Of a link and a key only their own; of all that is above, the newest of both."""
    (first, one), (second, other) = two(world)
    key = world.key("a").public.text.removeprefix("ed25519:")
    subject = {
        "link": str(first.id), "key": key, "task": world.task.id, "agent": "boss", "owner": OWNER, "tool": "files.read",
        "system": "vault", "everything": "*",
    }[kind]  # fmt: skip
    done = world.tracker.suspend(kind, subject, by="t", reason="r")
    told = world.tracker.ending(done.epoch)
    assert told.last_allowance.id == (one if KINDS[kind] == 0 else other).id
    assert (told.refused_since, told.holds, told.is_complete) == (0, True, True)
    assert not world.check(first, "a")
    is_hit = not world.check(second, "b")
    assert is_hit == (KINDS[kind] == 1)
    assert world.tracker.ending(done.epoch).refused_since == 1 + is_hit
    assert [s.subject for s in world.tracker.suspensions()] == [Subject(kind, subject)]
    back = world.tracker.resume(kind, subject, by="t")
    assert not world.tracker.ending(done.epoch).holds
    assert world.tracker.ending(back.epoch).change.act == "resume"
    assert world.tracker.suspensions() == []
    assert world.check(first, "a")
    assert world.tracker.ending(done.epoch).last_allowance == told.last_allowance, "not a later one"


def test_what_revoking_would_end_is_what_it_ends(world: World) -> None:
    """Owners by their tasks and by their agents; a tool ends no link."""
    two(world)
    for kind, subject, ends in (("owner", OWNER, 3), ("owner", "bo@acme.example", 3), ("tool", "files.read", 3), ("tool", "ops.restart", 0), ("everything", "*", 3)):  # fmt: skip
        assert len(world.tracker.survivors(kind, subject).ends) == ends, (kind, subject)
    done = world.tracker.revoke("owner", "bo@acme.example", by="t")
    after = world.tracker.survivors("owner", "bo@acme.example")
    assert (len(after.ends), len(after.gone), after.ending) == (0, 3, done)
    assert {one.standing for one in world.tracker.links()} == {"revoked"}
    for epoch in (0, -1, 10**6, 2**60):
        with pytest.raises(NotFoundError):
            world.tracker.ending(epoch)


def test_a_suspension_under_a_revocation_is_not_listed(world: World) -> None:
    """Revoking is final: there is nothing to resume."""
    two(world)
    world.tracker.suspend("agent", "boss", by="t")
    world.tracker.revoke("agent", "boss", by="t")
    assert world.tracker.suspensions() == []


def test_the_change_that_holds_is_the_one_that_ends_it() -> None:
    """Revoking wins whatever came later; what begins later does not hold yet."""

    def change(epoch: int, act: str, begins: int = 0) -> Revocation:
        return Revocation(epoch, Subject("link", "x"), "t", "", 0, act, begins)

    stop, go, end = change(1, "suspend"), change(2, "resume"), change(3, "revoke", 10)
    assert holding([], at=5) is None
    assert holding([stop], at=5) == stop
    assert holding([stop, go], at=5) is None
    assert holding([stop, end], at=5) == stop
    assert holding([end, stop, go], at=10) == end


def test_answers_ends_and_calls_are_told_alike(world: World) -> None:
    """What pages that stay open ask for: counted, each end once, every call in one span."""
    fay = approver(world, "fay@acme.example", "finance")
    token = paying(world)
    start = world.tracker.news_of_all(after=None).cursor
    request = asked(world, token)
    assert world.tracker.waiting() == 1
    assert world.tracker.news_of_all(after=start).approvals
    middle = world.tracker.news_of_all(after=None).cursor
    granted(world, request, by=fay)
    assert world.tracker.waiting() == 0
    news = world.tracker.news_of_all(after=middle)
    assert (news.approvals, news.more_decisions, news.expired) == (True, 0, 0)
    world.at = max(world.tracker.task(world.task.id).deadline, world.tracker.approval(request).expires_at)  # fmt: skip
    later = world.tracker.news(world.task.id, after=news.cursor)
    assert later.expired >= 3, "the links, their task, and the request"
    assert not world.tracker.news(world.task.id, after=later.cursor).expired
    made = world.tracker.decisions(limit=1000)
    told = world.tracker.rhythm()
    assert sum(told.total) == len(made)
    assert told.total == world.tracker.rhythm(task=world.task.id).total
    assert world.tracker.rhythm(task="tsk_none").spans == ()
