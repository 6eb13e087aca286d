"""The in-process verifier: garbage stays here, everything proven is settled by the service."""

from __future__ import annotations

import asyncio

import pytest
from service import Service
from wire import handler
from world import NOW, World

from delegation import Access
from delegation.client import AsyncClient
from delegation.errors import ServiceError
from delegation.integrations.in_process import InProcessVerifier

httpx2 = pytest.importorskip("httpx2")


class Sides:
    """A service, and a verifier in another process that counts what it sends."""

    def __init__(self) -> None:
        self.world = World()
        self.service = Service(self.world)
        self.sent: list[str] = []
        inner = handler(self.service)

        def handle(request):
            self.sent.append(request.url.path)
            return inner(request)

        self.now = 0.0
        client = AsyncClient(
            "http://testserver",
            api_key=self.service.keys["service"],
            transport=httpx2.MockTransport(handle),
        )
        self.verifier = InProcessVerifier(
            client, clock=lambda: self.world.at, monotonic=lambda: self.now
        )

    def check(self, token, proof, access):
        """Ask the verifier."""
        return asyncio.run(
            self.verifier.check(token.text if hasattr(token, "text") else token, proof, access)
        )


@pytest.mark.parametrize("format", ["biscuit", "macaroon"])
def test_what_is_proven_is_settled_and_recorded_by_the_service(format: str) -> None:
    """Allowed and denied alike: the record is the service's, replays and all."""
    sides = Sides()
    token = sides.world.chain("boss", "a", format=format)
    for access, code in (
        (sides.world.access(), None),
        (sides.world.access("ops.restart", host="h.example"), "effect_not_granted"),
    ):
        proof = sides.world.key("a").prove(token, access, at=NOW)
        decision = sides.check(token, proof, access)
        assert (decision.denial.code if decision.denial else None) == code
        assert sides.world.tracker.decision(decision.id)
        if code is None:
            assert sides.check(token, proof, access).denial.code == "replayed"


def test_garbage_never_leaves_the_process() -> None:
    """No token, another's proof, an old proof: denied here and counted, nothing is sent."""
    sides = Sides()
    token, access = sides.world.chain("boss", "a"), sides.world.access()
    good = sides.world.key("a").prove(token, access, at=NOW)
    assert sides.check(token, good, access)
    before = len(sides.sent)
    for bad_token, proof, wanted in (
        ("garbage", good, access),
        (token, None, access),
        (token, sides.world.key("m").prove(token, access, at=NOW), access),
        (token, sides.world.key("a").prove(token, access, at=NOW - 200), access),
        (token, good, sides.world.access(path="/other")),
        (token, good, {"v": 1}),
    ):
        decision = sides.check(bad_token, proof, wanted)
        assert not decision
        assert decision.denial.step <= 6
        assert decision.id == ""
    assert len(sides.sent) == before
    assert sum(sides.verifier.screened.values()) == 6
    assert len(sides.world.tracker.decisions()) == 1


def test_new_keys_are_asked_for_once_a_second_and_old_ones_after_a_while() -> None:
    """A token under a key that is unknown here makes the keys be asked for, not once for each token."""
    sides = Sides()
    token, access = sides.world.chain("boss", "a"), sides.world.access()
    assert sides.check(token, sides.world.key("a").prove(token, access, at=NOW), access)
    other = World()
    foreign = other.chain("boss", "a")
    proof = other.key("a").prove(foreign, access, at=NOW)
    asked = sides.sent.count("/v1/keys/public")
    for now in (0.5, 0.6, 1.5, 1.6):
        sides.now = now
        assert sides.check(foreign, proof, access).denial
    assert sides.sent.count("/v1/keys/public") <= asked + 1
    sides.now = 40.0
    assert sides.check(token, sides.world.key("a").prove(token, access, at=NOW), access)
    assert sides.sent.count("/v1/keys/public") >= asked + 1


def test_a_judgement_is_no_allowance() -> None:
    """Nobody reads what the token says as what may be done."""
    sides = Sides()
    token, access = sides.world.chain("boss", "a"), sides.world.access()
    proof = sides.world.key("a").prove(token, access, at=NOW)
    judged = asyncio.run(sides.verifier.judge(token.text, proof, access))
    assert judged.denial is None
    with pytest.raises(TypeError):
        bool(judged)
    far = Access("files.read", {"path": "/a"}, "https://elsewhere.example", purpose="desk")
    judged = asyncio.run(
        sides.verifier.judge(token.text, sides.world.key("a").prove(token, far, at=NOW), far)
    )
    assert (judged.denial.step, judged.denial.code) == (7, "audience_not_granted")


def test_without_the_service_nothing_is_allowed() -> None:
    """Keys may be known; a decision still is not."""
    sides = Sides()
    token, access = sides.world.chain("boss", "a"), sides.world.access()
    proof = sides.world.key("a").prove(token, access, at=NOW)
    asyncio.run(sides.verifier.judge(token.text, proof, access))
    sides.world.tracker._store.writer.close()
    with pytest.raises(ServiceError):
        sides.check(token, proof, access)
