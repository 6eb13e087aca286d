"""The service's clock jumps: a used proof is never allowed again, and what is right recovers."""

from __future__ import annotations

import threading

import pytest
from audit import audit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from postgres import Server
from under_fault import until
from world import NOW, OWNER, READ, World, verdict
from writing import scalar

from delegation import Access, Grant
from delegation.errors import ClockError, StoreUnavailableError
from delegation.identity.proof import MAX_AGE, MAX_AHEAD, NONCE_SECONDS
from delegation.judge.settle import VALID_SECONDS
from delegation.records.settling import batch
from delegation.records.settling.writer import FORGET_EVERY
from delegation.tracker import Tracker

EDGES = (1, FORGET_EVERY, MAX_AGE, MAX_AGE + MAX_AHEAD, NONCE_SECONDS, 1000)
JUMPS = st.builds(
    lambda edge, by, sign: sign * (edge + by),
    st.sampled_from(EDGES), st.sampled_from((-1, 0, 1)), st.sampled_from((-1, 1)),
)  # fmt: skip
LONG = 100_000


@pytest.fixture(params=["sqlite", "postgres"])
def filed(request, tmp_path) -> World:
    """Return a world on each engine whose task outlives every jump."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 's.db'}"
    else:
        url = request.getfixturevalue("server").new_database()
    return lasting(World(url=url))


def lasting(world: World) -> World:
    """Give a world a task that outlives every jump."""
    ceiling = Grant([READ], audience=["https://desk.acme.example"], purpose="desk", delegations_left=3, budget={"calls": 500})  # fmt: skip
    world.task = world.tracker.open_task("Jumps", owner=OWNER, ceiling=ceiling, lasts=2 * LONG)
    world.at = NOW + LONG
    return world


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors]
)
@given(steps=st.lists(st.tuples(JUMPS, st.booleans()), min_size=4, max_size=14))
def test_no_walk_of_the_clock_allows_a_proof_twice(steps) -> None:
    """Whatever way the clock goes: each proof is allowed at most once, and charged as often."""
    world = lasting(World())
    token, access = world.chain("boss", "a"), world.access()
    proofs: list[str] = []
    allowed: list[str] = []
    for jump, repeats in [(0, False), *steps]:
        world.at += jump
        tries = proofs[-6:] if repeats else []
        made = world.key("a").prove(token, access, at=world.at)
        proofs.append(made)
        for proof in [*tries, made]:
            try:
                if world.tracker.check(token, proof, access):
                    allowed.append(proof)
            except ClockError:
                continue  # refused, not recorded; its proof may be tried again
    assert len(allowed) == len(set(allowed))
    assert dict(world.tracker.task(world.task.id).spent).get("calls", 0) == len(allowed)
    world.tracker.close()


@pytest.mark.parametrize("ahead", [NONCE_SECONDS + 1, 3600, 50_000])
def test_a_clock_that_was_ahead_for_a_moment_refuses_for_a_minute_only(filed: World, ahead) -> None:
    """Set right again it refuses while a used proof could look fresh, and then goes on."""
    token, access, start = filed.chain("boss", "a"), filed.access(), filed.at
    used = filed.key("a").prove(token, access, at=start + MAX_AHEAD)
    assert filed.tracker.check(token, used, access)
    filed.at = start + ahead
    assert filed.check(token, "a")
    for back in (0, 1, MAX_AGE, MAX_AGE + MAX_AHEAD):
        filed.at = start + back
        for proof in (used, filed.key("a").prove(token, access, at=filed.at)):
            with pytest.raises(StoreUnavailableError) as refused:
                filed.tracker.check(token, proof, access)
            assert refused.value.code == "clock_behind"
    filed.at = start + MAX_AGE + MAX_AHEAD + 1
    assert verdict(filed.tracker.check(token, used, access)) == (6, "proof_stale")
    assert filed.check(token, "a")
    old = filed.at
    filed.at += NONCE_SECONDS + 1
    assert filed.check(token, "a")
    assert filed.check(token, "a"), "by now the writer is done with forgetting"
    assert scalar(filed, f"SELECT count(*) FROM nonce WHERE at <= {old}") == 0
    filed.tracker.close()
    audit(filed.url)


def test_a_clock_that_was_ahead_for_long_refuses_until_it_catches_up(filed: World) -> None:
    """Proofs of the wrong time were used and forgotten: they must not be met when that time comes."""
    token, access, start = filed.chain("boss", "a"), filed.access(), filed.at
    assert filed.check(token, "a")
    filed.at = wrong = start + 5000
    used = filed.key("a").prove(token, access, at=wrong)
    assert filed.tracker.check(token, used, access)
    filed.at = wrong + NONCE_SECONDS + 1
    assert filed.check(token, "a")  # forgets the nonce of `used`
    filed.at = start + 200
    assert verdict(filed.tracker.check(token, used, access))[0] == 6
    for at in (start + 200, wrong - MAX_AHEAD, wrong, wrong + MAX_AGE):
        filed.at = at
        met = used if at > start + 200 else filed.key("a").prove(token, access, at=at)
        with pytest.raises(StoreUnavailableError):
            filed.tracker.check(token, met, access)
    filed.at = wrong + MAX_AGE + MAX_AHEAD + 1
    assert filed.check(token, "a")
    filed.tracker.close()


def test_a_jump_beyond_an_answers_time_and_the_tasks_deadline(filed: World) -> None:
    """Beyond valid_until a repeat is denied, beyond the deadline all is; back again, charged once."""
    token, access, start = filed.chain("boss", "a"), filed.access(), filed.at
    proof = filed.key("a").prove(token, access, at=start)

    def repeat():
        return filed.tracker.check(token, proof, access, client="svc", idempotency_key="k")

    first = repeat()
    assert first
    filed.at = start + VALID_SECONDS
    assert verdict(repeat()) == (14, "answer_expired")
    filed.at = start
    assert repeat().id == first.id
    filed.at = NOW + 2 * LONG
    assert verdict(filed.check(token, "a"))[0] in {7, 10}
    filed.at = start + MAX_AGE + MAX_AHEAD + 1
    assert filed.check(token, "a")
    assert dict(filed.tracker.task(filed.task.id).spent)["calls"] == 2
    filed.tracker.close()
    audit(filed.url)


def test_a_replica_whose_clock_is_behind_wins_no_nonce_that_is_being_forgotten(
    server: Server, monkeypatch
) -> None:
    """One replica has read the mark and not yet claimed; another, ahead, forgets the nonce meanwhile."""
    world = lasting(World(url=server.new_database()))
    token, access = world.chain("boss", "a"), world.access()
    used = world.key("a").prove(token, access, at=world.at)
    assert world.tracker.check(token, used, access)
    slow, ahead = (
        Tracker.open(world.url, ring=world.tracker._desk.ring, clock=lambda by=by: world.at + by)
        for by in (1, NONCE_SECONDS + 2)
    )
    known = "SELECT count(*) FROM nonce WHERE at > 0"
    reached, go_on = threading.Event(), threading.Event()
    real = batch.claim_nonces

    def held(connection, nonces):
        if threading.current_thread() is slow._store.writer._thread:
            reached.set()
            go_on.wait(90)
        return real(connection, nonces)

    monkeypatch.setattr(batch, "claim_nonces", held)
    pending = slow.begin_check(token, used, access)
    assert reached.wait(90)
    later: Access = world.access(path="/b")
    fresh = world.key("a").prove(token, later, at=world.at + NONCE_SECONDS + 2)
    assert ahead.check(token, fresh, later), "it settles beside the other"
    # Then it forgets; or waits for the gate, as it must while the other settles.
    waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    assert until(lambda: scalar(world, waits) or not scalar(world, f"{known} AND at = {world.at}"))
    go_on.set()
    assert verdict(pending.result(90)) == (14, "replayed")
    for one in (slow, ahead, world.tracker):
        one.close()
    audit(world.url)
