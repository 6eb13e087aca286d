"""The fast front and its slow twin: one schema, one answer, one refusal; and what bounds a request."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import Future
from dataclasses import replace
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from service import Service
from world import DESK, NOW, World

from delegation.identity.receipt import check_receipt
from delegation.judge.decision import trail
from delegation.messages.requests import CheckBody
from delegation_api.app import create_service
from delegation_api.auth import KeyCache
from delegation_api.checking import CheckCall, committed, encode_decision, read_call
from delegation_api.limits import UnfitBodyError, read_body
from delegation_api.settings import Settings


@pytest.fixture(scope="module")
def service() -> Service:
    """Return one service for all facts that only read."""
    return Service(World())


def body(world: World, name: str = "a", **more) -> dict:
    """Return a call's body with a fresh proof."""
    token, access = world.chain("boss", name), world.access()
    return {
        "token": token.text,
        "proof": world.key(name).prove(token, access, at=world.at),
        "access": access.to_json(),
        **more,
    }


ODD = [
    b"", b"null", b"[]", b'"x"', b"{}", b"{", b"\xff", b'{"token": "a"}', b'{"a": NaN}',
    b'{"token":"a","token":"b","proof":null,"access":{}}', b'{"token":"\\ud800","proof":null,"access":{}}',
    b'{"token":1,"proof":null,"access":{}}', b'{"token":"a","proof":1,"access":{}}',
    b'{"token":"a","proof":null,"access":[]}', b'{"token":"a","proof":null,"access":null}',
    b'{"token":"a","proof":null,"access":{},"x":1,"y":2}', b'{"token":"a","proof":null,"access":{},"dry_run":1}',
    b'{"token":"a","proof":null,"access":{},"idempotency_key":""}',
    b'{"token":"a","proof":null,"access":{},"idempotency_key":"a b"}',
    b'{"token":"a","proof":null,"access":{},"idempotency_key":"k\\n"}',
    b'{"token":"a","proof":null,"access":{},"grant":{}}', b'{"token":"a","proof":null,"access":{},"receipt":null}',
    b'{"token":"a","proof":null,"access":{"audience":"https://other.example"}}',
    b'{"token":"a","proof":null,"access":null,"dry_run":true}',
    b'{"token":"a","proof":null,"access":{"tool":[]},"dry_run":true}',
    b'{"token":"a","proof":null,"access":null,"dry_run":true,"grant":{"effects":"read"}}',
    b"[" * 100_000, b'{"token":' + b"9" * 5000 + b"}", '{"token":"ä"}'.encode("utf-16"),
]  # fmt: skip


@pytest.mark.parametrize("content", ODD, ids=range(len(ODD)))
@pytest.mark.parametrize("role", ["operator", "service", "reviewer", None])
def test_front_and_twin_refuse_alike(service: Service, content: bytes, role) -> None:
    """Whatever comes in, both answer with the same status, headers that matter, and bytes."""
    headers = {"Content-Type": "application/json"}
    if role:
        headers["Authorization"] = f"Bearer {service.keys[role]}"
    fast = service.http.post("/v1/check", content=content, headers=headers)
    slow = service.slow.post("/v1/check", content=content, headers=headers)
    same = ("decision", "at") if fast.status_code == 200 else ()
    left, right = fast.json(), slow.json()
    for name in same:
        assert bool(left.pop(name, None)) == bool(right.pop(name, None))
    assert (fast.status_code, fast.headers["content-type"], left) == (
        slow.status_code, slow.headers["content-type"], right,
    )  # fmt: skip
    assert fast.status_code < 500
    if fast.status_code != 200:
        assert fast.content == slow.content


_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8),
    st.lists(st.none(), max_size=2), st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
)  # fmt: skip
_NAMES = st.sampled_from(
    ["token", "proof", "access", "idempotency_key", "receipt", "dry_run", "grant", "x"]
)


@settings(max_examples=400)
@given(value=st.one_of(st.dictionaries(_NAMES, _VALUES), _VALUES))
def test_the_hand_written_schema_is_pydantics(value) -> None:
    """Same values accepted, same values rejected, same call read."""
    mine = read_call(value)
    try:
        theirs = CheckCall(**dict(CheckBody.model_validate(value)))
    except ValidationError:
        theirs = None
    assert (mine if isinstance(mine, CheckCall) else None) == theirs


def test_front_and_twin_answer_with_the_same_bytes(service: Service) -> None:
    """A decision, asked again under its key through the other door, is the same answer."""
    sent = body(service.world, idempotency_key="k-1", receipt=True)
    fast = service.ask("POST", "/v1/check", "service", json=sent)
    slow = service.slow.post(
        "/v1/check", json=sent, headers={"Authorization": f"Bearer {service.keys['service']}"}
    )
    assert fast.status_code == 200
    assert fast.json()["allowed"] is True
    assert fast.content == slow.content


def test_a_reused_key_is_422_and_a_lapsed_answer_a_denial(service: Service) -> None:
    """The same key with another request is refused; another caller's key is another key."""
    first = body(service.world, idempotency_key="k-2")
    assert service.ask("POST", "/v1/check", "service", json=first).json()["allowed"]
    second = body(service.world, idempotency_key="k-2")
    found = service.ask("POST", "/v1/check", "service", json=second)
    assert (found.status_code, found.json()["code"]) == (422, "idempotency_key_reused")
    assert service.ask("POST", "/v1/check", "operator", json=second).json()["allowed"]


def test_a_receipt_serves_for_its_arguments_and_time_only(service: Service) -> None:
    """Signed by the service key; other arguments, later, or a changed byte are refused."""
    found = service.ask(
        "POST", "/v1/check", "service", json=body(service.world, receipt=True)
    ).json()
    ring = service.world.tracker.public_ring()
    said = check_receipt(found["receipt"], ring, arguments=found["arguments"], at=NOW)
    assert (said.decision, said.audience, said.tool) == (found["decision"], DESK, "files.read")
    for bad in (
        {"arguments": {"path": "/b"}, "at": NOW},
        {"arguments": found["arguments"], "at": found["valid_until"]},
    ):
        with pytest.raises(Exception, match="receipt"):
            check_receipt(found["receipt"], ring, **bad)
    tampered = found["receipt"][:-2] + ("AA" if found["receipt"][-2:] != "AA" else "BB")
    with pytest.raises(Exception):  # noqa: B017  # either not canonical base64url or not the signature
        check_receipt(tampered, ring, arguments=found["arguments"], at=NOW)
    denied = body(service.world, receipt=True)
    denied["proof"] = None
    assert service.ask("POST", "/v1/check", "service", json=denied).json()["receipt"] is None


def test_a_dry_run_tells_and_leaves_no_trace(service: Service) -> None:
    """What a child could do, and why a narrowing is refused: no record, no charge, no allowance."""
    world = service.world
    token = world.chain("boss", "a")
    before = service.rows()

    def plan(**more):
        sent = {"token": token.text, "proof": None, "access": None, "dry_run": True, **more}
        found = service.ask("POST", "/v1/check", "service", json=sent)
        assert found.status_code == 200, found.text
        assert "allowed" not in found.json()
        return found.json()

    reads = world.access().to_json()
    assert plan(access=reads)["would_allow"] is True
    pays = world.access("pay.refund", order="o", amount=900).to_json()
    assert plan(access=pays)["denial"]["code"] == "argument_refused"
    child = plan(access=reads, grant={"effects": ["write"]})
    assert (child["would_allow"], child["denial"]["code"]) == (False, "effect_not_granted")
    wider = plan(grant={"audience": [DESK, "https://other.example"]})
    assert (wider["narrowing"]["field"], wider["grant"], wider["would_allow"]) == (
        "audience",
        None,
        None,
    )
    world.tracker.revoke("link", token.id, by="t")
    assert plan(access=reads)["denial"]["code"] == "link_revoked"
    assert service.rows() == before + 1, "the revocation alone"


def test_an_outcome_is_reported_once_and_by_who_asked(service: Service) -> None:
    """Only the service that was allowed a call says what became of it; its word is kept."""
    found = service.ask("POST", "/v1/check", "service", json=body(service.world)).json()
    path = f"/v1/decisions/{found['decision']}/outcome"
    told = {"state": "executed", "detail": "sent"}
    assert service.ask("POST", path, "operator", json=told).status_code == 404
    assert service.ask("POST", path, "service", json=told).status_code == 204
    assert service.ask("POST", path, "service", json=told).status_code == 204
    assert service.ask("POST", path, "service", json={"state": "failed"}).status_code == 409
    assert service.ask("POST", path, "service", json={"state": "maybe"}).status_code == 422
    kept = service.ask("GET", f"/v1/decisions/{found['decision']}", "reviewer").json()
    assert (kept["outcome"]["state"], kept["outcome"]["by"]) == ("executed", "svc")
    none = "/v1/decisions/dec_none/outcome"
    assert service.ask("POST", none, "service", json=told).status_code == 404


def test_a_withdrawn_key_is_believed_for_a_second_at_most(world: World) -> None:
    """The cache of API keys has a bound, and unknown secrets do not push out known ones."""
    now = [0.0]
    keys = KeyCache(world.tracker, clock=lambda: now[0])
    header = b"Bearer " + world.tracker.create_api_key("s", "service", [DESK]).encode()
    assert asyncio.run(keys.find(header)).name == "s"
    world.tracker.revoke_api_key("s")
    assert asyncio.run(keys.find(header)).name == "s"
    now[0] = 1.0
    assert asyncio.run(keys.find(header)) is None
    for scheme in (b"", b"Basic x", b"Bearer", b"Bearer dk_" + b"x" * 43, b"\xff\xfe"):
        assert asyncio.run(keys.find(scheme)) is None
    assert len(keys._known) == 0


def test_a_body_that_never_ends_is_cut_off() -> None:
    """A slow or endless sender gets its answer and holds nothing."""

    async def slow():
        await asyncio.sleep(30)

    async def ask(receive, most=100) -> int:
        with pytest.raises(UnfitBodyError) as caught:
            await read_body({"headers": []}, receive, most=most, seconds=0.05)
        return caught.value.answer.status_code

    async def endless():
        return {"type": "http.request", "body": b"x" * 60, "more_body": True}

    assert asyncio.run(ask(slow)) == 408
    assert asyncio.run(ask(endless)) == 413


def test_requests_are_named_counted_and_logged_without_secrets(world: World, capsys) -> None:
    """The answer names its request, metrics count by route, and a log line holds no token."""
    from starlette.testclient import TestClient

    from delegation_api import logs

    logs.configure(Settings(log_format="json", log_requests=True))
    http = TestClient(create_service(world.tracker, Settings(log_requests=True)))
    key = world.tracker.create_api_key("op", "operator")
    auth = {"Authorization": f"Bearer {key}"}
    sent = body(world)
    answer = http.post("/v1/check", json=sent, headers={**auth, "X-Request-Id": "abc-1"})
    assert answer.headers["x-request-id"] == "abc-1"
    odd = http.get("/v1/tasks/dct.b1.AAAA/lineage?at=1", headers={**auth, "X-Request-Id": "a\tb"})
    assert odd.headers["x-request-id"] != "a\tb"
    text = http.get("/metrics", headers=auth).text
    assert 'delegation_http_requests_total{route="/v1/check",status="200"} 1.0' in text
    assert 'route="/v1/tasks/{task}/lineage",status="404"' in text
    assert "delegation_writer_decisions_total 1.0" in text
    assert http.get("/metrics").status_code == 401
    lines = [
        json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")
    ]
    said = [line for line in lines if line.get("event") == "request"]
    assert (said[0]["route"], said[0]["status"], said[0]["request"]) == ("/v1/check", 200, "abc-1")
    import logging

    logging.getLogger("delegation.x").warning("odd: %s %s", sent["token"], key)
    last = capsys.readouterr().err
    assert "<removed>" in last
    assert sent["token"] not in last
    assert key not in last
    logging.getLogger().handlers.clear()


def test_an_answer_is_the_decision_as_it_is_written_elsewhere(world: World) -> None:
    """The pieces that are encoded apart make the same bytes as the whole, for every trail."""
    token = world.chain("boss", "aide")
    decisions = [
        world.check(token, "aide"),
        world.check(token, "boss"),
        world.check(token, "aide", world.access("ops.restart", host="a")),
    ]
    for n in (None, *range(1, 15)):
        for passed in (None, 0, 9):
            decisions.append(
                replace(
                    decisions[0], steps=trail(n, passed_to=passed), claimed_cause="dec_" + "ä" * 2
                )
            )
    for decision in decisions:
        for receipt in (None, "a.b.c"):
            whole = json.dumps(
                {**decision.to_json(), "receipt": receipt},
                ensure_ascii=False,
                separators=(",", ":"),
            )
            assert encode_decision(decision, receipt) == whole.encode()


def test_waiters_are_woken_from_another_thread_once_each() -> None:
    """A batch signals its loop once, and none of many rounds leaves a waiter behind."""

    async def rounds() -> int:
        woken = 0
        for _ in range(30):
            pending: list[Future] = [Future() for _ in range(20)]
            waiting = [asyncio.ensure_future(committed(one)) for one in pending]
            await asyncio.sleep(0)
            waiting[3].cancel()
            thread = Thread(
                target=lambda pending=pending: [one.set_result(n) for n, one in enumerate(pending)]
            )
            thread.start()
            for n, one in enumerate(waiting):
                if n != 3:
                    assert await one == n
                    woken += 1
            thread.join()
        return woken

    assert asyncio.run(asyncio.wait_for(rounds(), 60)) == 30 * 19
