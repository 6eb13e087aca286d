"""Server processes: started, their processor time and memory read from /proc, ended again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATHS = os.pathsep.join(str(p) for p in (ROOT, ROOT / "api", ROOT / "tests"))
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers.

    Args:
        url: Where.
        pid: Its first process.
    """

    url: str
    pid: int

    def processes(self) -> list[int]:
        """Return its processes, workers included."""
        found, wanted = [self.pid], [self.pid]
        while wanted:
            above = wanted.pop()
            for task in Path(f"/proc/{above}/task").iterdir():
                with contextlib.suppress(OSError):
                    below = [int(p) for p in (task / "children").read_text().split()]
                    found += below
                    wanted += below
        return found

    def cpu_seconds(self) -> float:
        """Return the processor time that it used so far."""
        used = 0
        for pid in self.processes():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                used += int(fields[11]) + int(fields[12])
        return used / _TICKS

    def megabytes(self) -> float:
        """Return its resident memory; of several workers, the largest one's."""
        sizes = []
        for pid in self.processes():
            with contextlib.suppress(OSError):
                status = Path(f"/proc/{pid}/status").read_text()
                sizes.append(int(status.partition("VmRSS:")[2].split()[0]) / 1024)
        return max(sizes)


@contextlib.contextmanager
def service(store: str, ring: Path, issuer: str, *, workers: int = 1) -> Iterator[Served]:
    """Run `delegation serve` over a store."""
    ready = ring.with_name(f"ready-{workers}.json")
    ready.unlink(missing_ok=True)
    command = [
        sys.executable, "-m", "delegation.cli", "serve", "--store", store, "--port", "0",
        "--issuer", issuer, "--workers", str(workers), "--ready-file", str(ready), "--no-make-keys",
    ]  # fmt: skip
    with _running(command, {"DELEGATION_RING": str(ring)}) as process:
        _wait(process, ready.exists)
        url = json.loads(ready.read_text())["url"]
        _wait(process, lambda: _answers(url + "/healthz"))
        yield Served(url, process.pid)


@contextlib.contextmanager
def floor(port: int, *, workers: int = 1) -> Iterator[Served]:
    """Run the empty endpoint on the same server: uvicorn with uvloop and httptools, no access log."""
    command = [
        sys.executable, "-m", "uvicorn", "bench.floor_app:app", "--port", str(port), "--loop", "uvloop",
        "--http", "httptools", "--no-access-log", "--no-server-header", "--log-level", "error",
        "--workers", str(workers),
    ]  # fmt: skip
    with _running(command, {}) as process:
        url = f"http://127.0.0.1:{port}"
        _wait(process, lambda: _answers(url + "/nothing"))
        yield Served(url, process.pid)


@contextlib.contextmanager
def _running(command: list[str], extra: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DELEGATION_")}
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**kept, "PYTHONPATH": PATHS, **extra},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate(timeout=20)


def _wait(process: subprocess.Popen[bytes], is_there) -> None:
    for _ in range(2400):
        if is_there():
            return
        if process.poll() is not None:
            raise RuntimeError((process.stderr.read() if process.stderr else b"").decode()[-2000:])
        time.sleep(0.05)
    raise TimeoutError("the server did not start")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
