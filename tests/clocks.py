"""A service whose clock a test sets while it runs: libfaketime reads the offset from a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest
from proxies import ROOT, free_port, wait_for
from under_fault import WAIT, Serving, until
from world import ISSUER, World

from delegation.commands.steady_clock import SteadyClock

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


def read(service: Serving, path: str = "/readyz", key: str = "") -> tuple[int, dict]:
    """Return status and JSON of an answer; 0 while nobody answers."""
    connection = HTTPConnection("127.0.0.1", service.port, timeout=WAIT)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except OSError:
        return 0, {}
    finally:
        connection.close()


def codes(service: Serving) -> tuple[int, list[str]]:
    """Return what a service says of its readiness: the status, and the codes of the reasons for it."""
    status, body = read(service)
    reasons = [one for one in body.get("reasons", ()) if one["blocks"] is (status == 503)]
    return status, [one["code"] for one in reasons]


def turns(service: Serving, status: int, *reasons: str) -> bool:
    """Return whether a service comes to say this of itself."""
    said: list[tuple[int, list[str]]] = []
    came = until(lambda: said.append(codes(service)) or said[-1] == (status, list(reasons)))
    assert came, said[-1]
    return came


@dataclass
class Clocked(Serving):
    """One process, started cold: a library is loaded only when a program starts."""

    ahead: int = 0

    def set(self, ahead: int) -> None:
        """Set its clock so many seconds ahead of this one."""
        self.ahead = ahead
        fresh = self._file.with_suffix(".part")
        fresh.write_text(f"{ahead:+d}\n")
        fresh.replace(self._file)

    @property
    def _file(self) -> Path:
        return self.folder / f"clock-{id(self)}"

    def start(self, wanted: int = 200) -> None:
        """Start it and wait until it says this of its readiness."""
        if not LIBRARIES:
            pytest.skip("the system library libfaketime is missing")
        self.port = free_port()
        self.set(self.ahead)
        words = [
            sys.executable, "-m", "delegation.cli", "serve", "--store", self.url, "--no-make-keys",
            "--port", str(self.port),
        ]  # fmt: skip
        env = {
            **os.environ, "DELEGATION_RING": str(self.folder / "ring.json"), "DELEGATION_ISSUER": ISSUER,
            "DELEGATION_KEPT_DENIALS": "1000000", "PYTHONPATH": f"{ROOT}:{ROOT / 'api'}",
            "LD_PRELOAD": str(LIBRARIES[0]), "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", **self.settings,
        }  # fmt: skip
        with self.log.open("a") as out:
            started = self.process = subprocess.Popen(  # type: ignore[assignment]  # as `warm.Program`
                words, cwd=ROOT, stdout=out, stderr=out, env=env, start_new_session=True
            )
        wait_for(self.port, started, self.log)
        until(lambda: self.status("/readyz")[0] == wanted or started.poll() is not None)
        assert started.poll() is None, self.log.read_text()


def passing(world: World) -> None:
    """Let a world's clock be one that time really passes on, so that what is old is forgotten."""
    watched = world.tracker._store._caches.steady = SteadyClock(lambda: float(world.at))
    watched.sure(world.at)
