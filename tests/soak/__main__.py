"""`python -m soak`: each run prints its counts and what is wrong; exit code 1 if anything is."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from soak.failover import failover
from soak.replicas import replicas
from soak.saturated import saturated
from soak.steady import steady

RUNS = {
    "failover": lambda a: failover(a.seconds, frozen=False),
    "frozen": lambda a: failover(a.seconds, frozen=True),
    "replicas": lambda a: replicas(a.seconds),
    "saturated": lambda a: saturated(a.calls),
    "steady": lambda a: steady(a.minutes * 60),
}


def main() -> int:
    """Run what was named, everything if nothing was."""
    parser = argparse.ArgumentParser(prog="make soak")
    parser.add_argument("runs", nargs="*", choices=[*RUNS, []], default=list(RUNS))
    parser.add_argument("--seconds", type=float, default=10.0, help="load before and after a fault")
    parser.add_argument("--calls", type=int, default=10_000, help="with every processor taken")
    parser.add_argument("--minutes", type=float, default=60.0, help="of mixed load")
    parser.add_argument("--out", type=Path, default=Path("soak.json"))
    given = parser.parse_args()
    rows = []
    for name in given.runs:
        begun = time.monotonic()
        row = {"run": name, **RUNS[name](given)}
        row["seconds"] = round(time.monotonic() - begun, 1)
        rows.append(row)
        print(json.dumps(row), flush=True)
    given.out.write_text(json.dumps(rows, indent=1) + "\n")
    return 1 if any(row["faults"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
