"""The decision writer: together or not at all, answered after COMMIT, exact under faults."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import Future

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from world import NOW, World, verdict

from delegation import Access, Grant, Tool
from delegation.errors import (
    IdempotencyError,
    MalformedError,
    StoreUnavailableError,
    UnknownOutcomeError,
)
from delegation.records import batch, writer
from delegation.tracker.check import settled


def scalar(world: World, statement: str) -> int:
    """Return one number from the database."""
    with world.tracker._store._database.reading() as connection:
        return connection.execute(text(statement)).scalar_one()


def begin(
    world: World, token, name: str, key: str | None = None, access: Access | None = None
) -> Future:
    """Prove a call and queue it."""
    wanted = access or world.access()
    proof = world.key(name).prove(token, wanted, at=world.at)
    return world.tracker.begin_check(token, proof, wanted, client="svc", idempotency_key=key)


def held_back(world: World, monkeypatch) -> threading.Event:
    """Hold the writer before its first transaction, so that what comes piles up."""
    gate = threading.Event()
    inner = writer.DecisionWriter._write

    def waiting(self, drafts, counts):
        gate.wait(10)
        return inner(self, drafts, counts)

    monkeypatch.setattr(writer.DecisionWriter, "_write", waiting)
    return gate


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


def test_one_row_that_the_database_refuses_fails_alone(filed: World, monkeypatch) -> None:
    """A fault of one call, found by the database only, does not refuse its neighbours."""
    token = filed.chain("boss", "a")
    gate = held_back(filed, monkeypatch)
    waiting = [begin(filed, token, "a") for _ in range(5)]
    poisoned = (
        filed.tracker._store.writer._queue[-1][0] if filed.tracker._store.writer._queue else None
    )
    real = batch.decisions.proven_row

    def poison(settlement, *args, **kw):
        row = real(settlement, *args, **kw)
        if poisoned is not None and row["id"] == poisoned.id:
            row["step"] = 99  # the CHECK refuses it
        return row

    monkeypatch.setattr(batch.decisions, "proven_row", poison)
    gate.set()
    found = [one.exception(10) for one in waiting]
    assert [type(one) for one in found] == [*[type(None)] * 4, StoreUnavailableError]
    assert scalar(filed, "SELECT count(*) FROM decision") == 4
    assert scalar(filed, "SELECT max(used) FROM counter WHERE scope = 'task'") == 4


class Faults:
    """Breaks batches before COMMIT and loses the answer after it, by a seeded chance."""

    def __init__(self, monkeypatch, seed: int, before: float, after: float) -> None:
        chance = random.Random(seed)
        inner = writer.DecisionWriter._attempt
        self.before = self.after = 0

        def attempt(this, name, drafts, counts):
            if chance.random() < before:
                self.before += 1
                raise OperationalError("lost", None, Exception("connection lost"))
            outcomes = inner(this, name, drafts, counts)
            if chance.random() < after:
                self.after += 1
                raise writer._DoubtfulError
            return outcomes

        monkeypatch.setattr(writer.DecisionWriter, "_attempt", attempt)


@pytest.mark.parametrize("seed", [1, 2])
def test_under_faults_budgets_are_exact_and_what_is_stored_is_what_was_answered(
    filed: World, monkeypatch, seed: int
) -> None:
    """Batches fail before COMMIT, answers are lost after it, proofs are replayed: still exact."""
    top = filed.chain("boss", "a", budget={"calls": 40})
    leaves = [top.delegate(by=filed.key("a"), to=filed.key(n).public, grant=Grant()) for n in "bcd"]
    faults = Faults(monkeypatch, seed, before=0.1, after=0.15)
    answers: list[object] = []
    access = filed.access()
    proofs = [
        (t, filed.key(t.holder.name).prove(t, access, at=NOW)) for t in leaves for _ in range(12)
    ]

    def caller(seed_: int) -> None:
        chance = random.Random(seed_)
        for _ in range(25):
            token, proof = chance.choice(proofs)
            try:
                answers.append((proof, filed.tracker.check(token, proof, access)))
            except (StoreUnavailableError, UnknownOutcomeError) as error:
                answers.append((proof, error))

    threads = [threading.Thread(target=caller, args=(seed * 100 + n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    monkeypatch.undo()
    decided = [(p, d) for p, d in answers if not isinstance(d, Exception)]
    stored = {d.id: d.allowed for d in filed.tracker.decisions(limit=1000)}
    assert {d.id: d.allowed for _, d in decided}.items() <= stored.items()
    allowed = [p for p, d in decided if d]
    assert len(allowed) == len(set(allowed)), "no proof is allowed twice"
    used = scalar(filed, "SELECT used FROM counter WHERE scope = 'task' AND unit = 'calls'")
    assert used == sum(stored.values()) <= 36
    assert faults.before + faults.after > 0
    assert 0 < filed.tracker._store.writer.stats.reused_markers <= faults.after


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
    from delegation.embedded import Tracker

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


def test_a_fault_of_one_call_charges_nothing_and_spares_its_neighbours(
    filed: World, monkeypatch
) -> None:
    """A bug that one call meets is that call's alone: no record, no charge, an exception for its caller."""
    token = filed.chain("boss", "a")
    gate = held_back(filed, monkeypatch)
    waiting = [begin(filed, token, "a") for _ in range(4)]
    real, made = batch.decisions.proven_row, []

    def faulty(settlement, *args, **kw):
        made.append(settlement)
        if len(made) == 2:
            raise ZeroDivisionError
        return real(settlement, *args, **kw)

    monkeypatch.setattr(batch.decisions, "proven_row", faulty)
    gate.set()
    found = [one.exception(10) for one in waiting]
    assert [type(one).__name__ for one in found] == [
        "NoneType",
        "ZeroDivisionError",
        "NoneType",
        "NoneType",
    ]
    assert scalar(filed, "SELECT max(used) FROM counter WHERE scope = 'task'") == 3
    assert scalar(filed, "SELECT count(*) FROM decision") == 3


def test_what_is_logged_of_a_failed_batch_holds_no_arguments(
    filed: World, monkeypatch, caplog
) -> None:
    """A database error is logged without the values that it was about."""
    token = filed.chain("boss", "a")
    real = batch.decisions.proven_row
    monkeypatch.setattr(
        batch.decisions, "proven_row", lambda *a, **k: {**real(*a, **k), "step": 99}
    )
    with pytest.raises(StoreUnavailableError):
        filed.check(token, "a", filed.access(path="/very-secret-file"))
    assert "a batch of decisions failed" in caplog.text
    assert "very-secret-file" not in caplog.text


def test_a_plan_on_an_older_snapshot_does_not_undo_what_is_known_to_be_revoked(
    filed: World,
) -> None:
    """Snapshots may be old; the copy of what is revoked never goes back for them."""
    token = filed.chain("boss", "a")
    filed.tracker.revoke("link", token.id, by="t")
    assert verdict(filed.check(token, "a")) == (10, "link_revoked")
    shelf = filed.tracker._store._shelves.revoked
    with filed.tracker._store._database.reading() as connection:
        assert shelf.upto(connection, 0, settles=False)
        assert shelf._epoch == 1
        assert shelf.upto(connection, 0, settles=True) == set()
    assert verdict(filed.check(token, "a")) == (10, "link_revoked")
