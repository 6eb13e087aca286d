"""Lines of renewals are told by what was given: not by order, number, name or time."""

from __future__ import annotations

import pytest
from below import open_below
from world import NOW, World, verdict

from delegation import Grant
from delegation.identity.principal import PublicKey


def handed(world: World, token, by: str, to: str, **fields):
    """Hand a link on and let its holder make a call, so that it is recorded."""
    made = token.delegate(by=world.key(by), to=world.key(to).public, grant=Grant(**fields))
    assert world.check(made, to)
    return made


@pytest.mark.parametrize("order", [(2, 1, 0), (0, 2, 1), (1, 2, 0)])
def test_a_line_is_one_in_whatever_order_it_is_seen(world: World, order: tuple[int, ...]) -> None:
    """The newest first, the oldest last, under other claimed names: one budget, one end."""
    root = world.root()
    line = [
        root.delegate(
            by=world.key("boss"),
            to=PublicKey(f"w{n}", world.key("a").public.key),
            grant=Grant(expires_at=NOW + 300 + n, budget={"calls": 3}),
        )
        for n in range(3)
    ]
    for place in order:
        assert world.check(line[place], "a")
    assert all(verdict(world.check(one, "a")) == (12, "budget_spent") for one in line)
    world.tracker.revoke("link", line[1].id, by="op")
    assert all(verdict(world.check(one, "a")) == (10, "link_revoked") for one in line)


def test_a_line_is_one_however_many_stand_beside_it(world: World) -> None:
    """Twelve links of one delegator to one holder, each renewed: twelve lines."""
    root = world.root()

    def made(n: int, end: int):
        return handed(world, root, "boss", "a", budget={"calls": n + 1}, expires_at=NOW + end)

    old = [made(n + 1, 300) for n in range(12)]
    new = [made(n + 1, 400) for n in range(12)]
    for before, after in zip(old, new, strict=True):
        assert world.tracker.renewal(after.id).renews == before.id
        world.tracker.revoke("link", before.id, by="op")
        assert verdict(world.check(after, "a")) == (10, "link_revoked")


def test_what_hangs_below_a_line_is_a_line_in_any_order(world: World) -> None:
    """Under the newer parent first, and through child tasks of both."""
    root = world.root()
    old, new = (handed(world, root, "boss", "a", expires_at=NOW + end) for end in (300, 400))
    one = {"budget": {"calls": 1}}
    handed(world, new, "a", "b", **one, expires_at=NOW + 200)
    later = old.delegate(
        by=world.key("a"), to=world.key("b").public, grant=Grant(**one, expires_at=NOW + 250)
    )
    assert verdict(world.check(later, "b")) == (12, "budget_spent")
    openers = [
        root.delegate(
            by=world.key("boss"), to=world.key("c").public, grant=Grant(**one, expires_at=NOW + end)
        )
        for end in (400, 300)
    ]
    tasks = [open_below(world, opener, "c", "d")[1] for opener in openers]
    assert [verdict(world.check(token, "d")) for token in tasks] == [None, (12, "budget_spent")]


def test_what_is_renewed_before_a_revocation_holds_ends_with_it(world: World) -> None:
    """The delegator renews offline between the revocation's record and its instant."""
    root = world.root()
    old = handed(world, root, "boss", "a", expires_at=NOW + 50)
    third = handed(world, root, "boss", "a", expires_at=NOW + 500)
    world.at = NOW + 60  # the first of the line is over
    world.tracker.revoke("link", third.id, by="op", effective_at=NOW + 100)
    new = handed(world, root, "boss", "a", expires_at=NOW + 600)
    assert world.tracker.renewal(new.id).renews == third.id
    world.at = NOW + 100
    assert verdict(world.check(new, "a")) == (10, "link_revoked")
    assert world.tracker.link(new.id).standing == "revoked"
    assert old.id != new.id
