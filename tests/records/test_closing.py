"""Closing is atomic against running checks: after its commit no process allows a call under the task."""

from __future__ import annotations

import time

import pytest
from below import open_below
from processes import announce, run
from world import NOW, World
from writing import scalar

from delegation import Grant
from delegation.tracker import Tracker

CALLS = 3000  # of each process, at most: each ends once some came too late
FIRST = 20  # decisions to wait for before closing


@pytest.mark.parametrize("what", ["the task", "the task above"])
def test_nothing_is_allowed_after_the_commit_of_the_closing(
    filed: World, url, tmp_path, what
) -> None:
    """Two processes call as fast as they can while a third closes the task, or the one above it."""
    filed.task = filed.open(budget={"calls": 10_000})
    token, name = filed.chain("boss", "a"), "a"
    closed = filed.task
    if what == "the task above":
        _, root = open_below(filed, token, "a", "sub")
        name = "leaf"
        token = root.delegate(by=filed.key("sub"), to=filed.key(name).public, grant=Grant())
    announce(filed, token, name)
    before = scalar(filed, "SELECT max(sequence) FROM decision")
    last = 0

    def close() -> None:
        nonlocal last
        for _ in range(2000):  # bounded: some seconds for the first calls to come
            if scalar(filed, "SELECT max(sequence) FROM decision") >= before + FIRST:
                break
            time.sleep(0.005)
        filed.tracker.close_task(closed)
        last = scalar(filed, "SELECT max(sequence) FROM decision")

    plan = [(token, name, filed.access())] * CALLS
    found = run(filed, tmp_path, url, [plan, plan], threads=4, meanwhile=close)
    verdicts = {**found[0], **found[1]}
    codes = []
    for entry in filed.tracker.decisions(after=before, limit=3 * CALLS):
        assert verdicts[entry.id] in (None, [10, "task_closed"])
        codes.append(entry.code)
        assert entry.code or entry.sequence <= last
    assert None in codes, "some were allowed before"
    assert "task_closed" in codes, "some came too late"
    assert None not in codes[codes.index("task_closed") :], "and none was allowed after the first"
    spent = dict(filed.tracker.task(filed.task.id).spent)["calls"]
    assert spent == codes.count(None)
    again = Tracker.open(url, ring=filed.tracker._desk.ring, clock=lambda: NOW)
    proof = filed.key(name).prove(token, filed.access(), at=NOW)
    assert not again.check(token, proof, filed.access())
    again.close()
