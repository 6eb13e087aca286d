"""Settling calls in the verifier's own process: only what standing alone decides, only while fresh."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sides import Sides
from world import DESK, NOW, OWNER, verdict

from delegation import Access, Grant, Tool, anything, may
from delegation.authority.approval import ApprovalRule
from delegation.authority.flow import AfterNever
from delegation.authority.pattern import tool_pattern
from delegation.client import AsyncClient
from delegation.errors import ConfigurationError, ServiceError
from delegation.identity.proof import MAX_AGE, MAX_AHEAD
from delegation.integrations.boottime import boottime
from delegation.integrations.following import Digests
from delegation.integrations.in_process import InProcessVerifier
from delegation.integrations.spool import Spool
from delegation.judge.in_process import InProcessDecision
from delegation.judge.subject import Subject

httpx2 = pytest.importorskip("httpx2")


@pytest.fixture
def sides(tmp_path: Path) -> Sides:
    """Return a service and a verifier that asks it where it must."""
    return Sides(tmp_path)


@pytest.fixture
def alone(tmp_path: Path) -> Sides:
    """Return a service and a verifier that refuses where it would have to ask."""
    return Sides(tmp_path, fallback="refuse")


def test_a_call_that_needs_only_standing_is_settled_here_and_reported_later(sides: Sides) -> None:
    """No check is sent; the service learns of it by report, under its true origin, without conflict."""
    token = sides.world.chain("boss", "a")
    decision = sides.check(token)
    assert decision
    assert isinstance(decision, InProcessDecision)
    assert "/v1/check" not in sides.sent
    assert dict(decision.arguments) == {"path": "/a"}
    assert decision.is_fresh(sides.boot)
    assert not decision.is_fresh(sides.boot + 1.0)
    assert sides.spool.depth()[0] == 1
    with pytest.raises(LookupError):
        _known(sides, decision.id)
    assert sides.report() == 1
    assert sides.spool.depth() == (0, 0)
    detail = _known(sides, decision.id)
    assert detail.decision.allowed
    assert detail.decision.at == NOW
    assert (detail.local.by, detail.local.conflict_step) == ("svc", None)
    assert sides.tracker.local_decisions(conflicts=True) == []
    assert sides.tracker.lineage(sides.task).entry.links[-1].decisions.allowed == 1


def _known(sides: Sides, decision: str):
    from delegation.errors import NotFoundError

    try:
        return sides.tracker.decision(decision)
    except NotFoundError as error:
        raise LookupError from error


@pytest.mark.parametrize(
    "case", ["macaroon", "ledger", "budget", "cost", "flow", "approval", "labels", "delegate_only"]
)
def test_calls_that_rest_on_other_state_are_left_to_the_service(tmp_path, case: str) -> None:
    """A MAC, a ledger, a budget, a cost, labels, flow rules, approvals, who is another: asked for there."""
    sides = Sides(tmp_path)
    fields: dict[str, object] = {}
    access = sides.world.access()
    if case == "ledger":
        sides.world.task = sides.world.open()
    elif case == "budget":
        fields = {"budget": {"calls": 5}}
    elif case == "flow":
        fields = {"flow": [AfterNever(("pii",), ("external",))]}
    elif case == "approval":
        fields = {"needs_approval": [ApprovalRule((tool_pattern("files.read"),), ("chief",))]}
    elif case == "delegate_only":
        for name in ("boss", "a"):
            keys = [sides.world.key(name).public]
            sides.tracker.add_agent(name, owner="ana@acme.example", keys=keys)
    elif case == "labels":
        sides.tracker.add_tool(
            Tool(
                "files.read",
                effect="read",
                arguments={"path": "path"},
                sensitivity=1,
                labels=["pii"],
            )
        )
    elif case == "cost":
        access = sides.world.access("pay.refund", order="o1", amount=5)
    token = sides.world.chain(
        "boss", "a", format="macaroon" if case == "macaroon" else "biscuit", **fields
    )
    if case == "delegate_only":
        only = sides.world.root(
            capabilities=[may("files.read", path=anything(), delegate_only=True)]
        )
        freed = Grant([may("files.read", path=anything())])
        token = only.delegate(
            by=sides.world.key("boss"), to=sides.world.key("a").public, grant=freed
        )
    if case == "ledger":  # no budget on any link: the task's own ledger is what counts
        token = sides.world.root("a", budget={})
    decision = sides.check(token, access=access)
    assert not isinstance(decision, InProcessDecision)
    assert "/v1/check" in sides.sent
    strict = sides.start("refuse")
    refused = sides.check(token, access=access, verifier=strict)
    assert not refused
    assert (refused.denial.step, refused.denial.code) == (10, "not_settled_here")


def test_nothing_is_allowed_on_what_is_older_than_the_bound(alone: Sides) -> None:
    """Silence can only deny: the service is gone, the lease ends, nothing passes."""
    token = alone.world.chain("boss", "a")
    assert alone.check(token)
    alone.is_down = True
    alone.boot += 0.99
    assert alone.check(token)
    alone.boot += 0.02
    with pytest.raises(ServiceError):
        alone.check(token)  # neither keys nor a lease can be had
    alone.is_down = False
    alone.boot += 1
    assert alone.check(token)


def test_a_clock_that_went_back_finds_no_lease(alone: Sides) -> None:
    """A restored virtual machine must not find its old lease fresh for ever."""
    token = alone.world.chain("boss", "a")
    assert alone.check(token)
    alone.is_down = True
    alone.boot -= 500
    with pytest.raises(ServiceError):
        alone.check(token)


def test_a_lease_is_counted_from_before_its_poll(alone: Sides) -> None:
    """An answer that was long on its way says how things stood before it was sent."""
    inner = alone.inner

    def slow(request):
        answer = inner(request)
        if request.url.path.endswith("/poll"):
            alone.boot += 0.7
        return answer

    alone.inner = slow
    alone.poll()
    assert alone.verifier.local.follower.lease.fresh_until == 1001.0
    assert alone.boot == pytest.approx(1000.7)


@pytest.mark.parametrize(
    "kind",
    ["link", "task", "agent", "key", "owner", "tool", "system", "close", "freeze", "registry"],
)
def test_what_ends_at_the_service_ends_here_with_the_next_poll(alone: Sides, kind: str) -> None:
    """All by which standing turns from yes to no travels in the feed."""
    world, tracker = alone.world, alone.tracker
    ceiling = Grant([may("crm.read", id=anything())], audience=[DESK], delegations_left=3)
    world.task = tracker.open_task("T", owner=OWNER, ceiling=ceiling, lasts=1000)
    tracker.add_agent("a", owner="bo@acme.example", keys=[world.key("a").public])
    token = world.chain("boss", "a")
    access = Access("crm.read", {"id": "1"}, DESK)
    assert alone.check(token, access=access)
    ids = {"link": token.id, "task": world.task.id, "agent": "a", "owner": "bo@acme.example"}
    ids |= {"key": world.key("a").public.text[8:], "tool": "crm.read", "system": "crm"}
    code = f"{kind}_revoked"
    if kind == "close":
        tracker.close_task(world.task)
        code = "task_closed"
    elif kind == "freeze":
        tracker.freeze(by="t", wait=False)
        code = "frozen"
    elif kind == "registry":
        tracker.add_agent("boss", owner=OWNER, keys=[world.key("another").public])
        code = "holder_contradicts_registry"
    else:
        tracker.revoke(kind, ids[kind], by="t")
    assert alone.check(token, access=access)  # still within the bound of its lease
    alone.poll()
    denied = alone.check(token, access=access)
    assert verdict(denied) == (10, code)
    alone.report()
    assert verdict(alone.tracker.decision(denied.id).decision) == (10, code)
    if kind == "freeze":
        tracker.unfreeze(by="t")
        alone.poll()
        assert alone.check(token, access=access)


def test_a_resumed_or_later_end_is_followed(alone: Sides) -> None:
    """Suspensions end when they are resumed; a key that ends at an instant ends then."""
    token = alone.world.chain("boss", "a")
    alone.tracker.suspend("link", token.id, by="t")
    assert verdict(alone.check(token)) == (10, "link_suspended")
    alone.tracker.resume("link", token.id, by="t")
    alone.tracker.revoke("link", token.id, by="t", effective_at=NOW + 5)
    alone.poll()
    assert alone.check(token)
    alone.world.at = NOW + 5
    assert verdict(alone.check(token)) == (10, "link_revoked")


def test_a_proof_is_used_once_on_this_host_through_restarts(sides: Sides) -> None:
    """Whoever wins the nonce in the file is allowed; a second process of the host sees it."""
    token, access = sides.world.chain("boss", "a"), sides.world.access()
    proof = sides.world.key("a").prove(token, access, at=NOW)
    strict = sides.start("refuse")
    assert sides.check(token, proof=proof, verifier=strict)
    for verifier in (strict, sides.start("refuse")):
        assert verdict(sides.check(token, proof=proof, verifier=verifier)) == (14, "replayed")


def test_a_clock_set_back_settles_nothing_here(alone: Sides) -> None:
    """Nonces are forgotten after two minutes: a clock behind that mark would find old proofs fresh."""
    token = alone.world.chain("boss", "a")
    assert alone.check(token)
    alone.world.at = NOW + 300
    assert alone.check(token)
    alone.world.at = NOW + MAX_AGE + MAX_AHEAD
    assert verdict(alone.check(token)) == (14, "clock_behind")
    alone.world.at += 1  # the mark is what was forgotten, not how far the clock was
    assert alone.check(token)


def test_a_caller_that_saw_more_makes_the_verifier_poll(alone: Sides) -> None:
    """At least as fresh as: it polls now, and still behind it refuses."""
    token = alone.world.chain("boss", "a")
    assert alone.check(token)
    done = alone.tracker.revoke("tool", "ops.restart", by="t")
    polls = alone.verifier.local.follower.polls
    assert alone.check(token, at_least_epoch=done.epoch)
    assert alone.verifier.local.follower.polls == polls + 1
    assert verdict(alone.check(token, at_least_epoch=done.epoch + 1)) == (10, "stale")


def test_a_forgotten_replica_registers_again_and_gains_nothing_from_that_poll(alone: Sides) -> None:
    """No row, no lease: whoever waits for confirmations would not have waited for this one."""
    alone.poll()
    follower = alone.verifier.local.follower
    first, lease = follower.replica, follower.lease
    alone.tracker.leave_replica(first, by="svc")
    alone.boot += 0.5
    with pytest.raises(ServiceError):
        alone.poll()
    assert follower.lease == lease
    alone.poll()
    assert follower.replica not in {"", first}
    assert follower.lease.start == alone.boot


def test_a_restored_service_makes_the_verifier_begin_anew(alone: Sides) -> None:
    """An epoch that went back: all is read again, and what was ended once is not forgotten."""
    alone.tracker.revoke("tool", "ops.restart", by="t")
    alone.poll()
    follower = alone.verifier.local.follower
    follower.epoch += 100
    follower._revoked.add(Subject("tool", "files.read"))
    token = alone.world.chain("boss", "a")
    lease = follower.lease
    alone.boot += 0.1
    alone.poll()
    assert follower.epoch == alone.tracker.feed(limit=1000).epoch
    assert follower.lease != lease
    assert verdict(alone.check(token)) == (10, "tool_revoked"), "the database has forgotten it"


def test_a_redefined_tool_is_judged_by_its_new_definition_with_the_next_poll(alone: Sides) -> None:
    """The catalogue is part of what a lease covers."""
    token = alone.world.chain("boss", "a")
    assert alone.check(token)
    alone.tracker.add_tool(
        Tool("files.read", effect="read", arguments={"path": "path"}, sensitivity=3)
    )
    alone.poll()
    assert verdict(alone.check(token)) == (8, "sensitivity_not_granted")


def test_many_revocations_are_kept_small_and_found(sides: Sides) -> None:
    """Digests, not texts; what was added is found, whatever its kind."""
    held = Digests()
    for n in range(1000):
        held.add(Subject("link", f"lnk_{n}"))
    assert len(held) == 1000
    assert Subject("link", "lnk_7") in held
    assert Subject("task", "lnk_7") not in held
    with pytest.raises(TypeError):
        list(held)


def test_a_verifier_needs_somewhere_to_turn(tmp_path: Path) -> None:
    """Refusing what it cannot settle is for those who can settle something."""
    client = AsyncClient("http://testserver")
    with pytest.raises(ConfigurationError):
        InProcessVerifier(client, fallback="refuse")
    with pytest.raises(ConfigurationError):
        InProcessVerifier(client, spool=Spool(tmp_path / "s.db"), fallback="allow")


def test_a_guard_acts_on_a_local_decision_only_while_it_is_fresh(sides: Sides) -> None:
    """The guard looks at the boot clock once more, just before the handler runs."""
    from delegation.integrations import Guard

    ran = []

    async def app(scope, receive, send) -> None:
        ran.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    sides.boot = boottime()
    guard = Guard(sides.verifier, audience=DESK, clock=lambda: sides.world.at)
    guard.route("GET", "/files", "files.read", query=["path"])
    guarded = guard.protect(app)
    token, access = sides.world.chain("boss", "a"), sides.world.access()

    def get() -> int:
        proof = sides.world.key("a").prove(token, access, at=NOW)
        headers = [
            (b"authorization", f"Delegation {token.text}".encode()),
            (b"delegation-proof", proof.encode()),
        ]
        scope = {
            "type": "http", "method": "GET", "path": "/files", "raw_path": b"/files",
            "query_string": b"path=%2Fa", "headers": headers,
        }  # fmt: skip
        sent = []

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message) -> None:
            sent.append(message)

        asyncio.run(guarded(scope, receive, send))
        return sent[0]["status"]

    sides.boot = boottime() + 3600  # a lease that will not end while this test runs
    assert (get(), ran) == (200, ["/files"])
    sides.boot = boottime() - 3600  # one that ended long ago, by the clock that the guard reads
    sides.verifier.local.follower.lease = None
    assert (get(), ran) == (503, ["/files"])
    assert "/v1/check" not in sides.sent
