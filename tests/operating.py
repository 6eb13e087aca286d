"""Measures what docs/how-to/operations.md says of growth, restore and takeover: `PYTHONPATH=tests python -m operating`.

Calls are those of an agent four links below its root, with a text of 200 bytes, each with its proof, signed into the log.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.request import Request, urlopen

import psycopg
from postgres import Server
from proxies import ROOT, free_port
from under_fault import Place, placed, until
from world import DESK, OWNER, READ, SEND, World

from delegation import Grant, Token
from delegation.cli.source import ring_of

BODY = "Dear Kim, your order of last week is on its way. " * 2
STEP = 4  # calls of a second: honest work, far below any limit


def grown(url: str, calls: int) -> tuple[World, Token]:
    """Make calls in process on a store, all of them signed; return its world and the leaf's token."""
    world = World(url=url, at=int(time.time()) - 86_400)
    ceiling = Grant([READ, SEND], audience=[DESK], purpose="desk", delegations_left=6)
    task = world.tracker.open_task("Growth", owner=OWNER, ceiling=ceiling, lasts=86_400 * 2)
    token = world.tracker.issue(task, to=world.key("a").public)
    for by, to in (("a", "b"), ("b", "c"), ("c", "d")):
        token = token.delegate(by=world.key(by), to=world.key(to).public, grant=Grant())
    more(world, token, calls)
    return world, token


def more(world: World, token: Token, calls: int) -> None:
    """Make calls, and sign them."""
    access = world.access("mail.send", to="kim@acme.example", body=BODY)
    for number in range(calls):
        world.at += number % STEP == 0
        decision = world.check(token, "d", access)
        assert decision, decision
    world.tracker.update_log()


def size(url: str) -> int:
    """Return the bytes of a store, without what is not yet moved from the WAL."""
    if url.startswith("sqlite:///"):
        file = url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(file)) as raw:
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return Path(file).stat().st_size
    with psycopg.connect(url, autocommit=True) as raw:
        raw.execute("VACUUM")
        (found,) = raw.execute("SELECT pg_database_size(current_database())").fetchone()
    return int(found)


def growth(url: str, calls: int) -> float:
    """Return the bytes that one more allowed call takes."""
    world, token = grown(url, calls)
    before = size(url)
    more(world, token, calls)
    after = size(url)
    world.tracker.close()
    return (after - before) / calls


def ready_after(
    command: list[str], env: dict[str, str], url: str
) -> tuple[float, subprocess.Popen[bytes]]:
    """Return after how many seconds a program that is started takes decisions."""
    begun = time.monotonic()
    process = subprocess.Popen(command, env={**os.environ, **env}, stdout=subprocess.DEVNULL)

    def is_ready() -> bool:
        try:
            with urlopen(f"{url}/readyz", timeout=5):
                return True
        except OSError:
            return False

    assert until(is_ready, 300)
    return time.monotonic() - begun, process


def restored_sqlite(folder: Path, calls: int) -> dict[str, float]:
    """Return how long backup, copying back and the first start take."""
    file = folder / "s.db"
    world, _ = grown(f"sqlite:///{file}", calls)
    world.ring.save(ring_of(str(file)))
    world.tracker.close()
    begun = time.monotonic()
    with (
        closing(sqlite3.connect(file)) as live,
        closing(sqlite3.connect(folder / "copy.db")) as copy,
    ):
        live.backup(copy)
    backup = time.monotonic() - begun
    begun = time.monotonic()
    for one in folder.glob("s.db*"):
        one.unlink()
    (folder / "copy.db").rename(file)
    return {
        "backup": backup,
        "restore": time.monotonic() - begun,
        **_first_start(str(file), ring_of(str(file))),
    }


def restored_postgres(server: Server, folder: Path, calls: int) -> dict[str, float]:
    """Return how long `pg_dump`, `pg_restore` and the first start take."""
    url = server.new_database()
    world, _ = grown(url, calls)
    world.ring.save(folder / "ring.json")
    world.tracker.close()
    dump = folder / "dump"
    begun = time.monotonic()
    subprocess.run([server._bin / "pg_dump", "-Fc", "-f", dump, url], check=True)
    backup = time.monotonic() - begun
    fresh = server.new_database("template0")
    begun = time.monotonic()
    subprocess.run([server._bin / "pg_restore", "-d", fresh, dump], check=True)
    return {
        "backup": backup,
        "restore": time.monotonic() - begun,
        **_first_start(fresh, folder / "ring.json"),
    }


def _first_start(store: str, ring: Path) -> dict[str, float]:
    port = free_port()
    words = [
        sys.executable,
        "-m",
        "delegation.cli",
        "serve",
        "--store",
        store,
        "--port",
        str(port),
        "--no-make-keys",
    ]
    env = {"DELEGATION_RING": str(ring), "PYTHONPATH": f"{ROOT}:{ROOT / 'api'}"}
    seconds, process = ready_after(words, env, f"http://127.0.0.1:{port}")
    process.terminate()
    process.wait(60)
    return {"start": seconds}


def takeover(place: Place, how: signal.Signals) -> dict[str, float]:
    """Return how long calls at the other node wait, and its log is unsigned, once one of two is gone.

    Args:
        place: On PostgreSQL.
        how: SIGKILL, or SIGSTOP for a machine that stands still.
    """
    first, second = place.serving(), place.serving()
    first.start()
    second.start()
    token, holder = place.leaves(1000, 500)[0]
    seen = f"Bearer {place.world.tracker.create_api_key('seer', 'operator')}"

    def call() -> float:
        access = place.world.access()
        proof = holder.prove(token, access, at=int(time.time()))
        body = json.dumps(
            {"token": token.text, "proof": proof, "access": access.to_json()}
        ).encode()
        asked = Request(f"http://127.0.0.1:{second.port}/v1/check", body, {
            "Authorization": f"Bearer {place.key}", "Content-Type": "application/json",
        })  # fmt: skip
        begun = time.monotonic()
        with urlopen(asked, timeout=60) as answer:
            assert json.load(answer)["allowed"], "denied"
        return time.monotonic() - begun

    def signed() -> bool:
        asked = Request(f"http://127.0.0.1:{second.port}/metrics", headers={"Authorization": seen})
        with urlopen(asked, timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        said = dict(line.rsplit(" ", 1) for line in lines if line.startswith("delegation_log_"))
        return said["delegation_log_entries"] == said["delegation_log_signed_entries"]

    call()
    assert until(signed)
    os.kill(first.process.pid, how)
    begun = time.monotonic()
    longest = max(call() for _ in range(5))
    assert until(signed)
    until_signed = time.monotonic() - begun
    if how == signal.SIGSTOP:
        os.kill(first.process.pid, signal.SIGCONT)
    return {"call": longest, "signed": until_signed}


def main(calls: int) -> None:
    """Measure all of it, and print a line of JSON for each part."""

    def told(name: str, found: object) -> None:
        said = {"what": name, "found": found, "load": os.getloadavg()[0]}
        print(json.dumps(said), flush=True)

    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="delegation-operating-"))
        )
        server = Server()
        stack.callback(server.close)
        for name, how in (("killed", signal.SIGKILL), ("stopped", signal.SIGSTOP)):
            (folder / name).mkdir()
            with placed(folder / name, server.new_database()) as place:
                told(f"takeover, {name}", takeover(place, how))
        told("growth, sqlite", growth(f"sqlite:///{folder / 'g.db'}", calls))
        told("growth, postgres", growth(server.new_database(), calls))
        told(f"restore of {calls}, sqlite", restored_sqlite(folder, calls))
        told(f"restore of {calls}, postgres", restored_postgres(server, folder, calls))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
