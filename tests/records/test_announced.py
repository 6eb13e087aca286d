"""Announced tokens: recorded before they are used, and named by their leaf's id afterwards."""

from __future__ import annotations

import pytest
from world import ISSUER, NOW, World, verdict
from writing import scalar

from delegation.commands.announce import announcement
from delegation.commands.steady_clock import SteadyClock


@pytest.mark.parametrize("format", ["biscuit", "macaroon"])
def test_an_announced_leaf_is_named_by_its_id(world: World, format: str) -> None:
    """The id stands for the text that the proof covers, and for nothing without that proof."""

    def named(proof: str | None, name: str):
        decision = world.tracker.check(name, proof, world.access())
        return verdict(decision)

    token = world.chain("boss", "a", "b", format=format)
    key = world.key("b")
    proof = key.prove(token, world.access(), at=NOW)
    assert named(proof, token.id) == (1, "token_malformed")
    world.tracker.announce(token, key.prove(token, announcement(ISSUER), at=NOW))
    assert named(proof, token.id) is None
    assert named(proof, token.id) == (14, "replayed")
    assert named(None, token.id) == (1, "token_malformed")
    assert named(world.key("m").prove(token, world.access(), at=NOW), token.id) == (
        6,
        "proof_signature",
    )
    assert named(key.prove(token, world.access(), at=NOW), token.chain.root.id)[0] == 1
    other = world.chain("boss", "b", format=format)
    assert named(key.prove(other, world.access(), at=NOW), token.id) == (1, "token_malformed")
    world.tracker.revoke("link", token.id, by="t")
    assert named(key.prove(token, world.access(), at=NOW), token.id) == (10, "link_revoked")


def test_announced_texts_are_few_and_go_with_their_leaf(world: World) -> None:
    """At most four texts a leaf; once it expired none is kept."""
    token = world.chain("boss", "a")
    world.tracker.announce(token, world.key("a").prove(token, announcement(ISSUER), at=NOW))
    with world.tracker._store.write() as work:
        for number in range(9):
            work.keep_announced(f"dct.m1.{number}", token.id, expires_at=NOW + 1000)
    assert scalar(world, "SELECT count(*) FROM announced") == 4
    watched = [0.0]
    steady = world.tracker._store._caches.steady = SteadyClock(lambda: watched[0])
    steady.sure(NOW)
    world.at, watched[0] = NOW + 4000, 4000.0  # an hour later as both clocks say
    assert not world.check(token, "a")
    assert not world.check(token, "a"), "by now the writer is done with forgetting"
    assert scalar(world, "SELECT count(*) FROM announced") == 0


def test_announcing_shows_a_link_before_it_is_used(world: World) -> None:
    """An announced link is recorded with its parents; a forged one is not, but its denial is."""
    token = world.chain("boss", "a", "b")
    entry = world.tracker.announce(token, world.key("b").prove(token, announcement(ISSUER), at=NOW))
    assert entry.id == token.id
    assert len(world.tracker.links(task=world.task.id)) == 3
    with pytest.raises(Exception, match="not signed"):
        world.tracker.announce(token, world.key("m").prove(token, announcement(ISSUER), at=NOW))
