"""Everything at once from several processes: no deadlock, no fault, and every law holds afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import warm
from audit import audit
from flow_world import CAPABILITIES, PII, FlowWorld
from logs import audited
from postgres import Server
from sqlalchemy import create_engine, text
from world import DESK, NOW, OWNER

from delegation import Grant
from delegation.authority.approval import ApprovalRule
from delegation.authority.pattern import tool_pattern
from delegation.judge.limits import Limits

PROCESSES, THREADS, DEEDS = 3, 2, 30
PROGRAM = Path(__file__).parents[1] / "tangle_process.py"
PEOPLE = ("bo", "cy")


@pytest.fixture
def tangle(server: Server):
    """Return a world on PostgreSQL."""
    world = FlowWorld(url=server.new_database())
    yield world
    world.tracker.close()


def trees(world: FlowWorld) -> tuple[list[dict], list[list[str]]]:
    """Grow three trees that are ruled, paced and limited in different ways; return leaves, and links to end."""
    consent = ApprovalRule((tool_pattern("pay.approve"),), ("finance",), 1)
    kinds = [
        {"budget": {"calls": 45}, "flow": [PII]},
        {"budget": {"calls": 60}},
        {},
    ]
    limits = Limits(
        calls_per_minute=6000, burst=400, holder_calls_per_minute=6000, links_per_parent=400,
        branch_calls_per_minute=6000,
    )  # fmt: skip
    held, ends = [], []
    for number, kind in enumerate(kinds):
        ceiling = Grant(
            CAPABILITIES, audience=[DESK], delegations_left=6, needs_approval=[consent], **kind
        )
        world.task = world.tracker.open_task(
            f"T{number}", owner=OWNER, ceiling=ceiling, lasts=1000, limits=limits
        )
        for branch in range(2):
            top = world.chain("boss", f"lead-{number}{branch}")
            for leaf in range(2):
                name = f"agent-{number}{branch}{leaf}"
                rules = {"flow": [PII]} if leaf else {}
                grant = Grant(budget={"calls": 25}, **rules)
                token = top.delegate(
                    by=world.key(f"lead-{number}{branch}"), to=world.key(name).public, grant=grant
                )
                held.append(
                    {
                        "token": token.text,
                        "name": name,
                        "seed": world.key(name).secret_seed().hex(),
                    }
                )
                if branch and leaf:
                    ends.append(token.text)
    return held, [ends[number :: PROCESSES * THREADS] for number in range(PROCESSES * THREADS)]


def run(world: FlowWorld, folder: Path) -> list[dict]:
    """Let the processes do their deeds; return what they said."""
    ring = folder / "ring.json"
    world.tracker._desk.ring.save(ring)
    make = world.tracker.create_api_key
    people = [
        make(name, "approver", person=f"{name}@acme.example", approves_as=["finance"])
        for name in PEOPLE
    ]
    held, ends = trees(world)
    processes = []
    for number in range(PROCESSES):
        process = subprocess.Popen(
            [*warm.python(), str(PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        seeds = [number * THREADS + thread for thread in range(THREADS)]
        orders = {
            "url": world.url, "ring": str(ring), "at": NOW, "desk": DESK, "held": held, "people": people,
            "links": ends[number], "seeds": seeds, "deeds": DEEDS,
        }  # fmt: skip
        process.stdin.write(json.dumps(orders) + "\n")
        process.stdin.flush()
        processes.append(process)
    for process in processes:
        assert "ready" in process.stdout.readline()
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    said: list[dict] = []
    for process in processes:
        out, _ = process.communicate(timeout=300)
        assert process.returncode == 0
        said += [json.loads(line) for line in out.splitlines()]
    return said


@pytest.mark.thorough
def test_everything_at_once_waits_in_no_circle_and_breaks_no_law(
    tangle: FlowWorld, tmp_path: Path
) -> None:
    """Consent, histories, paces, growth, budgets, revocations, child tasks and closings, all tangled."""
    said = run(tangle, tmp_path)
    assert [one["fault"] for one in said if "fault" in one] == []
    calls = [one for one in said if "decision" in one]
    codes = Counter(one["code"] for one in calls)
    # It was a tangle: the rules that were to meet each other did.
    assert {
        None,
        "budget_spent",
        "approval_needed",
        "flow_forbidden",
        "link_revoked",
    } <= codes.keys()
    engine = create_engine(tangle.url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        ask = lambda statement: connection.execute(text(statement))  # noqa: E731
        deadlocks = ask("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        assert deadlocks.scalar_one() == 0
        used = ask("SELECT used_by FROM approval WHERE state = 'used'").scalars().all()
        parents = {row.id: row.parent for row in ask("SELECT id, parent FROM task")}
        under = {row.id: row.under for row in ask("SELECT id, under FROM task")}
        links = {row.id: (row.parent, row.task) for row in ask("SELECT id, parent, task FROM link")}
    engine.dispose()
    # Nothing that began after an end was answered is allowed under it.
    ended = {tuple(one["ended"]): one["since"] for one in said if "ended" in one}
    assert {kind for kind, _ in ended} == {"link", "task"}
    for one in calls:
        if not one["allowed"]:
            continue
        subjects = [("link", link) for link in one["links"]]
        task = one["task"]
        while task is not None:
            subjects.append(("task", task))
            link = under[task]
            while link is not None:
                subjects.append(("link", link))
                link = links[link][0]
            task = parents[task]
        assert all(one["begun"] < ended.get(subject, one["begun"] + 1) for subject in subjects)
    # Consent was used once, by an allowed call, and no call that needs it was allowed without.
    consented = [
        one["decision"] for one in calls if one["allowed"] and one["tool"] == "pay.approve"
    ]
    assert sorted(used) == sorted(consented)
    audit(tangle.url)
    tangle.tracker.update_log()
    assert audited(tangle).findings == ()
    assert tangle.tracker.compare_log() == ()
