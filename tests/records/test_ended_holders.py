"""Holders that were ended and go on: they use up nobody's growth, breaker or child tasks, and no disk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from below import open_below
from processes import announce
from world import NOW, OWNER, World, verdict
from writing import scalar

from delegation import Grant, Token
from delegation.canonical import b64u
from delegation.errors import UnverifiedError
from delegation.judge.limits import Limits

ENDS = {
    "link": "link_revoked",
    "key": "key_revoked",
    "agent": "agent_revoked",
    "owner": "owner_revoked",
    "suspended": "agent_suspended",
    "frozen": "frozen",
    "expired": "expired",
    "above": "link_revoked",  # the link under which its task was opened
}
RETURNS = {"owner", "suspended", "frozen"}  # what may stand again, or be registered anew
LINKS = 8


def limited(world: World, **limits: int) -> None:
    """Let the world's task be one with limits."""
    ceiling = world.task.ceiling.narrow(expires_at=NOW + 900)
    world.task = world.tracker.open_task(
        "T", owner=OWNER, lasts=1000, ceiling=ceiling, limits=Limits(**limits)
    )


def end(world: World, how: str, token: Token, opener: Token) -> None:
    """End a holder in one of the ways."""
    tracker, key = world.tracker, world.key("evil").public
    match how:
        case "expired":
            world.at = NOW + 200
        case "frozen":
            tracker.freeze(by="t")
        case "suspended":
            tracker.suspend("agent", "evil", by="t", reason="x")
        case "above":
            tracker.revoke("link", opener.id, by="t")
        case _:
            subject = {
                "link": token.id,
                "key": b64u(key.key),
                "agent": "evil",
                "owner": "eve@x.example",
            }
            tracker.revoke(how, subject[how], by="t")


@pytest.fixture(params=ENDS)
def ended(world: World, request) -> Iterator[tuple[World, str, Token, Token]]:
    """Return a world of few links, how a holder in it was ended, its token, and the root."""
    how = request.param
    world.tracker.add_agent("evil", owner="eve@x.example", keys=[world.key("evil").public])
    limited(world, links_per_task=LINKS, links_per_minute=LINKS, denials_per_minute=5, depth=9)
    root = world.chain("boss")
    opener = root
    given = Grant(expires_at=NOW + 100) if how == "expired" else Grant()
    if how == "above":
        opener = root.delegate(by=world.key("boss"), to=world.key("a").public, grant=Grant())
        _, token = open_below(world, opener, "a", "evil")
    else:
        token = root.delegate(by=world.key("boss"), to=world.key("evil").public, grant=given)
    assert world.check(token, "evil")
    end(world, how, token, opener)
    return world, how, token, root


def below(world: World, token: Token, number: int) -> tuple[Token, str]:
    """Return a fresh link below an ended one, and its holder."""
    name = f"k{number}"
    return token.delegate(by=world.key("evil"), to=world.key(name).public, grant=Grant()), name


def test_what_is_ended_uses_up_nobodys_growth_and_no_breaker(ended) -> None:
    """Announced or called with, by whatever it was ended; honest links go on to the very limit."""
    world, how, token, root = ended
    before = scalar(world, "SELECT count(*) FROM link")
    for number in range(LINKS):
        leaf, name = below(world, token, number)
        denied = world.check(leaf, name)
        assert denied.denial.code == ENDS[how]
        assert denied.links[-1] == leaf.id, "the row names the link, whether it is recorded or not"
    recorded = scalar(world, "SELECT count(*) FROM link") - before
    assert recorded == (0 if how in RETURNS else LINKS)
    if how == "frozen":
        world.tracker.unfreeze(by="t")
    for number in range(LINKS - before):
        fresh = root.delegate(
            by=world.key("boss"), to=world.key(f"h{number}").public, grant=Grant()
        )
        assert world.check(fresh, f"h{number}"), "honest"
    fresh = root.delegate(by=world.key("boss"), to=world.key("last").public, grant=Grant())
    assert verdict(world.check(fresh, "last")) == (10, "growth_task")


def test_what_is_made_under_what_is_ended_is_not_announced(ended) -> None:
    """It is refused for what ended it, and nothing of it stays; after its time alone it is shown."""
    world, how, token, _ = ended
    before = scalar(world, "SELECT count(*) FROM link")
    for number in range(2):
        leaf, name = below(world, token, number)
        if how == "expired":
            announce(world, leaf, name)
            continue
        with pytest.raises(UnverifiedError) as caught:
            announce(world, leaf, name)
        assert caught.value.reason == ENDS[how]
    added = 2 if how == "expired" else 0
    assert scalar(world, "SELECT count(*) FROM link") == before + added
    announce(world, token, "evil")


def test_a_suspended_holders_links_count_once_they_stand(world: World) -> None:
    """They are recorded and counted by the first call after it, so that a suspension is no way around."""
    limited(world, links_per_task=3)
    token = world.chain("boss", "evil")
    assert world.check(token, "evil")
    world.tracker.suspend("link", token.id, by="t", reason="x")
    leaves = [below(world, token, number) for number in range(2)]
    assert not any(world.check(*leaf) for leaf in leaves)
    world.tracker.resume("link", token.id, by="t", reason="x")
    assert [verdict(world.check(*leaf)) for leaf in leaves] == [None, (10, "growth_task")]


def test_honest_links_above_an_ended_one_are_counted(world: World) -> None:
    """A link that stands is none of what is over, whoever shows it first."""
    limited(world, links_per_task=3)
    top = world.chain("boss", "evil")
    over = top.delegate(
        by=world.key("evil"), to=world.key("x").public, grant=Grant(expires_at=NOW + 1)
    )
    world.at = NOW + 2
    assert verdict(world.check(over, "x")) == (7, "expired")
    assert scalar(world, "SELECT count(*) FROM link") == 3
    assert scalar(world, f"SELECT links FROM task WHERE id = '{world.task.id}'") == 2


def test_only_calls_that_could_be_right_open_the_breaker(world: World) -> None:
    """A revoked holder opens none, by whatever its calls are denied; one that stands does."""
    limited(world, denials_per_minute=3)
    root = world.chain("boss")
    token = root.delegate(by=world.key("boss"), to=world.key("evil").public, grant=Grant())
    wrong = world.access(path="/../etc")
    assert world.check(token, "evil")
    world.tracker.revoke("key", b64u(world.key("evil").public.key), by="t")
    for access in (None, wrong, None, wrong, None):
        assert not world.check(token, "evil", access)
    assert world.check(root, "boss")
    for _ in range(3):
        assert not world.check(
            root, "boss", world.access("mail.send", to="a@evil.example", body="")
        )
    assert verdict(world.check(root, "boss")) == (10, "circuit_open")


@pytest.mark.parametrize("how", ["closed", "expired", "revoked", "opener"])
def test_child_tasks_that_are_over_make_room(world: World, how: str) -> None:
    """One holder uses up the root's child tasks while they go on, and not for good."""
    limited(world, tasks=2)
    root = world.chain("boss")
    evil = root.delegate(by=world.key("boss"), to=world.key("evil").public, grant=Grant())
    tasks = [open_below(world, evil, "evil", "x")[0] for _ in range(2)]
    with pytest.raises(UnverifiedError) as caught:
        open_below(world, root, "boss", "y")
    assert caught.value.reason == "growth_tasks"
    match how:
        case "closed":
            world.tracker.close_task(tasks[0])
        case "expired":
            world.at = NOW + 101
        case "revoked":
            world.tracker.revoke("task", tasks[1].id, by="t")
        case "opener":
            world.tracker.revoke("key", b64u(world.key("evil").public.key), by="t")
    assert open_below(world, root, "boss", "y")[0].state == "open"
