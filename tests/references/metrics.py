"""Writes the reference of metrics from the one place where they are declared."""

from __future__ import annotations

from typing import Final

from delegation_api.metric_table import TABLE
from references.markdown import cell, table

INTRODUCTION: Final = """# Metrics

What `GET /metrics` tells, for Prometheus, generated from the program by `python -m references`. How to scrape it, alerts, a dashboard and
what to do when something is wrong: [monitor](../how-to/monitor.md).

Whichever worker of a service answers, it tells of all of them. Values of labels come from closed sets: nothing that a caller sends makes a
series. Counters are kept when a worker dies, and who replaces it goes on with them; one that is killed takes up to a second of its last
counts with it. Gauges of a worker that died go away.

"""
_OF: Final = {
    "workers": (
        "Of the workers",
        "Added up over the workers of a service; each replica has its own.",
    ),
    "service": (
        "Of the service",
        "Of the service and its processes, at the moment when it is asked.",
    ),
    "store": (
        "Of the store",
        "The same from each replica: take the maximum, not the sum. Left out while the store does not answer.",
    ),
}


def page() -> str:
    """Return the page of all metrics."""
    lines = [INTRODUCTION.rstrip("\n"), ""]
    for of, (heading, sentence) in _OF.items():
        mine = [one for one in TABLE if one.of == of]
        lines += [f"## {heading}", "", sentence, ""]
        lines += table(
            ["metric", "kind", "unit", "what"],
            [[f"`{one.name}`", one.kind, one.unit or "1", cell(one.sentence)] for one in mine],
        )
        labels = [
            [f"`{one.name}`", f"`{label}`", cell(values)]
            for one in mine
            for label, values in one.labels.items()
        ]
        lines += table(["metric", "label", "values"], labels)
    return "\n".join(lines).rstrip("\n") + "\n"
