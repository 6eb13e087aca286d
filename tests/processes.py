"""Starting real processes that call on one database, all at the same word."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import warm
from world import NOW, World

from delegation import Access, Token
from delegation.commands.announce import announcement

PROGRAM = Path(__file__).with_name("flow_process.py")
Plan = list[tuple[Token, str, Access]]


def announce(world: World, token: Token, name: str) -> None:
    """Let the store know the links, so that recording them is not what calls take turns at."""
    access = announcement(world.tracker.issuer)
    world.tracker.announce(token, world.key(name).prove(token, access, at=world.at))


def run(
    world: World,
    folder: Path,
    url: str,
    plans: list[Plan],
    *,
    threads: int = 0,
    meanwhile: Callable[[], None] = lambda: None,
) -> list[dict[str, object]]:
    """Let one process for each plan make its calls, all at once; return verdicts by decision."""
    ring = folder / "ring.json"
    if not ring.exists():
        world.tracker._desk.ring.save(ring)
    processes = []
    for plan in plans:
        process = subprocess.Popen(
            [*warm.python(), str(PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        orders = {
            "url": url,
            "ring": str(ring),
            "at": NOW,
            "threads": threads,
            "calls": [
                {
                    "token": token.text,
                    "name": name,
                    "seed": world.key(name).secret_seed().hex(),
                    "access": access.to_json(),
                }
                for token, name, access in plan
            ],
        }
        process.stdin.write(json.dumps(orders) + "\n")
        process.stdin.flush()
        processes.append(process)
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    meanwhile()
    found = []
    for process in processes:
        out, _ = process.communicate(timeout=280)
        assert process.returncode == 0
        found.append(dict(json.loads(line) for line in out.splitlines()))
    return found
