"""One measured row, as `bench.json` keeps it and `docs/reference/performance.md` shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

BUSY: Final = 0.9  # of a core; the share from which on a floor counts


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured, on what, beside which floor of the same run.

    Args:
        family: The table it stands in.
        what: The work.
        subject: Who did it: this project in a format or on a database, or the floor.
        depth: Links of the chain.
        links: Links in the store.
        workers: Processes of the service.
        clients: Connections, or calls in flight.
        median_us: Median time of one call in microseconds.
        p99_us: Its 99th percentile, where the load generator says so.
        per_second: Calls in a second; the median of the rounds.
        cpu_us: Processor time of whoever did the work for one call.
        signature_us: Of `median_us`, what verifies signatures: native code.
        python_us: The rest of it.
        share: Of a core, what whoever did the work used while it was timed.
        bytes: Size on the wire.
        nodes: What is drawn.
        overspent: Units that were allowed beyond the ledger.
        megabytes: Resident memory, in units of 2**20 bytes.
        floor: The subject of the same run that `ratio_to_floor` compares with.
        ratio_to_floor: Time over the floor's time, rate over its rate, bytes over its bytes.
        cpu_ratio: The floor's processor time for one call over this one's, beside a ratio of rates.
        reach: What is to be reached, such as `<= 2.0`, of the ratio or else of the figure.
        met: Whether it was.
        withheld: Why the ratio is not published.
        failed: Why nothing was measured.
    """

    family: str
    what: str
    subject: str
    depth: int | None = None
    links: int | None = None
    workers: int | None = None
    clients: int | None = None
    median_us: float | None = None
    p99_us: float | None = None
    per_second: float | None = None
    cpu_us: float | None = None
    signature_us: float | None = None
    python_us: float | None = None
    share: float | None = None
    bytes: int | None = None
    nodes: int | None = None
    overspent: int | None = None
    megabytes: float | None = None
    floor: str | None = None
    ratio_to_floor: float | None = None
    cpu_ratio: float | None = None
    reach: str | None = None
    met: bool | None = None
    withheld: str | None = None
    failed: str | None = None

    def to_json(self) -> dict[str, object]:
        """Return the row without what it does not have."""
        return {name: value for name, value in asdict(self).items() if value is not None}


_UNITS = {
    "": ("ratio_to_floor", 1.0), "us": ("median_us", 1.0), "ms": ("median_us", 1000.0),
    "MiB": ("megabytes", 1.0), "bytes": ("bytes", 1.0), "nodes": ("nodes", 1.0),
    "overspent": ("overspent", 1.0), "msCPU": ("cpu_us", 1000.0),
}  # fmt: skip


def figure(reach: str, row: Mapping[str, Any]) -> float:
    """Return what a bound such as `<= 2.0` (a ratio) or `<= 1000 ms` is about, in its unit."""
    name, share = _UNITS["".join(reach.split()[2:])]
    return float(row[name]) / share


def compared(
    row: Row, floor: str, ratio: float, *, share: float, reach: str | None = None, flaw: str = ""
) -> Row:
    """Return the row with its ratio to a floor, or with why that is withheld.

    A floor that was not busy was not measured: what kept it from more was the load, not itself.

    Args:
        row: What is compared.
        floor: What it is compared with.
        ratio: To it.
        share: Of a core, what the floor used while it was timed.
        reach: What is to be reached.
        flaw: What else was wrong with the measurement.
    """
    if share < BUSY:
        flaw = f"the floor used {int(share * 100)} % of a core, not {int(BUSY * 100)}"
    if flaw:
        return replace(row, floor=floor, reach=reach, withheld=flaw)
    row = replace(row, floor=floor, ratio_to_floor=rounded(ratio))
    return row if reach is None else bounded(row, reach)


def bounded(row: Row, reach: str) -> Row:
    """Return the row with what is to be reached and whether it was."""
    return replace(row, reach=reach, met=is_met(reach, figure(reach, row.to_json())))


def is_met(reach: str, value: float) -> bool:
    """Return whether a figure keeps to a bound such as `<= 2.0` or `>= 0.8`."""
    sign, bound = reach.split()[:2]
    return value <= float(bound) if sign == "<=" else value >= float(bound)


def rounded(value: float) -> float:
    """Return three significant digits: more would be noise."""
    return float(f"{value:.3g}")
