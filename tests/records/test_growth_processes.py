"""Limits are exact between real processes that share a database."""

from __future__ import annotations

import pytest
from processes import announce, run
from world import NOW, OWNER, World
from writing import scalar

from delegation import Grant
from delegation.judge.limits import Limits

one_engine = pytest.mark.parametrize(
    "engine", ["postgres", pytest.param("sqlite", marks=pytest.mark.thorough)], indirect=True
)


@one_engine
def test_growth_pace_and_breakers_are_exact_between_processes(filed: World, url, tmp_path) -> None:
    """Of forty new links in two processes seven are recorded, of forty calls at once nine are allowed."""
    ceiling = filed.task.ceiling.narrow(expires_at=NOW + 900, budget={})

    def task(**limits: int) -> None:
        filed.task = filed.tracker.open_task(
            "T", owner=OWNER, lasts=1000, ceiling=ceiling, limits=Limits(**limits)
        )

    task(links_per_parent=7)
    grown, top = filed.task.id, filed.chain("boss")
    new = [
        (top.delegate(by=filed.key("boss"), to=filed.key("a").public, grant=Grant()), "a", filed.access())
        for _ in range(40)
    ]  # fmt: skip
    task(calls_per_minute=60, burst=9)
    fast = filed.chain("boss", "a")
    announce(filed, fast, "a")
    paced = [(fast, "a", filed.access())] * 20
    task(denials_per_minute=5)
    failing = filed.chain("boss", "a")
    announce(filed, failing, "a")
    wrong = [(failing, "a", filed.access("ops.restart", host="h.acme.example"))] * 3
    # Apart: recording new links makes batches take turns, and paces must hold without that.
    found = run(filed, tmp_path, url, [paced + wrong] * 2)
    found += run(filed, tmp_path, url, [new[:20], new[20:]])
    codes: dict[str, list[str | None]] = {}
    for entry in filed.tracker.decisions(limit=1000):
        if any(entry.id in verdicts for verdicts in found):
            codes.setdefault(entry.task, []).append(entry.code)
    assert sorted(set(codes[grown]), key=str) == [None, "growth_parent"]
    assert codes[grown].count(None) == 7
    assert scalar(filed, f"SELECT count(*) FROM link WHERE parent = '{top.id}'") == 7
    assert scalar(filed, f"SELECT links FROM task WHERE id = '{grown}'") == 8
    assert codes[fast.chain.origin.task].count(None) == 9
    assert filed.tracker.task(filed.task.id).broken_until > NOW, "five of six, whoever counted them"
