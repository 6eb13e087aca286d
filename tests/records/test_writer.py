"""The decision writer: together or not at all, and answered after COMMIT."""

from __future__ import annotations

import threading
import time

import pytest
from world import NOW, World, verdict
from writing import begin, held_back, scalar

from delegation import Grant, Tool
from delegation.commands.check import settled
from delegation.errors import (
    IdempotencyError,
    MalformedError,
    StoreUnavailableError,
)
from delegation.records.settling import writer


def test_what_waits_is_settled_in_one_transaction(filed: World, monkeypatch) -> None:
    """Sixty calls that came while the writer was busy are one or two batches, in order of arrival."""
    token = filed.chain("boss", "a", budget={"calls": 20})
    gate = held_back(filed, monkeypatch)
    waiting = [begin(filed, token, "a") for _ in range(30)]
    gate.set()
    found = [settled(one) for one in waiting]
    assert [bool(one) for one in found] == [True] * 20 + [False] * 10
    assert {verdict(one) for one in found[20:]} == {(12, "budget_spent")}
    assert filed.tracker._store.writer.stats.batches <= 2
    assert [d.id for d in filed.tracker.decisions()] == [one.id for one in found]
    assert scalar(filed, "SELECT max(used) FROM counter WHERE scope = 'link'") == 20


def test_one_nonce_in_one_batch_is_allowed_once(filed: World, monkeypatch) -> None:
    """The first that came wins, its copies are replays; on one batch as on many."""
    token, access = filed.chain("boss", "a"), filed.access()
    proof = filed.key("a").prove(token, access, at=NOW)
    gate = held_back(filed, monkeypatch)
    waiting = [filed.tracker.begin_check(token, proof, access) for _ in range(4)]
    gate.set()
    assert [verdict(settled(one)) for one in waiting] == [None, *[(14, "replayed")] * 3]


def test_a_full_queue_refuses_at_once(filed: World, monkeypatch) -> None:
    """Beyond its capacity nothing waits: 503 now is better than an answer after the proof is stale."""
    monkeypatch.setattr(writer, "CAPACITY", 5)
    token = filed.chain("boss", "a")
    gate = held_back(filed, monkeypatch)
    first = begin(filed, token, "a")
    while filed.tracker._store.writer.depth:
        time.sleep(0.001)
    waiting = [begin(filed, token, "a") for _ in range(5)]
    with pytest.raises(StoreUnavailableError):
        begin(filed, token, "a")
    with pytest.raises(StoreUnavailableError):
        filed.tracker.health()
    gate.set()
    assert all(settled(one) for one in (first, *waiting))
    filed.tracker.health()


def test_a_caller_that_is_gone_takes_nobodys_answer_with_it(filed: World, monkeypatch) -> None:
    """A cancelled call is decided and recorded like its neighbours; they get their answers."""
    token = filed.chain("boss", "a")
    gate = held_back(filed, monkeypatch)
    gone, stays = begin(filed, token, "a"), begin(filed, token, "a")
    assert gone.cancel()
    gate.set()
    assert settled(stays)
    assert len(filed.tracker.decisions()) == 2


def test_a_repeated_request_gets_its_first_answer_and_is_charged_once(filed: World) -> None:
    """Same caller, key and request: the same decision; its nonce is no replay of itself."""
    token, access = filed.chain("boss", "a"), filed.access()
    proof = filed.key("a").prove(token, access, at=NOW)

    def ask(client="svc", key="k1", wanted=access, signed=proof):
        return filed.tracker.check(token, signed, wanted, client=client, idempotency_key=key)

    first = ask()
    again = ask()
    assert (again.id, again.allowed, dict(again.arguments), again.valid_until) == (
        first.id, True, dict(first.arguments), first.valid_until,
    )  # fmt: skip
    assert scalar(filed, "SELECT used FROM counter WHERE unit = 'calls' AND scope = 'task'") == 1
    # Another caller's key of the same name is another key: here the proof is simply spent.
    assert verdict(ask(client="other")) == (14, "replayed")
    other = filed.access(path="/other")
    with pytest.raises(IdempotencyError):
        ask(wanted=other, signed=filed.key("a").prove(token, other, at=NOW))
    filed.at = NOW + 5
    assert verdict(ask()) == (14, "answer_expired")
    for bad in ("", "x" * 129, "a b", "\n", "ä"):
        with pytest.raises(MalformedError):
            ask(key=bad)


def test_a_repeated_request_is_denied_once_its_chain_fell(filed: World) -> None:
    """What was allowed is not repeated after a revocation, and a denial is repeated as it was."""
    token, access = filed.chain("boss", "a"), filed.access()
    proof = filed.key("a").prove(token, access, at=NOW)
    ask = lambda: filed.tracker.check(token, proof, access, client="svc", idempotency_key="k")  # noqa: E731
    first = ask()
    filed.tracker.revoke("link", token.id, by="t")
    assert first
    assert verdict(ask()) == (10, "link_revoked")
    proof = filed.key("a").prove(token, access, at=NOW)
    denied = filed.tracker.check(token, proof, access, client="svc", idempotency_key="k2")
    repeated = filed.tracker.check(token, proof, access, client="svc", idempotency_key="k2")
    assert (denied.id, verdict(denied)) == (repeated.id, verdict(repeated))


def test_repeated_requests_in_one_batch_are_one_decision(filed: World, monkeypatch) -> None:
    """A balancer that sends a request twice at once charges once; another body is refused."""
    token, access = filed.chain("boss", "a"), filed.access()
    proof = filed.key("a").prove(token, access, at=NOW)
    gate = held_back(filed, monkeypatch)
    same = [
        filed.tracker.begin_check(token, proof, access, client="svc", idempotency_key="k")
        for _ in range(3)
    ]
    other = begin(filed, token, "a", key="k", access=filed.access(path="/x"))
    gate.set()
    assert len({settled(one).id for one in same}) == 1
    with pytest.raises(IdempotencyError):
        settled(other)
    assert scalar(filed, "SELECT count(*) FROM decision") == 1


def test_a_tool_redefined_meanwhile_is_judged_as_it_is_now(filed: World, monkeypatch) -> None:
    """A call that was judged by yesterday's catalogue is judged again inside the transaction."""
    token = filed.chain("boss", "a")
    assert filed.check(token, "a")
    gate = held_back(filed, monkeypatch)
    waiting = begin(filed, token, "a")
    filed.tracker.add_tool(
        Tool("files.read", effect="delete", arguments={"path": "path"}, sensitivity=1)
    )
    gate.set()
    assert verdict(settled(waiting)) == (8, "effect_not_granted")


def test_a_clock_set_back_refuses_what_it_can_no_longer_tell_from_a_replay(filed: World) -> None:
    """Nonces that were forgotten stay forgotten: an old proof that is fresh again is not believed."""
    token, access = filed.chain("boss", "a"), filed.access()
    old = filed.key("a").prove(token, access, at=NOW)
    assert filed.tracker.check(token, old, access)
    filed.at = NOW + 400
    assert filed.check(token, "a")
    filed.at = NOW
    with pytest.raises(StoreUnavailableError) as caught:
        filed.tracker.check(token, old, access)
    assert caught.value.code == "clock_behind"
    filed.at = NOW + 400 - 50
    assert filed.check(token, "a"), "a small step back is no reason to refuse"


def test_garbage_takes_no_place_in_the_queue(filed: World) -> None:
    """A flood of unprovable calls is counted; what was counted is written within a second or at the end."""
    for _ in range(300):
        filed.tracker.check("garbage", None, filed.access(), client="noisy")
    stored = len(filed.tracker.decisions(limit=1000))
    assert stored == 10
    filed.tracker._store.writer.close()
    with filed.tracker._store.read() as reader:
        assert sum(reader.unproven_counts().values()) == 290


def test_closing_writes_what_waits_and_refuses_what_comes(filed: World, monkeypatch) -> None:
    """Shutting down drains the queue; nobody who was accepted is left without an answer."""
    token = filed.chain("boss", "a")
    gate = held_back(filed, monkeypatch)
    waiting = [begin(filed, token, "a") for _ in range(5)]
    gate.set()
    filed.tracker._store.writer.close()
    assert all(settled(one) for one in waiting)
    with pytest.raises(StoreUnavailableError):
        begin(filed, token, "a")


def test_two_stores_on_one_database_never_overspend(server) -> None:
    """Two processes' worth of writers share one PostgreSQL: exact budgets, no deadlock."""
    first = World(url=server.new_database("t1"))
    from delegation.tracker import Tracker

    url = str(first.tracker._store._database.engine.url).replace("+psycopg", "")
    second = Tracker.open(url, ring=first.tracker._desk.ring, clock=lambda: NOW)
    top = first.chain("boss", "a", budget={"calls": 30})
    leaf = top.delegate(by=first.key("a"), to=first.key("b").public, grant=Grant())
    access = first.access()
    shared = [first.key("b").prove(leaf, access, at=NOW) for _ in range(10)]
    found: list[tuple[str, bool]] = []

    def spend(tracker, token, name) -> None:
        for n in range(30):
            proof = (
                shared[n % 10]
                if n % 3 == 0 and name == "b"
                else first.key(name).prove(token, access, at=NOW)
            )
            found.append((proof, bool(tracker.check(token, proof, access))))

    threads = [
        threading.Thread(target=spend, args=(tracker, token, name))
        for tracker in (first.tracker, second)
        for token, name in ((leaf, "b"), (top, "a"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    allowed = [p for p, ok in found if ok]
    assert len(found) == 120
    assert len(allowed) == len(set(allowed)) == 30
    assert dict(first.tracker.task(first.task.id).spent)["calls"] == 30
    assert [d.sequence for d in first.tracker.decisions(limit=1000)] == list(range(1, 121))
    first.tracker.revoke("link", leaf.id, by="t")
    assert verdict(second.check(leaf, first.key("b").prove(leaf, access, at=NOW), access)) == (
        10,
        "link_revoked",
    )
    second.close()
    first.tracker.close()
