"""Processes contending over one root budget, one proof, one idempotency key."""

from __future__ import annotations

import threading

import pytest
from audit import audit, jti_of
from load import Answer, Call, Caller, Load, call
from sqlalchemy import create_engine, text
from under_fault import Place

BUDGET = 120


def at_once(ports: list[int], api_key: str, one: Call) -> list[Answer]:
    """Send one call over several connections at the same moment."""
    barrier, found = threading.Barrier(len(ports)), []

    def send(port: int) -> None:
        caller = Caller(port, api_key)
        barrier.wait(60)
        found.append(caller.send(one))
        caller.close()

    threads = [threading.Thread(target=send, args=(port,)) for port in ports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


@pytest.mark.parametrize(
    "hosts",
    [
        pytest.param(1, id="two workers", marks=pytest.mark.thorough),
        pytest.param(2, id="two services"),
    ],
)
def test_processes_share_one_budget_and_allow_each_proof_once(hosts, on_postgres: Place) -> None:
    """Exactly the budget is allowed, each nonce once, one decision a key; no deadlock."""
    services = [on_postgres.serving(2 if hosts == 1 else 1) for _ in range(hosts)]
    for service in services:
        service.start()
    ports = [service.port for service in services] * (2 // hosts)
    leaves = on_postgres.leaves(BUDGET, BUDGET, BUDGET, BUDGET)
    answers: list[Answer] = []
    for turn in range(8):
        keyed = call(*leaves[turn % 3])
        same = at_once(ports * 2, on_postgres.key, keyed)
        first = {a.body["decision"] for a in same if a.code != "answer_expired"}  # a slow machine
        assert len(first) == 1, "one key, one decision"
        bare = call(*leaves[turn % 3], key=False)
        raced = at_once(ports * 2, on_postgres.key, bare)
        assert sorted(str(answer.code) for answer in raced) == ["None", *["replayed"] * 3]
        answers += [*same, *raced]
    shared = [call(*leaves[0], key=False) for _ in range(10)]
    turns = iter(range(10_000))

    def next_call(number: int) -> Call:
        turn = next(turns)
        return shared[turn % 10] if turn % 5 == 0 else call(*leaves[number % 3])

    with Load(ports, on_postgres.key, next_call, most=50) as load:
        load.join()
    answers += load.answers
    assert {answer.status for answer in answers} == {200}
    stored = audit(on_postgres.url, answers)
    allowed = [row for row in stored.values() if row.allowed]
    assert len(allowed) == BUDGET
    assert {"budget_spent", "replayed"} <= {row.code for row in stored.values()}
    raced_jtis = [jti_of(row.proof) for row in allowed]
    assert len(raced_jtis) == len(set(raced_jtis))
    engine = create_engine(on_postgres.url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        deadlocks = connection.execute(
            text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        ).scalar_one()
    engine.dispose()
    assert deadlocks == 0
    assert [service.end() for service in services] == [0] * hosts
