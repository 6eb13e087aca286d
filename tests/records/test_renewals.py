"""Lines of renewals: told from signatures, shown, and ended as one, whoever renewed a second before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from world import DESK, NOW, OWNER, READ, SEND, World, verdict

from delegation import Grant, HolderKey, Tool
from delegation.commands.revoke import revocation_request
from delegation.errors import ConflictError
from delegation.identity.principal import PublicKey
from delegation.judge.limits import Limits
from delegation.lineage.feed import line_mark
from delegation.tracker import Tracker


def handed(world: World, token, by: str, to: str, **fields):
    """Hand a link on and let its holder make a call, so that it is recorded."""
    made = token.delegate(by=world.key(by), to=world.key(to).public, grant=Grant(**fields))
    assert world.check(made, to)
    return made


def test_a_child_link_renews_one_of_the_same_hands(world: World) -> None:
    """Same delegator, same holder, same grant, a later end: that is what the signatures prove."""
    root = world.root()
    old = handed(world, root, "boss", "a", expires_at=NOW + 50)
    world.at = NOW + 40
    new = handed(world, root, "boss", "a", expires_at=NOW + 90)
    newer = handed(world, root, "boss", "a", expires_at=NOW + 130)
    assert world.tracker.renewal(new.id).renews == old.id
    assert world.tracker.renewal(newer.id).renews == new.id
    assert world.tracker.renewal(old.id).renewed_by == (new.id,)
    assert world.tracker.renewal(old.id).renews is None
    for other in (
        handed(world, root, "boss", "b", expires_at=NOW + 200),
        handed(world, root, "boss", "a", expires_at=NOW + 130),
        handed(world, root, "boss", "a", expires_at=NOW + 300, delegations_left=0),
        handed(world, root, "boss", "a", expires_at=NOW + 20_000 // 100, budget={"calls": 3}),
    ):
        assert world.tracker.renewal(other.id).renews in {None, newer.id}
    assert world.tracker.renewal("lnk_" + "A" * 43).renews is None


def test_a_link_below_a_renewed_link_renews_the_one_below_the_old(world: World) -> None:
    """A whole chain made anew is a line at each of its links."""
    root = world.root(expires_at=NOW + 60)
    a = handed(world, root, "boss", "a")
    b = handed(world, a, "a", "b")
    world.at = NOW + 30
    fresh = world.tracker.renew(root.id, lasts=100)
    a2 = handed(world, fresh, "boss", "a")
    b2 = handed(world, a2, "a", "b")
    assert world.tracker.renewal(fresh.id).renews == root.id
    assert world.tracker.renewal(a2.id).renews == a.id
    assert world.tracker.renewal(b2.id).renews == b.id


@pytest.mark.parametrize("which", [0, 1, 2])
def test_revoking_one_link_of_a_line_ends_the_line(world: World, which: int) -> None:
    """Renewing a second before revocation saves nothing, nor does keeping the old link."""
    root = world.root()
    ends = (NOW + 300, NOW + 400, NOW + 500)
    line = [handed(world, root, "boss", "a", expires_at=end) for end in ends]
    beside = handed(world, root, "boss", "b", expires_at=NOW + 300)
    below = handed(world, line[2], "a", "c")
    foretold = set(world.tracker.preview("link", line[which].id).links)
    assert foretold == {*(link.id for link in line), below.id}
    survival = world.tracker.survivors("link", line[which].id)
    assert {link.id for link in survival.ends} == foretold
    assert beside.id in {link.id for link in survival.survives}
    done = world.tracker.revoke("link", line[which].id, by="op", reason="leaked")
    assert done.subject.id == line[which].id
    assert done.epoch == max(change.epoch for change in world.tracker.revocations())
    for link, holder in (*((one, "a") for one in line), (below, "c")):
        assert verdict(world.check(link, holder)) == (10, "link_revoked")
        assert world.tracker.link(link.id).standing == "revoked"
    assert world.check(beside, "b")
    told = {c.subject.id: c.reason for c in world.tracker.revocations() if c.act == "revoke"}
    assert told[line[which].id] == "leaked"
    assert all(line[which].id in told[link.id] for link in line if link is not line[which])
    again = world.tracker.revoke("link", line[which].id, by="op2")
    assert again.epoch == done.epoch


def test_a_renewed_root_ends_with_the_old_one(world: World) -> None:
    """The service's own renewals are lines as well, and what is revoked is not renewed."""
    root = world.root()
    fresh = world.tracker.renew(root.id, lasts=400)
    child = handed(world, fresh, "boss", "a")
    world.tracker.revoke("link", root.id, by="op")
    assert verdict(world.check(child, "a")) == (10, "link_revoked")
    with pytest.raises(ConflictError):
        world.tracker.renew(fresh.id)


def test_what_ends_later_is_not_renewed_before(world: World) -> None:
    """A revocation from an instant on reaches the line; a renewal in between would outlive it."""
    root = world.root()
    fresh = world.tracker.renew(root.id, lasts=400)
    world.tracker.revoke("link", root.id, by="op", effective_at=NOW + 30)
    assert world.check(fresh, "boss")
    for link in (root, fresh):
        with pytest.raises(ConflictError):
            world.tracker.renew(link.id)
    world.at = NOW + 30
    assert verdict(world.check(fresh, "boss")) == (10, "link_revoked")


def test_a_suspended_line_is_resumed_with_what_suspended_it(world: World) -> None:
    """What came with a suspension ends with that one; what somebody else suspended stays suspended."""
    root = world.root()
    ends = (NOW + 300, NOW + 400, NOW + 500)
    first, second, third = (handed(world, root, "boss", "a", expires_at=end) for end in ends)
    tracker = world.tracker

    def refused() -> list[bool]:
        return [not world.check(link, "a") for link in (first, second, third)]

    tracker.suspend("link", first.id, by="op")
    assert refused() == [True, True, True]
    with pytest.raises(ConflictError, match=first.id):
        tracker.resume("link", second.id, by="op")
    own = tracker.suspend("link", third.id, by="op2", reason="an own matter")
    left = tracker.resume("link", first.id, by="op")
    assert (left.act, third.id in left.reason) == ("suspend", True)
    assert refused() == [True, True, True], "the line is suspended at its third link"
    assert [c.epoch for c in tracker.suspensions() if c.subject.id == third.id] == [own.epoch]
    tracker.resume("link", third.id, by="op2")
    assert refused() == [False, False, False]
    tracker.suspend("link", third.id, by="op2")
    tracker.suspend("link", first.id, by="op")
    tracker.resume("link", third.id, by="op2")
    assert refused() == [True, True, True]
    tracker.resume("link", first.id, by="op")
    assert refused() == [False, False, False]


def test_a_line_ends_as_early_as_its_earliest_revocation(world: World) -> None:
    """Revoked for later, then at once: the whole line goes at once; a repeat ends nothing new."""
    root = world.root()
    old, new = (handed(world, root, "boss", "a", expires_at=NOW + end) for end in (300, 400))
    world.tracker.revoke("link", old.id, by="op", effective_at=NOW + 100)
    assert world.check(new, "a")
    done = world.tracker.revoke("link", old.id, by="op")
    assert verdict(world.check(new, "a")) == (10, "link_revoked")
    again = handed(world, root, "boss", "a", expires_at=NOW + 500)
    assert world.tracker.revoke("link", old.id, by="op").epoch == done.epoch
    assert world.check(again, "a")


def test_a_holder_who_cuts_a_link_cuts_its_line(world: World) -> None:
    """Whoever is above one is above all: they have the same hands on their way up."""
    root = world.root()
    old = handed(world, root, "boss", "a", expires_at=NOW + 300)
    new = handed(world, root, "boss", "a", expires_at=NOW + 400)
    access = revocation_request(world.tracker.issuer, old.id)
    proof = world.key("boss").prove(root, access, at=world.at)
    world.tracker.revoke_below(root, proof, old.id)
    assert verdict(world.check(new, "a")) == (10, "link_revoked")


def test_what_is_handed_again_after_a_revocation_is_found(world: World) -> None:
    """A new link from its delegator is the remedy of a revocation; so it stands, and is pointed at."""
    root = world.root()
    old = handed(world, root, "boss", "a", expires_at=NOW + 300)
    kept = root.delegate(
        by=world.key("boss"), to=world.key("a").public, grant=Grant(expires_at=NOW + 400)
    )
    world.tracker.revoke("link", old.id, by="op")
    assert world.check(kept, "a")
    (found,) = [one for one in world.tracker.findings().open if one.rule == "handed_again"]
    assert (found.subject, found.severity) == (kept.id, "high")
    assert old.id in found.message
    world.tracker.revoke("link", kept.id, by="op")
    assert not [one for one in world.tracker.findings().open if one.rule == "handed_again"]


def test_a_grant_that_changed_in_anything_else_is_no_renewal(world: World) -> None:
    """Only the window may differ, and the order in which a list is written."""
    root = world.root()
    boss, key = world.key("boss"), world.key("a").public
    held = Grant([READ, SEND], audience=[DESK], purpose="desk", expires_at=NOW + 50)
    held = root.delegate(by=boss, to=key, grant=held).grant

    def mark(grant: Grant, above: bytes = b"above", to: PublicKey = key) -> bytes:
        return line_mark(root.delegate(by=boss, to=to, grant=grant).chain.leaf, above)

    for fields, said in (
        ({"expires_at": NOW + 51}, True), ({"expires_at": NOW + 40, "not_before": NOW + 9}, True), ({}, True),
        ({"capabilities": held.to_json()["capabilities"][::-1]}, True),
        ({"capabilities": held.to_json()["capabilities"][:1]}, False),
        ({"delegations_left": 0}, False), ({"budget": {"calls": 1}}, False),
    ):  # fmt: skip
        new = Grant.from_json({**held.to_json(), **fields})
        assert (mark(new) == mark(held)) is said, fields
    assert mark(held, b"other") != mark(held)
    assert mark(held, to=world.key("b").public) != mark(held)
    assert mark(held, to=PublicKey("another name", key.key)) == mark(held)


def test_rotation_recertification_and_last_use_go_with_lines(world: World) -> None:
    """A rotated key's links end whatever renewed them, and a link to the new key is another line."""
    first, second = world.key("a"), HolderKey.generate("a")
    world.tracker.add_agent("a", owner=OWNER, keys=[first.public], recertify_by=NOW + 500)
    root = world.root()
    old = handed(world, root, "boss", "a", expires_at=NOW + 300)
    new = handed(world, root, "boss", "a", expires_at=NOW + 400)
    world.tracker.rotate_key("a", old=first.public, new=second.public, by="op")
    for link in (old, new):
        assert verdict(world.check(link, "a")) == (10, "key_revoked")
    world.keys["a"] = second
    third = handed(world, root, "boss", "a", expires_at=NOW + 450)
    assert world.tracker.renewal(third.id).renews is None
    assert world.tracker.last_use("link", third.id).allowed


def test_what_renews_a_suspended_link_waits_with_it(world: World) -> None:
    """The delegator renews offline while the link is suspended: resumed with it, revoked with it."""
    root = world.root()
    old = handed(world, root, "boss", "a", expires_at=NOW + 300)
    newer, kept = (
        root.delegate(
            by=world.key("boss"), to=world.key("a").public, grant=Grant(expires_at=NOW + end)
        )
        for end in (400, 500)
    )
    world.tracker.suspend("link", old.id, by="op")
    assert verdict(world.check(newer, "a")) == (10, "link_suspended")
    assert world.tracker.link(newer.id).standing == "suspended"
    world.tracker.resume("link", old.id, by="op")
    assert world.check(newer, "a")
    world.tracker.suspend("link", newer.id, by="op")
    assert verdict(world.check(kept, "a")) == (10, "link_suspended")
    world.tracker.revoke("link", old.id, by="op")
    for link in (old, newer, kept):
        assert verdict(world.check(link, "a")) == (10, "link_revoked")
    again = handed(world, root, "boss", "a", expires_at=NOW + 600)
    assert world.check(again, "a"), "a new link is what a revocation asks for"


def test_a_suspension_that_is_over_a_window_is_not_renewed_away(world: World) -> None:
    """An expired root hides its suspension, and an older root the revocation of its renewal."""
    root = world.root(expires_at=NOW + 50)
    world.tracker.suspend("link", root.id, by="op")
    world.at = NOW + 60
    with pytest.raises(ConflictError):
        world.tracker.renew(root.id)
    world.tracker.resume("link", root.id, by="op")
    fresh = world.tracker.renew(root.id)
    world.tracker.revoke("link", fresh.id, by="op")
    with pytest.raises(ConflictError):
        world.tracker.renew(root.id)


def test_a_line_of_renewals_has_one_budget(world: World) -> None:
    """Calls and money, of roots and of links below, whoever spends first; a new grant has its own."""
    root = world.root(budget={"calls": 4, "usd_cents": 500})
    second = world.tracker.renew(root.id)
    third = world.tracker.renew(second.id)
    assert third.grant.budget == root.grant.budget
    for link in (root, second, third, second):
        assert world.check(link, "boss")
    for link in (root, second, third, world.tracker.renew(third.id)):
        assert verdict(world.check(link, "boss")) == (12, "budget_spent")
    other = world.root(budget={"calls": 4})
    assert world.check(other, "boss")
    old, new = (
        other.delegate(
            by=world.key("boss"), to=world.key("a").public,
            grant=Grant(budget={"calls": 1}, expires_at=NOW + end),
        )
        for end in (300, 400)
    )  # fmt: skip
    assert world.check(old, "a")
    assert verdict(world.check(new, "a")) == (12, "budget_spent")
    found = world.tracker.findings()
    assert found is not None


def test_a_renewal_lasts_as_long_as_its_root_and_no_longer_than_agreed(world: World) -> None:
    """Three renewals of sixty seconds last sixty seconds each; the last ends with the ceiling."""
    link = world.root(expires_at=NOW + 60)
    ends = []
    for _ in range(3):
        world.at += 50
        link = world.tracker.renew(link.id)
        ends.append(link.grant.expires_at)
    assert ends == [NOW + 110, NOW + 160, NOW + 210]
    world.at = world.task.ceiling.expires_at - 10
    late = world.tracker.renew(link.id)
    assert late.grant.expires_at == world.task.ceiling.expires_at
    later = world.root(not_before=world.at + 5, expires_at=world.at + 9)
    fresh = world.tracker.renew(later.id)
    assert (fresh.grant.not_before, fresh.grant.expires_at) == (world.at + 5, world.at + 9)


def test_a_renewal_speaks_of_the_same_catalogue(world: World) -> None:
    """Redefined since, a tool is refused under the root, and so it is under its renewal."""
    root = world.root()
    world.tracker.add_tool(Tool("files.read", effect="read", arguments={"path": "text"}))
    fresh = world.tracker.renew(root.id)
    assert fresh.chain.origin.catalogue == root.chain.origin.catalogue
    assert verdict(world.check(fresh, "boss")) == verdict(world.check(root, "boss"))


def test_renewals_that_are_spent_at_once_spend_one_budget(filed: World, url: str) -> None:
    """Two processes' trackers, four links of a line, each call by its own thread: six of six and no more."""
    world = filed
    line = [world.root(budget={"calls": 6})]
    line += [world.tracker.renew(line[0].id) for _ in range(3)]
    line.append(world.tracker.renew(line[-1].id))
    other = Tracker.open(url, ring=world.tracker._desk.ring, clock=lambda: world.at)

    def spend(n: int) -> bool:
        token, access = line[n % len(line)], world.access()
        proof = world.key("boss").prove(token, access, at=world.at)
        return bool((other if n % 2 else world.tracker).check(token, proof, access))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(spend, range(24))) == 6
    other.close()


def test_what_hangs_below_a_line_is_counted_together(world: World) -> None:
    """A renewed link is no second parent, and its branch keeps one pace."""
    limits = Limits(links_per_parent=2, branch_calls_per_minute=2)
    ceiling = Grant([READ], audience=[DESK], purpose="desk", delegations_left=3)
    world.task = world.tracker.open_task("T", owner=OWNER, ceiling=ceiling, limits=limits)
    root = world.root()
    fresh = world.tracker.renew(root.id)
    assert handed(world, root, "boss", "a", expires_at=NOW + 100)
    assert handed(world, fresh, "boss", "b", expires_at=NOW + 100)
    third = fresh.delegate(by=world.key("boss"), to=world.key("c").public, grant=Grant())
    assert verdict(world.check(third, "c")) == (10, "growth_parent")
    world.task = world.tracker.open_task("T", owner=OWNER, ceiling=ceiling, limits=limits)
    root = world.root()
    old = handed(world, root, "boss", "a", expires_at=NOW + 100)
    new = handed(world, root, "boss", "a", expires_at=NOW + 200)
    for link in (old, new):
        assert verdict(world.check(link, "a")) == (12, "rate_branch")


def test_an_owner_ends_in_every_spelling(world: World) -> None:
    """Capitals make no other person: neither beside the one who was ended, nor after it."""
    token = world.root()
    loud = world.tracker.open_task(
        "T", owner="ANA@Acme.example", ceiling=Grant([READ], audience=[DESK], purpose="desk")
    )
    other = world.tracker.issue(loud, to=world.key("boss").public)
    world.tracker.suspend("owner", OWNER, by="op")
    for link in (token, other):
        assert verdict(world.check(link, "boss")) == (10, "owner_suspended")
    with pytest.raises(ConflictError, match="revoked or suspended"):
        world.tracker.open_task(
            "T", owner="Ana@acme.example", ceiling=Grant([READ], audience=[DESK])
        )
    with pytest.raises(ConflictError, match="revoked or suspended"):
        world.tracker.add_agent("z", owner="aNa@acme.example", keys=[world.key("z").public])
    world.tracker.resume("owner", OWNER, by="op")
    for link in (token, other):
        assert world.check(link, "boss")
