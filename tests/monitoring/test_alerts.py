"""Each alert that is shipped is provoked once: real services, a real Prometheus that scrapes and evaluates.

The rules are those of docs/deploy with most of their times shortened, minutes to seconds, and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest
import yaml
from consent import asked, rule
from monitoring.promtool import DEPLOY, RULES, program, questions, rules
from postgres import Server
from proxies import free_port
from served import served
from serving import serving
from world import World

from delegation.errors import DelegationError, LogStoppedError, StoreUnavailableError
from delegation.records.engine.database import Database
from delegation.records.schema import migrate
from delegation_api.app import create_service
from delegation_api.settings import Settings

pytestmark = pytest.mark.thorough
WAIT = 240
SHORTER = {
    "5m": "40s",
    "10m": "40s",
    "15m": "15m",
    "30m": "40s",
    "1h": "1m",
    "3h": "3h",
    "6h": "1m",
    "30d": "3m",
}


def shortened() -> str:
    """Return the rules that are shipped, with other times."""
    text = re.sub(r"\[(\d+[mhd])\]", lambda found: f"[{SHORTER[found[1]]}]", RULES.read_text())
    return re.sub(r"for: \d+m", "for: 2s", text)


class Prometheus:
    """A Prometheus of this test, by the configuration that is shipped."""

    def __init__(self, folder: Path, targets: dict[str, str]) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        config = yaml.safe_load((DEPLOY / "prometheus.yaml").read_text())
        # Longer than a page takes of a store that is silent: a scrape's time is at most its interval.
        config["global"] = {
            "scrape_interval": "8s",
            "scrape_timeout": "8s",
            "evaluation_interval": "1s",
        }
        (shipped,) = config["scrape_configs"]
        config["scrape_configs"] = []
        for number, (url, key) in enumerate(targets.items()):
            file = folder / f"key-{number}"
            file.write_text(key)
            one = {
                **shipped,
                "job_name": f"job-{number}",
                "authorization": {"credentials_file": str(file)},
            }
            labels = {"job": "delegation"}
            one["static_configs"] = [{"targets": [url.removeprefix("http://")], "labels": labels}]
            config["scrape_configs"].append(one)
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        (folder / "rules.yaml").write_text(shortened())
        with (folder / "prometheus.log").open("w") as log:
            self.process = subprocess.Popen(
                [program("prometheus"), f"--config.file={folder / 'prometheus.yaml'}",
                 f"--storage.tsdb.path={folder / 'data'}", "--log.level=warn",
                 f"--web.listen-address={self.url.removeprefix('http://')}"],
                stdout=log, stderr=log,
            )  # fmt: skip

    def ask(self, path: str, **query: str) -> dict:
        """Return what its API answers."""
        with contextlib.suppress(httpx2.TransportError):
            answer = httpx2.get(f"{self.url}/api/v1/{path}", params=query, timeout=60)
            if answer.is_success:
                return answer.json()["data"]
        return {}

    def series(self, expression: str) -> list[dict]:
        """Return the series that an expression comes to now."""
        return self.ask("query", query=expression).get("result", [])

    def fired(self) -> set[str]:
        """Return the alerts that fired at any time until now."""
        found = self.series(
            'count by (alertname) (count_over_time(ALERTS{alertstate="firing"}[1h]))'
        )
        return {one["metric"]["alertname"] for one in found}

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(60)


def until(holds, what: object = "") -> None:
    """Wait until something holds."""
    ends = time.monotonic() + WAIT
    while not holds():
        assert time.monotonic() < ends, what() if callable(what) else what
        time.sleep(0.3)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """Return three services, one that was, and a Prometheus that watches them."""
    with contextlib.ExitStack() as stack:
        database = Server()
        stack.callback(database.close)
        url = database.new_database()
        made = Database(url)
        migrate.prepare(made)
        made.close()
        world = World(path=tmp_path / "here.db")
        hooks = Settings(approval_webhooks="http://127.0.0.1:1/none")
        here = stack.enter_context(served(create_service(world.tracker, hooks)))
        other = World()
        stack.enter_context(contextlib.closing(other.tracker))
        there = stack.enter_context(served(create_service(other.tracker, Settings())))
        limits = {"DELEGATION_MAX_CONNECTIONS": "10", "DELEGATION_HEAD_SECONDS": "300"}
        (tmp_path / "small").mkdir()
        small = stack.enter_context(serving("s.db", tmp_path / "small", **limits))
        ring = {"DELEGATION_RING": str(tmp_path / "ring.json")}
        many = stack.enter_context(serving(url, tmp_path, "--workers", "2", **ring))
        key, key_there = (w.tracker.create_api_key("watcher", "reviewer") for w in (world, other))
        gone = f"http://127.0.0.1:{free_port()}"
        prometheus = Prometheus(
            tmp_path,
            {
                here: key, there: key_there, gone: "dk_none",
                small["url"]: small["api_keys"]["reviewer"], many["url"]: many["api_keys"]["reviewer"],
            },
        )  # fmt: skip
        stack.callback(prometheus.close)
        yield SimpleNamespace(
            database=database, world=world, other=other, here=here, small=small, many=many,
            prometheus=prometheus, folder=tmp_path, ring=tmp_path / "ring.json", stack=stack,
            service=world.tracker.create_api_key("svc", "service", ["https://desk.acme.example"]),
        )  # fmt: skip


def repeated(place: SimpleNamespace, act) -> None:
    """Do something again and again until the test ends."""
    ends = threading.Event()

    def run() -> None:
        while not ends.wait(0.05):
            with contextlib.suppress(
                DelegationError, OSError, httpx2.TransportError, sqlite3.Error
            ):
                act()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    place.stack.callback(thread.join, 60)
    place.stack.callback(ends.set)


def check(place: SimpleNamespace, token, proof=None) -> None:
    """Ask for a decision over HTTP."""
    world = place.world
    access = world.access()
    sent = {
        "token": token.text,
        "proof": proof or world.key("aide").prove(token, access, at=world.at),
        "access": access.to_json(),
    }
    auth = {"Authorization": f"Bearer {place.service}"}
    httpx2.post(f"{place.here}/v1/check", json=sent, headers=auth, timeout=60)


def test_each_alert_is_provoked(place: SimpleNamespace) -> None:
    """While all is well none fires but the one for a service that is not there; then each does."""
    prometheus, world = place.prometheus, place.world
    world.task = world.open(needs_approval=[rule(approvers="finance")])
    token = world.chain("boss", "aide")
    world.tracker.update_log()
    check(place, token)
    until(lambda: len(prometheus.series("up == 1")) == 4, lambda: prometheus.ask("targets"))
    until(lambda: prometheus.fired() >= {"DelegationDown"})
    assert prometheus.fired() == {"DelegationDown"}
    _what_people_and_holders_do(place, token)
    _what_a_port_meets(place)
    _what_happens_to_workers(place)
    wanted = {one["alert"] for one in rules() if "alert" in one}
    late = {
        "DelegationNotReady",
        "DelegationStoreSilent",
        "DelegationLogStopped",
        "DelegationFilesScarce",
    }
    load = {"DelegationDecisionsWaiting", "DelegationDecisionsLost", "DelegationChecksFail",
            "DelegationChecksFailSlowly", "DelegationChecksSlow"}  # fmt: skip
    until(
        lambda: prometheus.fired() >= wanted - late - load,
        lambda: wanted - late - load - prometheus.fired(),
    )
    _what_the_dashboard_shows(place)
    with _few_files():
        until(lambda: "DelegationFilesScarce" in prometheus.fired())
    _what_a_busy_store_does(place, token)
    until(lambda: prometheus.fired() >= wanted - late, lambda: wanted - late - prometheus.fired())
    _what_happens_to_a_log(place)
    place.database.freeze()
    try:
        until(lambda: prometheus.fired() == wanted, lambda: wanted - prometheus.fired())
    finally:
        place.database.thaw()
    health = {one["health"] for g in prometheus.ask("rules")["groups"] for one in g["rules"]}
    assert health == {"ok"}


def _what_people_and_holders_do(place: SimpleNamespace, token) -> None:
    """Requests that wait, of which a webhook is not told; denials; forged tokens; erasing that fails."""
    world, other = place.world, place.other
    asked(world, token, world.access("pay.refund", order="o", amount=3), by="aide")
    forged = token.text[:-8] + ("AAAAAAAA" if not token.text.endswith("AAAAAAAA") else "BBBBBBBB")
    access = world.access("ops.restart", host="a")

    def act() -> None:
        world.check(token, "aide", access)
        proof = world.key("aide").prove(token, access, at=world.at)
        world.tracker.check(forged, proof, access)

    repeated(place, act)

    def fail(**_: object) -> int:
        raise StoreUnavailableError("gone")

    object.__setattr__(other.tracker._store, "newest_decision", fail)
    other.tracker.keep_log(retain_days=200)
    world.at += 100  # since the checkpoint; what was recorded now has no place yet


def _what_a_port_meets(place: SimpleNamespace) -> None:
    """Most connections in use, by who asks nothing; and what is no HTTP."""
    port = int(place.small["url"].rpartition(":")[2])
    held = [socket.create_connection(("127.0.0.1", port), 60) for _ in range(8)]
    for one in held:
        place.stack.callback(one.close)

    def odd() -> None:
        with socket.create_connection(("127.0.0.1", port), 60) as one:
            one.sendall(b"NO HTTP\r\n\r\n")
            one.recv(100)

    until(lambda: "DelegationConnectionsScarce" in place.prometheus.fired())
    repeated(place, odd)


def _what_happens_to_workers(place: SimpleNamespace) -> None:
    """Killed again and again; then one whose replacement cannot start, since others read the ring."""
    workers = lambda: _workers(place.many["pid"])  # noqa: E731
    for _ in range(3):
        until(lambda: len(place.prometheus.series("delegation_worker_start_time_seconds")) == 5)
        before = [one["value"][1] for one in _starts(place)]
        os.kill(workers()[-1], signal.SIGKILL)  # the newest: always the same place
        until(
            lambda before=before: (
                len(found := [o["value"][1] for o in _starts(place)]) == 5 and found != before
            )
        )
    until(lambda: "DelegationWorkersRestart" in place.prometheus.fired())
    place.ring.chmod(0o644)
    os.kill(workers()[0], signal.SIGKILL)
    until(lambda: "DelegationWorkersMissing" in place.prometheus.fired())
    place.ring.chmod(0o600)


def _starts(place: SimpleNamespace) -> list[dict]:
    return place.prometheus.series("sort(delegation_worker_start_time_seconds)")


def _workers(parent: int) -> list[int]:
    """Return the worker processes of a service, the newest last."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = file.read_text().rpartition(")")[2].split()
            pid = int(file.parent.name)
            said = (file.parent / "cmdline").read_bytes()
            if fields[1] == str(parent) and fields[0] != "Z" and b"resource_tracker" not in said:
                found.append((int(fields[19]), pid))
    return [pid for _, pid in sorted(found)]


def _what_the_dashboard_shows(place: SimpleNamespace) -> None:
    """Each panel has something to show."""
    token = place.world.chain("boss", "aide")
    for _ in range(5):
        check(place, token)

    def empty() -> list[tuple[str, str]]:
        return [(title, one) for title, one in questions() if not place.prometheus.series(one)]

    until(lambda: not empty(), empty)


@contextlib.contextmanager
def _few_files() -> Iterator[None]:
    """Let this process, with the service in it, have few files more than it has open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    now = sum(1 for _ in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(now / 0.83) + 1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _what_a_busy_store_does(place: SimpleNamespace, token) -> None:
    """Another program holds the database: checks are slow, then the queue fills, then they are refused."""
    world = place.world
    holder = sqlite3.connect(world.path, isolation_level=None, check_same_thread=False, timeout=60)
    place.stack.callback(holder.close)
    fired = place.prometheus.fired

    def slow() -> None:
        holder.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.6, holder.rollback)
        release.start()
        check(place, token)
        release.join()

    until(lambda: slow() or "DelegationChecksSlow" in fired())
    access = world.access()
    proof = world.key("aide").prove(token, access, at=world.at)

    def fill() -> None:
        with contextlib.suppress(StoreUnavailableError):
            for _ in range(4200):
                world.tracker.begin_check(token, proof, access)
        with contextlib.suppress(httpx2.TransportError):
            check(place, token)

    holder.execute("BEGIN IMMEDIATE")
    try:
        load = {"DelegationDecisionsWaiting", "DelegationDecisionsLost", "DelegationChecksFail",
                "DelegationChecksFailSlowly"}  # fmt: skip
        until(lambda: fill() or load <= fired(), lambda: load - fired())
    finally:
        holder.rollback()


def _what_happens_to_a_log(place: SimpleNamespace) -> None:
    """An entry under a signed head was changed: nothing is signed any more."""
    with contextlib.closing(sqlite3.connect(place.world.path, timeout=60)) as rows, rows:
        rows.execute("UPDATE log_entry SET hash = ? WHERE place = 0", (bytes(32),))

    def stopped() -> bool:
        try:
            place.world.tracker.update_log()
        except LogStoppedError:
            return True
        except DelegationError:
            return False
        return False

    until(stopped)
    until(lambda: "DelegationLogStopped" in place.prometheus.fired())
    assert json.dumps(place.prometheus.ask("alerts"))
