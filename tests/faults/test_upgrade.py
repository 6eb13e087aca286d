"""docs/how-to/upgrade.md, played: two replicas behind the page's HAProxy, upgraded under load by a later release."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import later
import pytest
from audit import audit
from load import Answer, Caller, call
from proxies import ROOT, free_port, wait_for
from under_fault import WAIT, Place, Serving, until
from world import ISSUER

PAGE = (ROOT / "docs/how-to/upgrade.md").read_text()
UNIT = (ROOT / "docs/deploy/delegation.service").read_text()
NOT_AGAIN = {
    int(code) for code in re.findall(r"^RestartPreventExitStatus=(\d+)", UNIT, re.MULTILINE)
}


class Unit:
    """A replica that is started again when it fails, as systemd does with the unit of docs/deploy."""

    def __init__(self, place: Place, port: int) -> None:
        self.port, self.codes = port, list[int]()
        self.ended_at = 0.0
        self._place, self._over = place, threading.Event()
        self.environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'api'}"}
        self.log = place.folder / f"unit-{port}"
        self._process = self._start()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _start(self) -> subprocess.Popen[bytes]:
        words = ["serve", "--store", self._place.url, "--no-make-keys", "--port", str(self.port)]
        ring = {
            "DELEGATION_RING": str(self._place.folder / "ring.json"),
            "DELEGATION_ISSUER": ISSUER,
        }
        with self.log.open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "delegation.cli", *words],
                cwd=self._place.folder, stdout=log, stderr=log, env={**self.environment, **ring},
            )  # fmt: skip

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            code = self._process.poll()
            if code is None:
                continue
            self.ended_at = time.monotonic()
            self.codes.append(code)
            if code == 0 or code in NOT_AGAIN:
                return
            self._over.wait(1)  # RestartSec
            self._process = self._start()

    def close(self) -> None:
        """End it."""
        self._over.set()
        self._thread.join()
        self._process.terminate()
        self._process.wait(WAIT)


class Calls:
    """Callers behind the balancer, with the time of each answer."""

    def __init__(self, port: int, place: Place, leaves) -> None:
        self.answers: list[tuple[float, Answer]] = []
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(port, place.key, leaf)) for leaf in leaves
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, port: int, key: str, leaf) -> None:
        caller = Caller(port, key)
        while not self._over.is_set():
            one = call(*leaf)
            try:
                answer = caller.send(one)
            except ValueError:  # the balancer's own page: no replica is there
                caller.close()
                answer = Answer(one, 503)
            self.answers.append((time.monotonic(), answer))
            self._over.wait(0.02)
        caller.close()

    def close(self) -> None:
        """Stop calling."""
        self._over.set()
        for thread in self._threads:
            thread.join(WAIT)


def balanced(folder: Path, replicas: list[int]) -> tuple[subprocess.Popen[bytes], int]:
    """Start the page's HAProxy before two replicas."""
    program = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("haproxy is not installed")
    (block,) = re.findall(r"^```haproxy\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    front = free_port()
    for said, port in (("8080", front), ("8471", replicas[0]), ("8472", replicas[1])):
        assert f":{said}" in block
        block = block.replace(f":{said}", f":{port}")
    (folder / "haproxy.cfg").write_text(block)
    with (folder / "haproxy.log").open("w") as log:
        process = subprocess.Popen(
            [program, "-f", str(folder / "haproxy.cfg"), "-db"], stdout=log, stderr=log
        )
    wait_for(front, process, folder / "haproxy.log")
    return process, front


@pytest.mark.thorough
def test_two_replicas_are_upgraded_as_the_page_says(on_postgres: Place) -> None:
    """Each ends by itself and is started again as the later release; callers repeat and lose nothing."""
    place = on_postgres
    place.task = place.world.open(budget={"calls": 100_000})
    leaves = place.leaves(100_000, *[20_000] * 4)
    units = [Unit(place, port) for port in (free_port(), free_port())]
    balancer, front = balanced(place.folder, [unit.port for unit in units])
    looks = [
        Serving(place.folder, place.url, port=port) for port in (front, *(u.port for u in units))
    ]
    calls = None
    try:
        assert until(lambda: all(look.status("/readyz")[0] == 200 for look in looks))
        calls = Calls(front, place, leaves)
        assert until(lambda: sum(a.is_decision for _, a in calls.answers) > 100)
        for unit in units:  # the link is switched: what is started from now on is the later release
            unit.environment = later.environment()
        later.upgraded(place)
        returned = time.monotonic()
        assert until(lambda: all(unit.codes for unit in units))
        assert until(lambda: all(look.status("/readyz")[0] == 200 for look in looks))
        more = len(calls.answers) + 100
        assert until(lambda: len(calls.answers) > more)
    finally:
        if calls is not None:
            calls.close()
        for unit in units:
            unit.close()
        balancer.kill()
        balancer.wait(WAIT)
    assert [unit.codes[0] for unit in units] == [1, 1], [unit.log.read_text() for unit in units]
    assert all(unit.codes[1:] in ([], [0]) for unit in units)
    answers = [answer for _, answer in calls.answers]
    assert {answer.status for answer in answers} <= {0, 200, 503}
    assert {answer.body.get("code", "") for answer in answers if not answer.is_decision} <= {
        "",
        "schema_changed",
    }
    stored = audit(place.url, answers)
    last = later.scalar_of(place, "SELECT last FROM before")
    assert 100 < last < len(stored)
    decided = [at for at, answer in calls.answers if answer.is_decision]
    gap = max(after - before for before, after in itertools.pairwise(decided))
    ended = max(unit.ended_at for unit in units) - returned
    print(
        f"\nlast old process ended {ended:.2f} s after the command returned; nothing decided for {gap:.2f} s"
    )
    assert calls.answers[-1][1].is_decision
