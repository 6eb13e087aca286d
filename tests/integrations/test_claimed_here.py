"""Whose nonce is claimed in the verifier's own process is answered there, whatever happens meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sides import Sides
from world import NOW, verdict

from delegation.integrations import in_process_settling
from delegation.judge.subject import Subject

httpx2 = pytest.importorskip("httpx2")


@pytest.fixture
def sides(tmp_path: Path) -> Sides:
    """Return a service and a verifier that asks it where it must."""
    return Sides(tmp_path)


def _late(sides: Sides, meanwhile=lambda: None) -> None:
    """Let the lease end while a decision is written, and something happen."""
    claim = sides.spool.claim

    def slow(*given, **named):
        done = claim(*given, **named)
        sides.boot += 2
        meanwhile()
        return done

    sides.spool.claim = slow


def _elsewhere(work) -> None:
    """Do work of the background now, in a loop of its own."""
    with ThreadPoolExecutor() as pool:
        pool.submit(work).result()


@pytest.mark.parametrize("reported", ["before its answer", "after its answer"])
def test_a_late_disk_has_the_call_looked_up_anew(sides: Sides, reported: str) -> None:
    """The lease ended while the decision was written, and it was told: one call is not taken for two."""
    token = sides.world.chain("boss", "a")
    sides.poll()
    before = reported == "before its answer"
    _late(sides, (lambda: _elsewhere(sides.report)) if before else lambda: None)
    decision = sides.check(token)
    assert verdict(decision) is None
    assert decision.is_fresh(sides.boot + 0.9)
    assert not decision.is_fresh(sides.boot + 1), "as old as its own look"
    assert sides.report() == (0 if before else 1)
    assert sides.tracker.decision(decision.id).decision.allowed
    assert len(sides.tracker.decisions()) == 1
    assert sides.tracker.local_decisions(conflicts=True) == []
    assert "/v1/check" not in sides.sent, "it would deny a call that it was told of as replayed"


@pytest.mark.parametrize("fallback", ["service", "refuse"])
def test_a_late_disk_answers_nothing_without_a_new_lease(
    tmp_path: Path, fallback: str, monkeypatch
) -> None:
    """It is told as denied under the id that was answered, and the nonce is spent."""
    monkeypatch.setattr(in_process_settling, "LOOKS", 2)
    sides = Sides(tmp_path, fallback=fallback)
    token, access = sides.world.chain("boss", "a"), sides.world.access()
    sides.poll()
    claim = sides.spool.claim
    _late(sides, lambda: setattr(sides, "is_down", True))
    proof = sides.world.key("a").prove(token, access, at=NOW)
    decision = sides.check(token, proof=proof)
    assert verdict(decision) == (10, "stale")
    assert "/v1/check" not in sides.sent
    sides.spool.claim, sides.is_down = claim, False
    sides.boot += 1
    sides.report()
    assert verdict(sides.tracker.decision(decision.id).decision) == (10, "stale")
    assert len(sides.tracker.decisions()) == 1
    assert verdict(sides.check(token, proof=proof)) == (14, "replayed")


def test_a_late_disk_waits_for_a_slow_service(sides: Sides) -> None:
    """Nobody else can answer the proof, so that one poll that fails is not the end."""
    token, inner, failed = sides.world.chain("boss", "a"), sides.inner, []
    sides.poll()

    def slow(request):
        if request.url.path.endswith("/poll") and len(failed) < 3:
            failed.append(request)
            sides.boot += 0.1
            raise httpx2.ReadTimeout("slow")
        sides.boot += 0.1
        return inner(request)

    def stumbles() -> None:
        sides.inner = slow

    _late(sides, stumbles)
    follower = sides.verifier.local.follower
    ensure = follower.ensure

    async def later(at_least_epoch: int = 0) -> None:
        sides.boot += 0.2
        await ensure(at_least_epoch)

    follower.ensure = later
    assert verdict(sides.check(token)) is None
    assert len(failed) == 3


def test_a_newer_poll_does_not_save_an_older_look(sides: Sides) -> None:
    """Looked up under one lease, revoked and polled while the disk was slow: a new look decides."""
    token = sides.world.chain("boss", "a")
    sides.poll()
    follower = sides.verifier.local.follower

    def revoked() -> None:
        sides.tracker.revoke("link", token.id, by="t")
        follower._revoked.add(Subject("link", token.id))
        follower.lease = type(follower.lease)(sides.boot, 1.0)  # as the background poll would

    _late(sides, revoked)
    decision = sides.check(token)
    assert verdict(decision) == (10, "link_revoked")
    sides.report()
    assert verdict(sides.tracker.decision(decision.id).decision) == (10, "link_revoked")


def test_a_proof_that_was_used_here_is_not_asked_about_elsewhere(sides: Sides) -> None:
    """The service, which has yet to be told of the first use, would allow the second."""
    token, access = sides.world.chain("boss", "a"), sides.world.access()
    proof = sides.world.key("a").prove(token, access, at=NOW)
    assert sides.check(token, proof=proof)
    again = sides.check(token, proof=proof)
    assert (verdict(again), again.id) == ((14, "replayed"), "")
    assert sides.verifier.screened["replayed"] == 1
    assert "/v1/check" not in sides.sent


def test_a_spool_that_is_moved_as_it_is_written_is_no_reason_to_ask(
    sides: Sides, tmp_path: Path
) -> None:
    """The nonce is in the file, wherever that is, and will be told: nobody else answers its proof."""
    token = sides.world.chain("boss", "a")
    files, looks = sides.spool._files, []

    def moved():
        looks.append(1)
        if len(looks) == 2:  # after the COMMIT
            (tmp_path / "spool.db").rename(tmp_path / "gone.db")
        return files()

    sides.spool._files = moved
    assert verdict(sides.check(token)) == (14, "spool_unavailable")
    assert "/v1/check" not in sides.sent
