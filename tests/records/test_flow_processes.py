"""Two real processes on one database: together, too, they do not chain what a rule forbids."""

from __future__ import annotations

import pytest
from flow_world import PII, FlowWorld
from processes import announce, run

from delegation.authority.flow import AfterNever, AtMost

TASKS = 24


one_engine = pytest.mark.parametrize(
    "engine", ["postgres", pytest.param("sqlite", marks=pytest.mark.thorough)], indirect=True
)


@pytest.fixture
def flow(url) -> FlowWorld:
    """Return a world with a history."""
    world = FlowWorld(url=url)
    yield world
    world.tracker.close()


@one_engine
def test_a_read_here_and_a_send_there_never_chain(flow: FlowWorld, url, tmp_path) -> None:
    """In each of many tasks one process reads personal data while the other sends, under the rule or not."""
    reads, sends = [], []
    for n in range(TASKS):
        # In every second task only the sender's link has the rule: its history is not yet kept.
        flow.task = flow.flow_task(flow=[PII] if n % 2 else [])
        reads.append((flow.chain("boss", "a"), "a", flow.call("crm.read")))
        sends.append((flow.chain("boss", "b", flow=[PII]), "b", flow.call("web.post")))
    for token, name, _ in (*reads, *sends):
        announce(flow, token, name)
    first, second = run(flow, tmp_path, url, [reads + sends, sends + reads])
    verdicts = {**first, **second}
    assert len(verdicts) == 4 * TASKS
    read_in: set[str] = set()
    for entry in flow.tracker.decisions(limit=1000):
        if entry.id not in verdicts:
            continue
        if entry.tool == "crm.read":
            assert verdicts[entry.id] is None
            read_in.add(entry.task)
        else:
            assert verdicts[entry.id] == ([11, "flow_forbidden"] if entry.task in read_in else None)


@one_engine
def test_counts_are_exact_between_processes(flow: FlowWorld, url, tmp_path) -> None:
    """Two processes with forty writes for five places: five are made; after one, none follows itself."""
    flow.task = flow.flow_task(flow=[AtMost({"writes": 5})])
    plan = [(flow.chain("boss", name), name, flow.call("pay.request")) for name in "ab"]
    flow.task = flow.flow_task(flow=[AfterNever(("external",), ("external",))])
    once = [(flow.chain("boss", name), name, flow.call("web.post")) for name in "ab"]
    for token, name, _ in (*plan, *once):
        announce(flow, token, name)
    found = run(flow, tmp_path, url, [[*[plan[0]] * 20, once[0]], [*[plan[1]] * 20, once[1]]])
    allowed = [name for verdicts in found for name, verdict in verdicts.items() if verdict is None]
    tools = [e.tool for e in flow.tracker.decisions(limit=1000) if e.id in allowed]
    assert (tools.count("pay.request"), tools.count("web.post")) == (5, 1)
