"""Memory of the served process over a large forest, after checks that warmed its caches."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from bench import forest, load
from bench.http_checks import Ready
from bench.processes import service
from bench.row import Row, is_met, rounded
from bench.scene import DESK, ISSUER, chain, now, open_scene
from delegation.tracker import Tracker

REACH = "<= 200"


def rows(links: int, revocations: int, checks: int) -> list[Row]:
    """Return the row of a service on SQLite with so many links and revocations.

    Args:
        links: In the store.
        revocations: Of links, in the store.
        checks: Made before the memory is read.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="delegation-bench-")))
        store, ring = f"sqlite:///{folder / 's.db'}", folder / "ring.json"
        with Tracker.open(store, ring_file=ring, issuer=ISSUER) as tracker:
            task = open_scene(tracker)
            found = forest.load(tracker, task.ceiling, links, at=now())
            forest.revoke(tracker, found.names[:revocations], at=now())
            held = chain(tracker, task, 4)
            key = "Bearer " + tracker.create_api_key("desk", "service", [DESK])
            server = stack.enter_context(service(store, ring, ISSUER))
            before = server.megabytes()
            ready = Ready(server, tracker, held, key)
            bodies = ready.bodies(folder / "bodies.jsonl", checks)
            done = load.run(server.url, bodies, key, seconds=10, clients=16)
            after = server.megabytes()
            if done.bad or ready.allowed() < done.requests:
                raise RuntimeError("checks failed")
    what = f"resident memory, {revocations:,} revocations"
    return [
        Row("memory", what, "service, started", links=links, megabytes=rounded(before)),
        Row(
            "memory", what, "service, after checks", links=links, megabytes=rounded(after), reach=REACH + " MiB",
            met=is_met(REACH, after),
        ),
    ]  # fmt: skip
