"""Counters of a whole line are exact between real processes that call in different child tasks."""

from __future__ import annotations

import pytest
from below import open_below
from consent import rule
from processes import announce, run
from world import NOW, OWNER, World
from writing import scalar

from delegation import Grant
from delegation.judge.approval import MAX_OPEN_PER_TASK
from delegation.judge.limits import Limits

one_engine = pytest.mark.parametrize(
    "engine", ["postgres", pytest.param("sqlite", marks=pytest.mark.thorough)], indirect=True
)


@one_engine
def test_child_tasks_share_their_roots_limits_between_processes(
    filed: World, url: str, tmp_path
) -> None:
    """Of forty calls at once in four child tasks nine are allowed, of twenty new links six recorded."""
    ceiling = filed.task.ceiling.narrow(expires_at=NOW + 900, budget={})

    def children(**limits: int) -> list:
        filed.task = filed.tracker.open_task(
            "T", owner=OWNER, lasts=1000, ceiling=ceiling, limits=Limits(**limits)
        )
        opener = filed.chain("boss", "a")
        return [open_below(filed, opener, "a", "a")[1] for _ in range(4)]

    paced = [(root, "a", filed.access()) for root in children(holder_calls_per_minute=60, burst=9)]
    pace = filed.task.id
    new = [
        (root.delegate(by=filed.key("a"), to=filed.key("b").public, grant=Grant()), "b", filed.access())
        for root in children(links_per_task=12)
        for _ in range(5)
    ]  # fmt: skip
    grown = filed.task.id
    found = run(filed, tmp_path, url, [paced[:2] * 10, paced[2:] * 10])
    assert [v for one in found for v in one.values()].count(None) == 9
    found = run(filed, tmp_path, url, [new[:10], new[10:]])
    verdicts = [v for one in found for v in one.values()]
    assert (verdicts.count(None), verdicts.count([10, "growth_task"])) == (6, 14)
    assert scalar(filed, f"SELECT links FROM task WHERE id = '{grown}'") == 12
    under = f"(SELECT id FROM task WHERE root = '{grown}')"
    assert scalar(filed, f"SELECT count(*) FROM link WHERE task IN {under}") == 12
    assert scalar(filed, f"SELECT count(*) FROM pace WHERE id LIKE '{pace}/%'") == 1


@one_engine
def test_people_are_asked_no_more_often_by_processes_in_child_tasks(
    filed: World, url: str, tmp_path
) -> None:
    """Of eighty different calls in five child tasks, in two processes, sixty-four wait."""
    filed.task = filed.open(needs_approval=[rule()], budget={"calls": 99, "usd_cents": 90000})
    opener = filed.chain("boss", "a")
    plan = []
    for n in range(5):
        _, root = open_below(filed, opener, "a", f"t{n}")
        announce(filed, root, f"t{n}")
        plan += [
            (root, f"t{n}", filed.access("pay.refund", order=f"o{m}", amount=5)) for m in range(16)
        ]
    found = run(filed, tmp_path, url, [plan[0::2], plan[1::2]])
    codes = [v[1] for one in found for v in one.values()]
    assert codes.count("approval_needed") == MAX_OPEN_PER_TASK
    assert codes.count("approval_requests_full") == 80 - MAX_OPEN_PER_TASK
    assert scalar(filed, "SELECT count(*) FROM approval") == MAX_OPEN_PER_TASK
