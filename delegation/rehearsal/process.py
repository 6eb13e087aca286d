"""A real service for a rehearsal: `delegation serve` in a process of its own, ended by its id."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from delegation.client import Client
from delegation.errors import ServiceError
from delegation.tracker import Tracker

START_SECONDS: Final = 60  # a cold start on a busy machine; a healthy one takes two
_STOP_SECONDS: Final = 10


@contextmanager
def served(store: Path, ring: Path, *, issuer: str) -> Iterator[Client]:
    """Start the service over a store and give an operator's client to it; end it afterwards.

    Args:
        store: SQLite file, made if it is not there.
        ring: The key ring beside it, made likewise.
        issuer: URL under which tokens are issued.

    Raises:
        ServiceError: It did not start.
    """
    store.parent.mkdir(parents=True, exist_ok=True)
    with Tracker.open(f"sqlite:///{store}", ring_file=ring, issuer=issuer) as tracker:
        name = f"rehearsal-{secrets.token_hex(4)}"
        secret = tracker.create_api_key(name, "operator")
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.json"
        command = [sys.executable, "-m", "delegation.cli", "serve", "--port", "0", "--no-make-keys"]
        command += ["--store", str(store), "--ready-file", str(ready), "--issuer", issuer]
        log = Path(folder) / "log"
        with log.open("wb") as out:
            # Our own interpreter and arguments only: nothing of a transcript reaches the command.
            process = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
        try:
            with Client(_url(process, ready, log), api_key=secret, timeout=30) as client:
                client.health()
                yield client
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            with Tracker.open(f"sqlite:///{store}", ring_file=ring) as tracker:
                tracker.revoke_api_key(name)


def _url(process: subprocess.Popen[bytes], ready: Path, log: Path) -> str:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if ready.exists():
            return str(json.loads(ready.read_text(encoding="utf-8"))["url"])
        if process.poll() is not None:
            break
        time.sleep(0.05)
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise ServiceError(0, "unreachable", "The service did not start: " + " ".join(said[-3:])[:300])
