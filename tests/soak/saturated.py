"""10,000 benign calls with every processor taken: trackers and a service, on both engines; 0 refused."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from postgres import Server
from saturation import embedded, served
from under_fault import placed

SECONDS = 1500  # for each; the busy loops end by themselves


def saturated(calls: int) -> dict[str, Any]:
    """Return what became of the calls, with what is wrong under `faults`."""
    row: dict[str, Any] = {"calls": calls, "faults": []}
    server = Server()
    try:
        for engine in ("sqlite", "postgres"):
            for way in (embedded, served):
                with tempfile.TemporaryDirectory() as name:
                    folder = Path(name)
                    url = f"sqlite:///{folder / 's.db'}"
                    with placed(
                        folder, url if engine == "sqlite" else server.new_database()
                    ) as place:
                        found = way(place, calls, seconds=SECONDS)
                what = f"{way.__name__} {engine}"
                row[what] = {
                    "refused": dict(found.refused),
                    **{f"p{p}": round(found.share(p / 100), 3) for p in (50, 99, 100)},
                }
                if found.refused or found.charged != calls or found.calls != calls:
                    row["faults"].append(
                        f"{what}: {found.calls} of {calls}, {found.charged} charged"
                    )
    finally:
        server.close()
    return row
