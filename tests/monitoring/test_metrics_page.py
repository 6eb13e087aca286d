"""/metrics: what is declared is told, nothing else is, by Prometheus's rules, and no caller makes series."""

from __future__ import annotations

import re
import threading
import time

import pytest
from consent import asked, rule
from monitoring.promtool import families, promtool, samples
from service import Service
from starlette.testclient import TestClient
from world import World

from delegation.errors import StoreUnavailableError
from delegation_api import auth, metric_views
from delegation_api.app import create_service
from delegation_api.metric_table import TABLE
from delegation_api.metrics import MOST_CODES, Metrics
from delegation_api.settings import Settings


def page(world: World) -> tuple[TestClient, dict[str, str]]:
    """Return a whole service over a world, and a reviewer's key."""
    key = world.tracker.create_api_key("watcher", "reviewer")
    http = TestClient(create_service(world.tracker, Settings()), raise_server_exceptions=False)
    return http, {"Authorization": f"Bearer {key}"}


def test_what_is_declared_is_told_and_nothing_else(world: World) -> None:
    """Each by its name, kind and sentence, once."""
    http, key = page(world)
    text = http.get("/metrics", headers=key).text
    assert families(text) == {one.name: one.kind for one in TABLE}
    told = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE))
    assert told == {one.name: one.sentence for one in TABLE}
    for name in samples(text):
        plain, _, inside = name.partition("{")
        one = next(m for m in TABLE if plain.removesuffix("}") in _names(m))
        assert set(re.findall(r'(\w+)="', inside)) - {"le"} == set(one.labels), name


def _names(metric) -> set[str]:
    parts = {"_bucket", "_count", "_sum"} if metric.kind == "histogram" else {""}
    return {metric.name + part for part in parts}


def test_promtool_finds_nothing_wrong_with_names_and_units(world: World) -> None:
    """Prometheus's own policy: base units, `_total` for counters, help for each."""
    http, key = page(world)
    http.get("/nowhere", headers=key)
    assert promtool("check", "metrics", given=http.get("/metrics", headers=key).content) == ""


def test_the_table_keeps_to_its_own_policy() -> None:
    """Names begin with whose they are, counters end in `_total`, seconds and bytes are called so."""
    for one in TABLE:
        assert one.name.startswith(("delegation_", "process_")), one.name
        assert one.name.endswith("_total") == (one.kind == "counter"), one.name
        for unit in ("seconds", "bytes"):
            assert (unit in one.name) == (one.unit == unit), one.name
        assert one.sentence.endswith("."), one.name
        assert all(len(first) == len(one.labels) for first in one.at_first), one.name


def test_no_caller_makes_series(world: World) -> None:
    """Made-up paths, methods, codes of tools, tokens and agents: nothing new but what is declared."""
    http, key = page(world)
    service = {"Authorization": f"Bearer {world.tracker.create_api_key('s', 'service', ['x'])}"}
    for _ in range(2):  # the second round meets what the first has made
        before = set(samples(http.get("/metrics", headers=key).text))
        for number in range(30):
            http.get(f"/made/up/{number}", headers=key)
            http.request(f"MADE{number}", "/v1/tasks", headers=key)
            http.get(f"/v1/tasks/tsk_{number}/lineage", headers=key)
            access = {"v": 1, "tool": f"made.up{number}", "arguments": {}, "audience": "x",
                      "purpose": "", "max_cost": {}, "cause": None}  # fmt: skip
            sent = {"token": f"dct.b1.made{number}", "proof": f"{number}", "access": access}
            assert http.post("/v1/check", json=sent, headers=service).status_code == 200
    after = set(samples(http.get("/metrics", headers=key).text))
    assert after == before
    assert not [name for name in after if "made" in name.lower()]


def test_codes_that_nobody_knows_end_somewhere(world: World) -> None:
    """Should a code ever come from outside, it makes no more series than there are codes."""
    metrics = Metrics(world.tracker)
    for number in range(MOST_CODES + 50):
        error = StoreUnavailableError("gone")
        error.code = f"made_{number}"
        metrics.decide(error)
    found = [n for n in samples(metrics.text().decode()) if n.startswith("delegation_decisions")]
    assert len(found) <= MOST_CODES + 4
    assert any('code="other"' in name for name in found)


def test_decisions_are_counted_by_outcome_and_code(world: World) -> None:
    """Allowed, denied by its code, and what could not be recorded."""
    metrics = Metrics(world.tracker)
    token = world.chain("boss", "aide")
    for _ in range(3):
        assert world.check(token, "aide")
    world.check(token, "boss")  # not the holder
    denied = world.check(token, "aide", world.access("ops.restart", host="a"))
    world.tracker._store.writer.close()
    with pytest.raises(StoreUnavailableError):
        world.check(token, "aide")
    found = samples(metrics.text().decode())
    assert found['delegation_decisions_total{code="none",outcome="allowed"}'] == 3
    assert found[f'delegation_decisions_total{{code="{denied.denial.code}",outcome="denied"}}'] == 1
    assert found["delegation_writer_decisions_total"] >= 4
    assert found["delegation_writer_refused_total"] == 1
    assert found["delegation_ready"] == 0
    assert found["delegation_store_up"] == 1


def test_a_store_that_hangs_holds_up_nothing_else(world: World, monkeypatch) -> None:
    """Prometheus waits for ten seconds: the page comes before, asks once, and says that it is down."""
    monkeypatch.setattr(metric_views, "STORE_SECONDS", 0.2)
    ends, begun = threading.Event(), []

    def hang() -> None:
        begun.append(1)
        ends.wait(60)
        raise StoreUnavailableError("gone")

    monkeypatch.setattr(world.tracker, "log_status", hang)
    metrics = Metrics(world.tracker)
    try:
        for _ in range(3):
            found = samples(metrics.text().decode())
            assert (found["delegation_store_up"], found["delegation_ready"]) == (0, 0)
            assert "delegation_log_entries" not in found
            assert "delegation_writer_waiting" in found
        assert len(begun) == 1
    finally:
        ends.set()
    monkeypatch.undo()
    until = time.monotonic() + 60
    while samples(metrics.text().decode())["delegation_store_up"] == 0:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_erasing_is_counted(world: World, monkeypatch) -> None:
    """A run that goes through, with how many it erased, and one that fails."""
    metrics, erasing = Metrics(world.tracker), world.tracker.erasing
    with erasing.run() as run:
        run.erased += 7
    with pytest.raises(StoreUnavailableError), erasing.run():
        raise StoreUnavailableError("gone")
    found = samples(metrics.text().decode())
    assert found['delegation_retention_runs_total{outcome="done"}'] == 1
    assert found['delegation_retention_runs_total{outcome="failed"}'] == 1
    assert found['delegation_retention_runs_total{outcome="refused"}'] == 0
    assert found["delegation_retention_erased_total"] == 7


def test_polls_that_wait_are_told_while_they_wait() -> None:
    """For approvals and for revocations, each by its kind."""
    world = World()
    world.task = world.open(needs_approval=[rule(approvers="finance")])
    service = Service(world)
    service.app.state.settings.max_wait = 60.0
    request = asked(world, world.root(), world.access("pay.refund", order="o", amount=3), by="boss")
    epoch = service.ask("GET", "/v1/revocations", "service").json()["epoch"]
    polls = [
        threading.Thread(target=lambda path=path, role=role: service.ask("GET", path, role))
        for path, role in (
            (f"/v1/approvals/{request}?wait=30", "operator"),
            (f"/v1/revocations?after={epoch}&wait=60", "service"),
        )
    ]
    for poll in polls:
        poll.start()
    metrics, until = service.app.state.metrics, time.monotonic() + 60
    while True:
        found = samples(metrics.text().decode())
        waiting = [value for name, value in found.items() if "polls_waiting" in name]
        if waiting == [1, 1]:
            break
        assert time.monotonic() < until, waiting
        time.sleep(0.05)
    world.tracker.revoke("task", world.open().id, by="op", reason="wakes the poll")
    answer = world.tracker.authenticate(service.keys["approver"])
    world.tracker.refuse_approval(request, by=answer, reason="no")
    for poll in polls:
        poll.join(60)
    found = samples(metrics.text().decode())
    assert found['delegation_polls_waiting{kind="approvals"}'] == 0
    assert found['delegation_polls_waiting{kind="revocations"}'] == 0


def test_a_key_that_was_known_reads_while_the_store_is_silent(world: World, monkeypatch) -> None:
    """The scraper's, for an hour; nobody else's, and nothing but this page."""
    monkeypatch.setattr(auth, "SILENT_SECONDS", 0.2)
    monkeypatch.setattr(auth, "KEY_SECONDS", 0.0)
    monkeypatch.setattr(auth, "LOOK_UP_SECONDS", 0.2)
    http, key = page(world)
    assert http.get("/metrics", headers=key).status_code == 200
    ends = threading.Event()

    def hang(_: str) -> None:
        ends.wait(60)
        raise StoreUnavailableError("gone")

    monkeypatch.setattr(world.tracker, "authenticate", hang)
    try:
        assert http.get("/metrics", headers=key).status_code == 200
        assert http.get("/v1/tasks", headers=key).status_code == 503
        other = {"Authorization": "Bearer dk_none"}
        assert http.get("/metrics", headers=other).status_code == 503
    finally:
        ends.set()
