"""`delegation serve` over one store, killed, ended and started again as often as a test wants."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import warm
from proxies import ROOT, free_port, wait_for
from world import DESK, ISSUER, World

from delegation import Grant, HolderKey, Token
from delegation.lineage.entry import TaskEntry

WAIT = 120  # seconds for what takes two on an idle machine


@dataclass
class Serving:
    """One service process, or a parent with its workers, in a process group of its own."""

    folder: Path
    url: str
    workers: int = 1
    settings: dict[str, str] = field(default_factory=dict)
    port: int = 0
    process: warm.Program | None = None

    @property
    def log(self) -> Path:
        """Where all its starts log to."""
        return self.folder / f"log-{id(self)}"

    def start(self) -> None:
        """Start it and wait until it takes decisions."""
        self.port = free_port()
        words = [
            "-m", "delegation.cli", "serve", "--store", self.url, "--no-make-keys",
            "--port", str(self.port), "--workers", str(self.workers),
        ]  # fmt: skip
        env = {
            **os.environ, "DELEGATION_RING": str(self.folder / "ring.json"), "DELEGATION_ISSUER": ISSUER,
            "DELEGATION_KEPT_DENIALS": "1000000",  # the audit looks at every proof
            "WARM_WORKERS": "1",
            **self.settings,
        }  # fmt: skip
        with self.log.open("a") as out:
            self.process = warm.Program(words, ROOT, out.fileno(), env, out.fileno())
        wait_for(self.port, self.process, self.log)
        started = self.process
        until(lambda: self.status("/readyz")[0] == 200 or started.poll() is not None)
        assert started.poll() is None, self.log.read_text()

    def kill(self) -> None:
        """Kill -9 the process that was started, and wait until its whole group is gone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(WAIT)
        assert until(lambda: not self.lives), "a worker outlived its parent"

    def end(self) -> int:
        """Send SIGTERM and return the exit code."""
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(WAIT)
        assert until(lambda: not self.lives), "a worker outlived its parent"
        return code

    @property
    def lives(self) -> bool:
        """Whether any process of its group is left."""
        assert self.process is not None
        return any(group == self.process.pid for group in _groups())

    def close(self) -> None:
        """Leave no process behind, whatever the test did."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(WAIT)

    def status(self, path: str) -> tuple[int, dict[str, str]]:
        """Return the status and headers of a public endpoint; 0 while nobody answers."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
        except OSError:
            return 0, {}
        finally:
            connection.close()
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}


def _groups() -> Iterator[int]:
    """Return the process groups of all living processes; what init has yet to reap is dead."""
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, group = file.read_text().rpartition(")")[2].split()[:3]
            if state != "Z":
                yield int(group)


def until(holds, seconds: float = WAIT) -> bool:
    """Return whether something becomes true within a bound."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.02)
    return bool(holds())


@dataclass
class Place:
    """A store with a task, and what is needed to serve it and to call at its desk."""

    folder: Path
    world: World
    task: TaskEntry
    key: str
    services: list[Serving] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The store's URL."""
        return self.world.url

    def serving(self, workers: int = 1, **settings: str) -> Serving:
        """Return a service over the store, not started yet."""
        self.services.append(Serving(self.folder, self.url, workers, settings))
        return self.services[-1]

    def root(self, **fields: object) -> Token:
        """Issue a root with a budget of its own under the task."""
        to = self.world.key("boss").public
        return self.world.tracker.issue(self.task, to=to, grant=Grant(**fields))  # type: ignore[arg-type]

    def leaves(self, calls: int, *each: int) -> list[tuple[Token, HolderKey]]:
        """Return leaves with budgets of their own below a root with one."""
        root, boss = self.root(budget={"calls": calls}), self.world.key("boss")
        found = []
        for number, limit in enumerate(each):
            holder = self.world.key(f"agent-{number}")
            grant = Grant(budget={"calls": limit})
            found.append((root.delegate(by=boss, to=holder.public, grant=grant), holder))
        return found


@contextmanager
def placed(folder: Path, url: str, *, calls: int = 1000) -> Iterator[Place]:
    """Make a store whose task allows this many calls; all that was started is ended."""
    world = World(url=url, at=int(time.time()))
    world.tracker._clock = lambda: int(time.time())
    world.tracker._desk.ring.save(folder / "ring.json")
    task = world.open(budget={"calls": calls})
    key = world.tracker.create_api_key("desk", "service", [DESK])
    place = Place(folder, world, task, key)
    try:
        yield place
    finally:
        for service in place.services:
            service.close()
        world.tracker.close()
