"""Previews, freezes and the life cycle of credentials: rotation, renewal, last use."""

from __future__ import annotations

import pytest
from world import NOW, OWNER, World, verdict

from delegation import Grant, HolderKey
from delegation.errors import (
    ConflictError,
    MalformedError,
    NotFoundError,
    UnverifiedError,
    WiderThanParentError,
)
from delegation.identity.freeze import check_freeze
from delegation.identity.keyring import KeyRing


def _tree(world: World):
    """Return root boss, below it a and b, below a the link of c; all recorded."""
    root = world.root()
    found = {"boss": root}
    for by, to in (("boss", "a"), ("boss", "b"), ("a", "c")):
        found[to] = found[by].delegate(by=world.key(by), to=world.key(to).public, grant=Grant())
        assert world.check(found[to], to)
    return found


def test_a_preview_names_what_would_end_and_counts_what_would_go_on(world: World) -> None:
    """Links under the subject, as far as they are active; nothing is changed."""
    tree = _tree(world)
    world.tracker.add_agent("a", owner="bo@acme.example", keys=[world.key("a").public])
    other = world.open()
    world.tracker.issue(other, to=world.key("boss").public)
    ids = {name: token.id for name, token in tree.items()}
    key = world.key("b").public.text[8:]
    for kind, name, ends, on in (
        ("link", ids["a"], {"a", "c"}, 2),
        ("link", ids["boss"], {"boss", "a", "b", "c"}, 0),
        ("task", world.task.id if world.task.id != other.id else "", set(), 0),
        ("agent", "a", {"a", "c"}, 2),
        ("owner", "bo@acme.example", {"a", "c"}, 2),
        ("key", key, {"b"}, 3),
    ):
        if not name:
            continue
        found = world.tracker.preview(kind, name)
        assert {n for n, i in ids.items() if i in found.links} == ends or kind == "task", kind
        assert found.surviving == on or kind == "task", kind
        assert found.is_complete
    assert len(world.tracker.preview("everything", "*").links) == 5
    assert len(world.tracker.preview("tool", "files.read").links) == 5
    assert world.tracker.preview("tool", "ops.restart").links == ()
    assert len(world.tracker.preview("owner", OWNER).links) == 5
    world.tracker.revoke("link", ids["a"], by="t")
    assert world.tracker.preview("link", ids["boss"]).links == (ids["boss"], ids["b"])
    assert world.tracker.preview("key", "no key").links == ()


def test_a_preview_is_bounded_and_says_so(world: World) -> None:
    """A page for people: it looks at so many links and tells that there are more."""
    from delegation.judge.subject import EVERYTHING
    from delegation.records.lineage.preview import preview

    _tree(world)
    with world.tracker._store.read() as reader:
        found = preview(reader._connection, EVERYTHING, reader.catalogue(), at=NOW, most=2)
    assert (len(found.links), found.is_complete) == (2, False)


def test_a_freeze_tells_the_last_allowance_in_a_signed_receipt(world: World) -> None:
    """No call is allowed after it in commit order; the receipt verifies with public keys alone."""
    token = world.chain("boss", "a")
    last = world.check(token, "a")
    world.check(token, "a", world.access("ops.restart", host="h.acme.example"))  # denied
    frozen = world.tracker.freeze(by="ana", reason="drill")
    assert frozen.last_allowance.id == last.id
    said = check_freeze(frozen.receipt, world.tracker.public_ring())
    assert said["last_allowance"]["decision"] == last.id
    assert (said["epoch"], said["by"], said["silent"]) == (frozen.change.epoch, "ana", [])
    with pytest.raises(UnverifiedError):
        check_freeze(frozen.receipt, KeyRing.generate("https://other.example").public_ring())
    with pytest.raises(MalformedError):
        check_freeze("x.y.z", world.tracker.public_ring())
    assert verdict(world.check(token, "a")) == (10, "frozen")
    assert world.tracker.freeze(by="bo").change.epoch == frozen.change.epoch
    world.tracker.unfreeze(by="ana")
    assert world.check(token, "a")
    with pytest.raises(ConflictError):
        world.tracker.unfreeze(by="ana")


def test_a_key_is_rotated_with_time_to_delegate_again(world: World) -> None:
    """Both keys serve until the instant, then only tokens of the new one."""
    old, new = world.key("a"), HolderKey.generate("a")
    world.tracker.add_agent("a", owner=OWNER, keys=[old.public])
    root = world.root()
    first = root.delegate(by=world.key("boss"), to=old.public, grant=Grant())
    assert world.check(first, "a")
    done = world.tracker.rotate_key(
        "a", old=old.public, new=new.public, by="t", effective_at=NOW + 60
    )
    assert done.effective_at == NOW + 60
    second = root.delegate(by=world.key("boss"), to=new.public, grant=Grant())

    def verdict_of(token, key):
        access = world.access()
        return verdict(world.tracker.check(token, key.prove(token, access, at=world.at), access))

    assert verdict_of(first, old) is None
    assert verdict_of(second, new) is None
    world.at = NOW + 60
    assert verdict_of(first, old) == (10, "key_revoked")
    assert verdict_of(second, new) is None
    for wrong, error in (
        ({"old": old.public, "new": old.public}, ConflictError),
        (
            {"old": HolderKey.generate("x").public, "new": HolderKey.generate("y").public},
            NotFoundError,
        ),
        ({"old": new.public, "new": old.public}, ConflictError),  # revoked keys do not come back
    ):
        with pytest.raises(error):
            world.tracker.rotate_key("a", by="t", **wrong)


def test_a_root_is_renewed_for_its_holder_within_its_task(world: World) -> None:
    """Same holder, same grant, a later end; recorded as a renewal. What does not stand is not renewed."""
    root = world.root(expires_at=NOW + 100)
    world.at = NOW + 100
    assert verdict(world.check(root, "boss")) == (7, "expired")
    fresh = world.tracker.renew(root.id)
    assert world.check(fresh, "boss")
    assert fresh.grant.capabilities == root.grant.capabilities
    assert fresh.grant.expires_at == NOW + 200  # as long as what it renews
    assert world.tracker.renewal(fresh.id).renews == root.id
    assert world.tracker.renewal(root.id).renewed_by == (fresh.id,)
    assert world.tracker.renew(root.id, lasts=5).grant.expires_at == NOW + 105
    with pytest.raises(WiderThanParentError):
        world.tracker.renew(root.id, lasts=10_000)
    child = fresh.delegate(by=world.key("boss"), to=world.key("a").public, grant=Grant())
    assert world.check(child, "a")
    with pytest.raises(ConflictError):
        world.tracker.renew(child.id)
    with pytest.raises(NotFoundError):
        world.tracker.renew("lnk_" + "A" * 43)
    world.tracker.suspend("key", world.key("boss").public.text[8:], by="t")
    with pytest.raises(ConflictError):
        world.tracker.renew(fresh.id)
    world.tracker.resume("key", world.key("boss").public.text[8:], by="t")
    world.tracker.revoke("link", root.id, by="t")
    for link in (root, fresh):  # they end together
        with pytest.raises(ConflictError):
            world.tracker.renew(link.id)
    other = world.root()
    assert world.tracker.renew(other.id)
    world.tracker.close_task(world.task)
    with pytest.raises(ConflictError):
        world.tracker.renew(other.id)


def test_last_use_is_the_newest_call_of_a_link_an_agent_or_a_key(world: World) -> None:
    """Denied calls count as use, requests to the service itself do not."""
    world.tracker.add_agent("a", owner=OWNER, keys=[world.key("a").public])
    token = world.chain("boss", "a")
    key = world.key("a").public.text[8:]
    subjects = (("link", token.id), ("agent", "a"), ("key", key))
    for kind, name in subjects:
        assert world.tracker.last_use(kind, name).decision is None
    world.check(token, "a")
    world.at = NOW + 7
    denied = world.check(token, "a", world.access("ops.restart", host="h.acme.example"))
    for kind, name in subjects:
        found = world.tracker.last_use(kind, name)
        assert (found.decision, found.at, found.allowed) == (denied.id, NOW + 7, False)
    assert world.tracker.last_use("link", token.chain.root.id).decision is None
    with pytest.raises(MalformedError):
        world.tracker.last_use("task", world.task.id)


def test_names_that_no_database_takes_are_refused_before_it(world: World) -> None:
    """PostgreSQL's text holds no zero character: malformed, never a store that does not answer."""
    public = world.key("a").public
    for deed in (
        lambda: world.tracker.preview("owner", "a\x00b"),
        lambda: world.tracker.last_use("agent", "a\x00b"),
        lambda: world.tracker.suspend("tool", "a\x00b", by="t"),
        lambda: world.tracker.standing("a\x00b"),
        lambda: world.tracker.renew("a\x00b"),
        lambda: world.tracker.rotate_key("a\x00b", old=public, new=world.key("b").public, by="t"),
        lambda: world.tracker.poll_replica("a\x00b", by="svc", after=0),
    ):
        with pytest.raises(MalformedError):
            deed()
