"""Costs that only the service knows: reserved, settled, expired; exact under siblings and workers."""

from __future__ import annotations

import contextlib
import random
import threading

import pytest
from below import open_below
from sqlalchemy import text as sql
from sqlalchemy.exc import OperationalError
from world import DESK, World, verdict
from writing import Faults

from delegation import Access, Grant, HolderKey, Tool, may
from delegation import text as texts
from delegation.errors import ConflictError, MalformedError, NotFoundError, StoreUnavailableError
from delegation.judge.reservation import RESERVED_SECONDS
from delegation.records.settling import reservation
from delegation.tracker import Tracker

ASK = may("llm.ask", prompt=texts(max=100))


@pytest.fixture
def llm(filed: World) -> World:
    """Return a world with a tool whose cost is known after the call."""
    filed.tracker.add_tool(
        Tool("llm.ask", effect="read", arguments={"prompt": "text"}, cost={"usd_cents": None})
    )
    ceiling = Grant(
        [ASK], audience=[DESK], delegations_left=6, budget={"calls": 500, "usd_cents": 100}
    )
    filed.task = filed.tracker.open_task("Ask", owner="ana@acme.example", ceiling=ceiling)
    return filed


def ask(world: World, token, by: str, cents: int | None = 10, client: str = "svc"):
    """Prove and check one call."""
    cost = {} if cents is None else {"usd_cents": cents}
    access = Access("llm.ask", {"prompt": "hi"}, DESK, max_cost=cost)
    proof = world.key(by).prove(token, access, at=world.at)
    return world.tracker.check(token, proof, access, client=client)


def used(world: World) -> dict[tuple[str, str, str], int]:
    """Return every counter."""
    with world.tracker._store._database.reading() as connection:
        rows = connection.execute(sql("SELECT scope, id, unit, used FROM counter")).all()
    return {(scope, name, unit): n for scope, name, unit, n in rows}


def cents_of(world: World, task=None) -> int:
    """Return what the task's ledger has used."""
    return used(world)["task", task or world.task.id, "usd_cents"]


def test_a_call_reserves_its_most_and_is_settled_at_its_cost(llm: World) -> None:
    """Every counter that was charged gets back what was too much; calls are not refunded."""
    token = llm.chain("boss", "a", budget={"usd_cents": 50})
    decision = ask(llm, token, "a")
    assert decision
    assert (dict(decision.cost), decision.reserved) == (
        {"calls": 1, "usd_cents": 10},
        ("usd_cents",),
    )
    before = used(llm)
    assert {n for (_, _, unit), n in before.items() if unit == "usd_cents" and n} == {10}
    llm.tracker.report_outcome(decision.id, "executed", by="svc", cost={"usd_cents": 3})
    after = used(llm)
    for key, n in before.items():
        assert after[key] == (3 if key[2] == "usd_cents" and n else n), key
    assert len([n for n in after.values() if n == 3]) == 3  # the ledger, the root, the link
    (kept,) = llm.tracker.decision(decision.id).reservations
    assert (kept.amount, kept.settled, kept.by, kept.at) == (10, 3, "svc", llm.at)
    llm.tracker.report_outcome(decision.id, "executed", by="svc", cost={"usd_cents": 3})
    assert used(llm) == after


def test_what_is_reserved_cannot_be_spent_meanwhile(llm: World) -> None:
    """A sibling is denied while the money is reserved, and allowed once it came back."""
    a, b = (llm.chain("boss", n, budget={"usd_cents": 100}) for n in "ab")
    first = ask(llm, a, "a", 95)
    assert first
    assert verdict(ask(llm, b, "b", 10)) == (12, "budget_spent")
    llm.tracker.report_outcome(first.id, "executed", by="svc", cost={"usd_cents": 90})
    assert ask(llm, b, "b", 10)
    assert cents_of(llm) == 100


REFUSED = {
    "more than was reserved": ({"usd_cents": 11}, "svc", MalformedError),
    "another unit": ({"eur_cents": 1}, "svc", MalformedError),
    "a unit too many": ({"usd_cents": 1, "calls": 0}, "svc", MalformedError),
    "no unit": ({}, "svc", MalformedError),
    "a negative cost": ({"usd_cents": -1}, "svc", MalformedError),
    "another service": ({"usd_cents": 1}, "other", NotFoundError),
}


@pytest.mark.parametrize(("cost", "by", "error"), REFUSED.values(), ids=REFUSED)
def test_a_settlement_that_is_refused_changes_nothing(llm: World, cost, by, error) -> None:
    """Neither counters nor outcome: all of it is one transaction."""
    decision = ask(llm, llm.chain("boss", "a"), "a")
    before = used(llm)
    with pytest.raises(error):
        llm.tracker.report_outcome(decision.id, "executed", by=by, cost=cost)
    assert used(llm) == before
    detail = llm.tracker.decision(decision.id)
    assert detail.outcome is None
    assert detail.reservations[0].settled is None


def test_a_reservation_that_nobody_settled_in_time_is_spent(llm: World) -> None:
    """Expiry settles in full without any deed; later tellers are refused."""
    decision = ask(llm, llm.chain("boss", "a"), "a")
    llm.at += RESERVED_SECONDS - 1
    with pytest.raises(MalformedError):
        llm.tracker.report_outcome(decision.id, "executed", by="svc", cost={"usd_cents": 11})
    llm.at += 1
    with pytest.raises(ConflictError):
        llm.tracker.report_outcome(decision.id, "executed", by="svc", cost={"usd_cents": 0})
    assert cents_of(llm) == 10
    llm.tracker.report_outcome(decision.id, "failed", by="svc")
    (kept,) = llm.tracker.decision(decision.id).reservations
    assert kept.state(llm.at) == "expired"


def test_an_outcome_without_a_cost_refunds_nothing(llm: World) -> None:
    """A refund is told in so many words, even of a call that was not executed."""
    decision = ask(llm, llm.chain("boss", "a"), "a")
    llm.tracker.report_outcome(decision.id, "not_executed", by="svc")
    assert cents_of(llm) == 10
    llm.tracker.report_outcome(decision.id, "not_executed", by="svc", cost={"usd_cents": 0})
    assert cents_of(llm) == 0
    assert used(llm)["task", llm.task.id, "calls"] == 1
    with pytest.raises(ConflictError):
        llm.tracker.report_outcome(decision.id, "not_executed", by="svc", cost={"usd_cents": 1})


def test_a_holder_that_names_no_most_is_denied(llm: World) -> None:
    """A cost that nobody agreed to and nobody knows is not reserved."""
    token = llm.chain("boss", "a")
    assert verdict(ask(llm, token, "a", None)) == (8, "max_cost_missing")
    assert cents_of(llm) == 0
    assert ask(llm, token, "a", 0)


def test_a_denied_call_reserves_nothing(llm: World) -> None:
    """A replay neither reserves nor can be settled."""
    token = llm.chain("boss", "a")
    access = Access("llm.ask", {"prompt": "hi"}, DESK, max_cost={"usd_cents": 10})
    proof = llm.key("a").prove(token, access, at=llm.at)
    assert llm.tracker.check(token, proof, access, client="svc")
    again = llm.tracker.check(token, proof, access, client="svc")
    assert not again
    assert again.reserved == ()
    with pytest.raises(NotFoundError):
        llm.tracker.report_outcome(again.id, "executed", by="svc", cost={"usd_cents": 0})
    assert cents_of(llm) == 10


def test_a_refund_is_never_without_its_record(llm: World, monkeypatch) -> None:
    """A fault between the two undoes both."""
    decision = ask(llm, llm.chain("boss", "a"), "a")
    broken = reservation._REFUND.where(sql("no_such_column = 1"))
    monkeypatch.setattr(reservation, "_REFUND", broken)
    with pytest.raises(Exception, match="store"):
        llm.tracker.report_outcome(decision.id, "executed", by="svc", cost={"usd_cents": 1})
    monkeypatch.undo()
    assert cents_of(llm) == 10
    assert llm.tracker.decision(decision.id).reservations[0].settled is None


def test_two_tellers_at_once_refund_once(llm: World, url: str, monkeypatch) -> None:
    """The second waits for the first and finds it told, although both began while it was not."""
    decision = ask(llm, llm.chain("boss", "a"), "a")
    llm.tracker.report_outcome(decision.id, "executed", by="svc")  # the outcome orders nobody
    other = Tracker.open(url, issuer=llm.tracker.issuer, ring=llm.tracker._desk.ring, clock=lambda: llm.at)  # fmt: skip
    meeting, real, faults = threading.Barrier(2), reservation.settle_cost, []

    def met(*args, **fields):
        with contextlib.suppress(threading.BrokenBarrierError):
            meeting.wait(1)  # both inside only if nobody is kept out
        return real(*args, **fields)

    monkeypatch.setattr(reservation, "settle_cost", met)

    def tell(tracker: Tracker) -> None:
        try:
            tracker.report_outcome(decision.id, "executed", by="svc", cost={"usd_cents": 4})
        except BaseException as error:  # noqa: BLE001  # shown in the main thread
            faults.append(error)

    threads = [threading.Thread(target=tell, args=(t,)) for t in (llm.tracker, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert faults == []
    assert cents_of(llm) == 4


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_siblings_on_several_trackers_never_overspend(llm: World, url: str, seed: int) -> None:
    """Two trackers on one store, callers and tellers at once: the ledger is exact and never over.

    At every moment that anybody looks, used is at most the limit; at the end it is what was settled
    plus what is still reserved.
    """
    top = llm.chain("boss", "a", budget={"usd_cents": 90})
    names = "bcd"
    leaves = [top.delegate(by=llm.key("a"), to=llm.key(n).public, grant=Grant()) for n in names]
    other = Tracker.open(url, issuer=llm.tracker.issuer, ring=llm.tracker._desk.ring, clock=lambda: llm.at)  # fmt: skip
    trackers = [llm.tracker, other]
    allowed: list[tuple[str, int]] = []
    told: dict[str, int] = {}
    faults: list[BaseException] = []
    seen: list[int] = []

    def caller(number: int) -> None:
        chance = random.Random(seed * 100 + number)
        tracker = trackers[number % 2]
        mine: list[tuple[str, int]] = []
        try:
            for _ in range(20):
                leaf = chance.choice(leaves)
                most = chance.randint(0, 30)
                access = Access("llm.ask", {"prompt": "x"}, DESK, max_cost={"usd_cents": most})
                key: HolderKey = llm.key(leaf.holder.name)
                decision = tracker.check(
                    leaf, key.prove(leaf, access, at=llm.at), access, client="svc"
                )
                if decision:
                    mine.append((decision.id, most))
                if mine and chance.random() < 0.7:
                    name, reserved = mine.pop()
                    cost = chance.randint(0, reserved)
                    allowed.append((name, reserved))
                    told[name] = cost
                    # Told twice at once by two trackers: only one refund.
                    for teller in trackers:
                        teller.report_outcome(name, "executed", by="svc", cost={"usd_cents": cost})
                seen.append(cents_of(llm))
        except BaseException as error:  # noqa: BLE001  # shown in the main thread
            faults.append(error)
        allowed.extend(mine)

    threads = [threading.Thread(target=caller, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert not faults, faults[0]
    assert told
    assert max(seen) <= 90
    expected = sum(told.get(name, reserved) for name, reserved in allowed)
    counters = used(llm)
    assert cents_of(llm) == expected <= 90
    assert counters["link", top.id, "usd_cents"] == expected
    assert counters["task", llm.task.id, "calls"] == len(allowed)


@pytest.mark.parametrize("seed", [1, 2])
def test_under_faults_the_ledger_is_what_the_records_say(llm: World, monkeypatch, seed) -> None:
    """Batches fail before COMMIT, answers are lost after it, tellers fail half-way: still exact."""
    token = llm.chain("boss", "a", budget={"usd_cents": 80})
    faults = Faults(monkeypatch, seed, before=0.1, after=0.15)
    chance = random.Random(seed)
    real = reservation.settle_cost

    def failing(*args, **fields):
        if chance.random() < 0.2:
            raise OperationalError("lost", None, Exception("connection lost"))
        return real(*args, **fields)

    monkeypatch.setattr(reservation, "settle_cost", failing)

    def caller(number: int) -> None:
        mine = random.Random(seed * 10 + number)
        for _ in range(15):
            try:
                decision = ask(llm, token, "a", mine.randint(0, 20))
                if decision:
                    cost = {"usd_cents": mine.randint(0, decision.cost["usd_cents"])}
                    llm.tracker.report_outcome(decision.id, "executed", by="svc", cost=cost)
            except StoreUnavailableError:
                continue

    threads = [threading.Thread(target=caller, args=(n,)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    monkeypatch.undo()
    assert faults.before + faults.after > 0
    with llm.tracker._store._database.reading() as connection:
        rows = connection.execute(sql("SELECT decision, amount, settled FROM reservation")).all()
    stored = {d.id for d in llm.tracker.decisions(limit=1000) if d.allowed}
    assert {row.decision for row in rows} == stored
    assert any(row.settled is not None for row in rows)
    charged = sum(row.amount if row.settled is None else row.settled for row in rows)
    assert cents_of(llm) == used(llm)["link", token.id, "usd_cents"] == charged <= 80
    assert used(llm)["task", llm.task.id, "calls"] == len(stored)


def test_a_child_task_reserves_and_gives_back_above_as_well(llm: World) -> None:
    """The opener's links and every ledger above are charged the most, and get the rest back."""
    opener = llm.chain("boss", "a", budget={"usd_cents": 50})
    task, root = open_below(llm, opener, "a", "sub", ceiling=Grant(budget={"usd_cents": 30}))
    decision = ask(llm, root, "sub", cents=20)
    assert decision
    charged = [("task", llm.task.id), ("task", task.id), ("link", opener.id), ("link", root.id)]
    assert [used(llm)[*name, "usd_cents"] for name in charged] == [20] * 4
    llm.tracker.report_outcome(decision.id, "executed", by="svc", cost={"usd_cents": 3})
    assert [used(llm)[*name, "usd_cents"] for name in charged] == [3] * 4
    assert verdict(ask(llm, root, "sub", cents=28)) == (12, "budget_spent")
