"""kill -9 under load: what was answered is stored, budgets are exact, nothing is there by halves."""

from __future__ import annotations

import random
import signal

import pytest
from audit import audit
from load import Answer, Call, Caller, Load, call
from under_fault import Place

TWICE = 2
OFTEN = {"sqlite": 10, "postgres": 3}
EACH = (25, 25, 25)  # what the leaves of a round may call; together more than their root
ROOT = 60


def calls_of(leaves, chance: random.Random):
    """Return a maker of calls: mostly fresh ones under a key of their own, some proofs used again."""
    used: list[Call] = []

    def next_call(number: int) -> Call:
        if used and chance.random() < 0.1:
            return chance.choice(used)
        made = call(*leaves[number % len(leaves)], key=chance.random() < 0.8)
        if made.key is None:
            used.append(made)
        return made

    return next_call


def repeat(port: int, api_key: str, before: list[Answer]) -> list[Answer]:
    """Repeat calls under their idempotency keys, twice each: the first decision, whatever happened."""
    caller, found = Caller(port, api_key), []
    for answer in before:
        if answer.call.key is None:
            continue
        first, second = caller.send(answer.call), caller.send(answer.call)
        found += [first, second]
        assert first.is_decision
        assert second.is_decision
        expected = answer if answer.is_decision else first
        for again in (first, second):
            assert (
                again.body["decision"] == expected.body["decision"]
                or again.code == "answer_expired"  # a slow restart: it may no longer be acted on
            )
    caller.close()
    return found


@pytest.mark.parametrize(
    ("engine", "kills"),
    [("sqlite", TWICE), *(pytest.param(*one, marks=pytest.mark.thorough) for one in OFTEN.items())],
)
def test_a_service_killed_under_load_loses_nothing_that_it_answered(
    engine: str, kills: int, request
) -> None:
    """Killed again and again on one store: answers are stored, charges exact, keys answered once."""
    place: Place = request.getfixturevalue(f"on_{engine}")
    chance = random.Random(engine)
    # Less than all rounds together: the ledger ends in the last one.
    place.task = place.world.open(budget={"calls": ROOT * kills - 20})
    service = place.serving()
    answers: list[Answer] = []
    cut_short = 0
    last: list[Answer] = []
    for _ in range(kills):
        leaves = place.leaves(ROOT, *EACH)
        service.start()
        answers += repeat(service.port, place.key, last)
        with Load([service.port], place.key, calls_of(leaves, chance)) as load:
            load.wait_for(chance.randint(30, 120))
            service.kill()
        assert service.process is not None
        assert service.process.returncode == -signal.SIGKILL
        cut_short += len(load.unanswered)
        assert {answer.status for answer in load.unanswered} <= {0}
        answers += load.answers
        last = [*load.unanswered, *load.decided[-3:]]
        audit(place.url, answers)
    service.start()
    answers += repeat(service.port, place.key, last)
    with Load([service.port], place.key, calls_of(place.leaves(ROOT, *EACH), chance), most=20):
        pass
    assert service.end() == 0
    stored = audit(place.url, answers)
    assert cut_short >= kills
    allowed = [row for row in stored.values() if row.allowed]
    assert len(allowed) <= ROOT * kills - 20
    assert {"budget_spent", "replayed"} <= {row.code for row in stored.values()}
