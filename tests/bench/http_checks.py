"""`POST /v1/check` with a durable decision, beside an empty FastAPI endpoint on the same server."""

from __future__ import annotations

import contextlib
import json
import socket
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench import load
from bench.processes import Served, floor, service
from bench.row import Row, is_met, rounded
from bench.scene import ACCESS, DESK, ISSUER, Held, chain, open_scene
from delegation.tracker import Tracker

FLOOR = "empty FastAPI + Pydantic endpoint"
WHAT = "POST /v1/check, decision durable"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is sent.

    Args:
        rounds: Turns of each server.
        seconds: Of one turn.
        clients: Connections.
        most: Bodies signed for one turn; at most as many requests.
        depth: Links of the chain.
    """

    rounds: int
    seconds: float
    clients: int = 64
    most: int = 25_000
    depth: int = 4


@dataclass(slots=True)
class Taken:
    """What the rounds of one server came to."""

    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    answered: int = 0

    def turn(self, server: Served, bodies: Path, key: str, plan: Plan, name: str) -> None:
        """Load a server once."""
        before = server.cpu_seconds()
        found = load.run(server.url, bodies, key, seconds=plan.seconds, clients=plan.clients)
        if found.bad or not found.requests:
            raise RuntimeError(f"{name}: {found.bad} of {found.bad + found.requests} failed")
        self.rates.append(found.per_second)
        self.cpu.append((server.cpu_seconds() - before) / found.requests * 1e6)
        self.p50.append(found.p50_us)
        self.p99.append(found.p99_us)
        self.answered += found.requests


@dataclass(frozen=True, slots=True)
class Ready:
    """A store that is served, with what its clients need."""

    server: Served
    tracker: Tracker
    held: Held
    key: str

    def bodies(self, file: Path, count: int) -> Path:
        """Write so many requests, each with a fresh proof; a proof lives for a minute."""
        access, text = ACCESS.to_json(), self.held.token.text
        with file.open("w") as out:
            for _ in range(count):
                body = {"token": text, "proof": self.held.prove(), "access": access}
                out.write(json.dumps(body, separators=(",", ":")) + "\n")
        return file

    def allowed(self) -> int:
        """Return how many allowed decisions are recorded."""
        with self.tracker._store._database.reading() as connection:
            return connection.exec_driver_sql(
                "SELECT count(*) FROM decision WHERE step IS NULL"
            ).scalar_one()


@contextlib.contextmanager
def ready(store: str, folder: Path, *, depth: int, workers: int = 1) -> Iterator[Ready]:
    """Serve a store with one task and one chain."""
    ring = folder / "ring.json"
    with Tracker.open(store, ring_file=ring, issuer=ISSUER) as tracker:
        held = chain(tracker, open_scene(tracker), depth)
        key = "Bearer " + tracker.create_api_key("desk", "service", [DESK])
        with service(store, ring, ISSUER, workers=workers) as server:
            yield Ready(server, tracker, held, key)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def rows(plan: Plan, stores: dict[str, str], *, workers: int = 1) -> list[Row]:
    """Return the rows of some stores with so many workers, all served and loaded in turns.

    Args:
        plan: How much is sent.
        stores: Name of each engine, and the URL of an empty database.
        workers: Processes of each server.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="delegation-bench-")))
        served: dict[str, Ready] = {}
        for name, url in stores.items():
            place = folder / name
            place.mkdir()
            served[name] = stack.enter_context(ready(url, place, depth=plan.depth, workers=workers))
        empty = stack.enter_context(floor(free_port(), workers=workers))
        taken = {FLOOR: Taken(), **{name: Taken() for name in served}}
        for turn in range(-1, plan.rounds):
            for name, one in served.items():
                bodies = one.bodies(folder / name / "bodies.jsonl", plan.most)
                if turn < 0:  # caches, pools and the first batch
                    load.run(one.server.url, bodies, one.key, seconds=1, clients=plan.clients)
                    load.run(empty.url, bodies, one.key, seconds=1, clients=plan.clients)
                    continue
                taken[FLOOR].turn(empty, bodies, one.key, plan, FLOOR)
                taken[name].turn(one.server, bodies, one.key, plan, name)
        for name, one in served.items():
            if one.allowed() < taken[name].answered:
                raise RuntimeError(f"{name}: answers that were not recorded as allowed")
    return _rows(taken, plan, workers)


def _rows(taken: dict[str, Taken], plan: Plan, workers: int) -> list[Row]:
    base = statistics.median(taken[FLOOR].rates)
    result = []
    for name, one in taken.items():
        rate = statistics.median(one.rates)
        ratio = None if name == FLOOR else rounded(rate / base)
        reach = ">= 0.8" if ratio is not None and workers == 1 else None
        result.append(
            Row(
                "http", WHAT, name, depth=None if name == FLOOR else plan.depth, workers=workers,
                clients=plan.clients, median_us=rounded(statistics.median(one.p50)),
                p99_us=rounded(statistics.median(one.p99)), per_second=rounded(rate),
                cpu_us=rounded(statistics.median(one.cpu)), floor=None if ratio is None else FLOOR,
                ratio_to_floor=ratio, reach=reach, met=None if reach is None else is_met(reach, ratio),
            )
        )  # fmt: skip
    return result
