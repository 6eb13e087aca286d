"""Several workers: whichever is asked tells of all; the dead keep their counts and lose their gauges."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from monitoring.promtool import families, promtool, samples
from serving import serving
from world import DESK

from delegation import Access, Client, Grant, HolderKey, Tool, anything, may
from delegation_api.metric_table import TABLE
from delegation_api.workers import Workers, figures

WAIT = 120
REQUESTS = 'delegation_http_requests_total{route="/v1/check",status="200"}'


class Worker:
    """A process that counts."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("counting.py")), str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        assert self.process.stdout.readline() == "ready\n"

    def tell(self, order: str = "") -> dict[str, float]:
        """Give an order; return the page that it tells then."""
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        return samples(json.loads(self.process.stdout.readline()))

    def kill(self) -> None:
        """Kill it, and reap it."""
        self.process.kill()
        self.process.communicate(timeout=WAIT)  # closes its ends, too


@pytest.fixture
def begin(tmp_path: Path) -> Iterator:
    """Return a function that starts a worker on the test's folder."""
    made: list[Worker] = []

    def start() -> Worker:
        made.append(Worker(tmp_path))
        return made[-1]

    yield start
    for one in made:
        if one.process.returncode is None:
            one.kill()


def test_counts_add_up_and_outlive_who_counted(begin, tmp_path: Path) -> None:
    """And who takes the place of a dead worker goes on; the folder does not grow."""
    first, second = begin(), begin()
    first.tell("count 3")
    first.tell("wait 5")
    found = second.tell("count 4")
    until = time.monotonic() + WAIT
    while found["delegation_streams_open"] != 5:  # taken over within a second
        assert time.monotonic() < until
        found = second.tell()
    assert (found[REQUESTS], found["delegation_retention_erased_total"]) == (7, 7)
    assert found["delegation_http_seconds_count" + '{route="/v1/check"}'] == 7
    assert (found["delegation_workers"], found["delegation_workers_limit"]) == (2, 2)
    assert set(families_of(second)) == {one.name for one in TABLE}
    files = len(list(tmp_path.iterdir()))
    first.kill()
    found = second.tell()
    assert (found[REQUESTS], found["delegation_streams_open"]) == (7, 0)
    assert found["delegation_workers"] == 1
    assert 'delegation_worker_open_fds{worker="0"}' not in found
    first = begin()
    assert first.tell("count 1")[REQUESTS] == second.tell()[REQUESTS] == 8
    assert second.tell()["delegation_workers"] == 2
    assert len(list(tmp_path.iterdir())) <= files


def families_of(worker: Worker) -> dict[str, str]:
    """Return the kinds of a worker's page."""
    worker.process.stdin.write("\n")
    worker.process.stdin.flush()
    return families(json.loads(worker.process.stdout.readline()))


def test_a_place_is_free_when_its_process_is_another_one(tmp_path: Path) -> None:
    """Process ids come again: who has one now is known by its start."""
    mine = Workers(tmp_path)
    assert (mine.place, dict(mine.living())) == (0, {0: os.getpid()})
    (tmp_path / "worker-0").write_text(f"{os.getpid()} 1")
    (tmp_path / "gauge_livesum_0.db").write_bytes(b"")
    assert dict(mine.living()) == {}
    assert not (tmp_path / "gauge_livesum_0.db").exists()
    assert Workers(tmp_path).place == 0


def test_figures_are_those_of_the_system() -> None:
    """Of this process; None of one that is not there."""
    found = figures(os.getpid())
    assert found.cpu > 0
    assert found.memory > 1024 * 1024
    assert abs(found.files - sum(1 for _ in Path("/proc/self/fd").iterdir())) < 10
    assert 0 < found.started <= time.time() + 1
    assert figures(2**22 + 1) is None


@pytest.mark.thorough
def test_a_service_of_two_workers_tells_all_of_both(server, tmp_path: Path) -> None:
    """Decisions, writer, processes: the same from either; after one is killed, too."""
    ring = {"DELEGATION_RING": str(tmp_path / "ring.json")}
    with (
        serving(server.new_database("t1"), tmp_path, "--workers", "2", **ring) as told,
        Client(told["url"], api_key=told["api_keys"]["operator"], timeout=WAIT) as operator,
    ):
        url, keys = told["url"], told["api_keys"]
        auth = {"Authorization": f"Bearer {keys['operator']}"}

        def page() -> dict[str, float]:
            return samples(httpx2.get(f"{url}/metrics", headers=auth, timeout=WAIT).text)

        def page_with(name: str, value: float) -> dict[str, float]:
            until = time.monotonic() + WAIT
            while (found := page())[name] != value:
                assert time.monotonic() < until, found[name]
                time.sleep(0.1)
            return found

        operator.add_tool(Tool("files.read", effect="read", arguments={"path": "path"}))
        secret = operator.create_api_key("svc", "service", audiences=[DESK])
        ceiling = Grant([may("files.read", path=anything())], audience=[DESK])
        task = operator.open_task("t", owner="ana@acme.example", ceiling=ceiling)
        holder = HolderKey.generate("a")
        token = operator.issue(task, to=holder.public)
        for _ in range(20):  # each on a connection of its own, so that both workers have some
            access = Access("files.read", {"path": "/a"}, audience=DESK)
            with Client(url, api_key=str(secret), timeout=WAIT) as service:
                assert service.check(token, holder.prove(token, access), access)
        allowed = 'delegation_decisions_total{code="none",outcome="allowed"}'
        for _ in range(6):
            found = page_with("delegation_writer_decisions_total", 20)
            assert (found[allowed], found[REQUESTS]) == (20, 20)
        assert found["delegation_workers"] == 2
        assert found["delegation_writer_waiting_limit"] == 2 * 4096
        names = [f'delegation_worker_cpu_seconds_total{{worker="{n}"}}' for n in (0, 1)]
        assert found["process_cpu_seconds_total"] > sum(found[name] for name in names) > 0
        assert (
            promtool(
                "check",
                "metrics",
                given=httpx2.get(f"{url}/metrics", headers=auth, timeout=WAIT).content,
            )
            == ""
        )
        before = found["process_cpu_seconds_total"]
        for pid in _children(told["pid"])[:1]:
            os.kill(pid, signal.SIGKILL)
        page_with("delegation_workers", 2)
        found = page_with("delegation_writer_decisions_total", 20)
        assert (found[allowed], found[REQUESTS]) == (20, 20)
        assert found["process_cpu_seconds_total"] >= before


def _children(parent: int) -> list[int]:
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            said = (file.parent / "cmdline").read_bytes()
            if (
                file.read_text().rpartition(")")[2].split()[1] == str(parent)
                and b"tracker" not in said
            ):
                found.append(int(file.parent.name))
    return found
