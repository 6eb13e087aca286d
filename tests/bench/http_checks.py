"""`POST /v1/check` with a durable decision, beside an empty FastAPI endpoint on the same server."""

from __future__ import annotations

import contextlib
import json
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench import load
from bench.processes import Served, floor, service
from bench.rates import Turn, beside, filled
from bench.row import Row
from bench.scene import ACCESS, DESK, ISSUER, Held, chain, open_scene
from delegation.tracker import Tracker

FLOOR = "empty FastAPI + Pydantic endpoint"
WHAT = "POST /v1/check, decision durable"
REACH = {"SQLite": ">= 0.6", "PostgreSQL": ">= 0.4"}


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


def turn(
    server: Served, bodies: Path, key: str, *, seconds: float, clients: int, again: bool = False
) -> Turn:
    """Load a server once.

    Raises:
        RuntimeError: It refused a request.
    """
    before = server.cpu_seconds()
    found = load.run(server.url, bodies, key, seconds=seconds, clients=clients, again=again)
    if found.bad:
        raise RuntimeError(f"{found.bad} of {found.bad + found.requests} failed at {server.url}")
    used = server.cpu_seconds() - before
    return Turn(found.requests, found.seconds, used, found.p50_us, found.p99_us, found.ended)


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
        taken: dict[str, list[Turn]] = {name: [] for name in (FLOOR, *served)}
        for number in range(-1, plan.rounds):
            # The first turn is for caches, pools and the first batch.
            seconds = plan.seconds if number >= 0 else 1
            for name, one in served.items():
                bodies = one.bodies(folder / name / "bodies.jsonl", plan.most)
                for who, server in ((FLOOR, empty), (name, one.server)):
                    made = turn(
                        server, bodies, one.key, seconds=seconds, clients=plan.clients, again=who == FLOOR
                    )  # fmt: skip
                    if number >= 0:
                        taken[who].append(made)
        for name, one in served.items():
            if one.allowed() < sum(made.calls for made in taken[name]):
                raise RuntimeError(f"{name}: answers that were not recorded as allowed")
    return rows_of(taken, plan, workers)


def rows_of(taken: Mapping[str, Sequence[Turn]], plan: Plan, workers: int) -> list[Row]:
    """Return the rows of the floor's turns and the services' turns."""
    floor = Row("http", WHAT, FLOOR, workers=workers, clients=plan.clients)
    base = taken[FLOOR]
    return [
        filled(floor, base),
        *(
            beside(
                replace(floor, subject=name, depth=plan.depth), turns, FLOOR, base,
                REACH[name] if workers == 1 else None,
            )
            for name, turns in taken.items()
            if name != FLOOR
        ),
    ]  # fmt: skip
