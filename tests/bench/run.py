"""The families of rows, and how much of each a mode measures."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path

from postgres import Server

from bench import (
    contention,
    durable,
    http_checks,
    in_process,
    lineage,
    log_append,
    memory,
    parts,
    peers,
    reviewer,
    revocation,
    start,
)
from bench.row import Row

FAMILIES = (
    "in_process", "durable", "http", "parts", "start", "lineage", "memory", "revocation", "contention", "log",
    "reviewer",
)  # fmt: skip


class Mode(Enum):
    """How much is measured: `tiny` only shows that it works."""

    TINY = "tiny"
    QUICK = "quick"
    FULL = "full"


# Rounds in process; rounds, seconds and bodies over HTTP; calls in flight; links; memory's links.
_ROUNDS = {Mode.TINY: 2, Mode.QUICK: 40, Mode.FULL: 200}
_HTTP = {
    Mode.TINY: http_checks.Plan(1, 1, clients=8, most=60, depth=2),
    Mode.QUICK: http_checks.Plan(3, 2, most=6_000),
    Mode.FULL: http_checks.Plan(4, 2, most=10_000),
}
_STARTS = {Mode.TINY: 1, Mode.QUICK: 3, Mode.FULL: 12}
_DURABLE = {
    Mode.TINY: (1, 20, (4,)),
    Mode.QUICK: (3, 1000, (64,)),
    Mode.FULL: (3, 2000, (1, 64, 256)),
}
_LINKS = {
    Mode.TINY: (200, 400),
    Mode.QUICK: (3_000, 30_000),
    Mode.FULL: (10_000, 100_000, 1_000_000),
}
_MEMORY = {
    Mode.TINY: (200, 50, 20),
    Mode.QUICK: (50_000, 10_000, 500),
    Mode.FULL: (1_000_000, 100_000, 5000),
}
_CONTENTION = {
    Mode.TINY: (30, 1, (2,)),
    Mode.QUICK: (3000, 1, (8, 32)),
    Mode.FULL: (6000, 2, (1, 8, 32)),
}
_LOG = {
    Mode.TINY: log_append.Plan(20, 20, 0.5, 1, 20, 8),
    Mode.QUICK: log_append.Plan(2000, 100, 4, 2, 1000),
    Mode.FULL: log_append.Plan(10_000, 200, 10, 3, 3000),
}
# Revocations, and further ones with a service stopped.
_REVOCATION = {Mode.TINY: (2, 1), Mode.QUICK: (6, 1), Mode.FULL: (60, 4)}
_REVIEWER = {Mode.TINY: (300, 1), Mode.QUICK: (10_000, 2), Mode.FULL: (10_000, 5)}


def measured(
    mode: Mode,
    families: tuple[str, ...],
    folder: Path,
    *,
    say: Callable[[str], None] = lambda _: None,
) -> list[Row]:
    """Return the rows of the families.

    Args:
        mode: How much of each.
        families: Which.
        folder: An empty folder for SQLite's files.
        say: Told what was measured, and how long it took.
    """
    rows: list[Row] = []
    for family in families:
        begun = time.monotonic()
        rows += _MEASURES[family](mode, folder)
        say(f"measured: {family}, {time.monotonic() - begun:.0f} s")
    return rows


@contextlib.contextmanager
def _stores(folder: Path, *, many: int = 1) -> Iterator[list[dict[str, str]]]:
    """Yield empty databases of both engines, so many of each."""
    server = Server()
    try:
        base = sum(1 for _ in folder.iterdir())
        yield [
            {
                "SQLite": f"sqlite:///{folder / f'{base + n}.db'}",
                "PostgreSQL": server.new_database(),
            }
            for n in range(many)
        ]
    finally:
        server.close()


def _in_process(mode: Mode, _: Path) -> list[Row]:
    rounds = _ROUNDS[mode]
    return [*in_process.warm(rounds), *in_process.cold(rounds), *peers.rows(rounds)]


def _durable(mode: Mode, folder: Path) -> list[Row]:
    rounds, calls, clients = _DURABLE[mode]
    with _stores(folder) as [stores]:
        return durable.rows(stores, rounds=rounds, calls=calls, clients=clients)


def _http(mode: Mode, folder: Path) -> list[Row]:
    with _stores(folder, many=2) as [one, two]:
        rows = http_checks.rows(_HTTP[mode], one)
        if mode is not Mode.FULL:
            return rows
        return rows + http_checks.rows(_HTTP[mode], {"PostgreSQL": two["PostgreSQL"]}, workers=2)


def _parts(mode: Mode, folder: Path) -> list[Row]:
    with _stores(folder) as [stores]:
        return parts.rows(stores, rounds=max(2, _ROUNDS[mode] // 4))


def _start(mode: Mode, _: Path) -> list[Row]:
    return start.rows(_STARTS[mode])


def _lineage(mode: Mode, folder: Path) -> list[Row]:
    sizes, rounds = _LINKS[mode], _ROUNDS[mode]
    with _stores(folder, many=len(sizes)) as stores:
        rows: list[Row] = []
        for engine in ("SQLite", "PostgreSQL"):
            found = {size: one[engine] for size, one in zip(sizes, stores, strict=True)}
            rows += lineage.rows(engine, found, rounds=rounds)
        return rows


def _memory(mode: Mode, _: Path) -> list[Row]:
    return memory.rows(*_MEMORY[mode])


def _contention(mode: Mode, folder: Path) -> list[Row]:
    calls, rounds, siblings = _CONTENTION[mode]
    with _stores(folder) as [stores]:
        served = {"SQLite": (stores["SQLite"], 1), "PostgreSQL": (stores["PostgreSQL"], 2)}
        return contention.rows(served, calls=calls, rounds=rounds, siblings=siblings)


def _log(mode: Mode, folder: Path) -> list[Row]:
    with _stores(folder) as [stores]:
        return log_append.rows(stores, _LOG[mode])


def _revocation(mode: Mode, folder: Path) -> list[Row]:
    rounds, frozen = _REVOCATION[mode]
    with _stores(folder) as [stores]:
        return revocation.rows(stores, rounds=rounds, frozen=frozen)


def _reviewer(mode: Mode, folder: Path) -> list[Row]:
    links, starts = _REVIEWER[mode]
    with _stores(folder) as [stores]:
        return reviewer.rows(stores, links=links, rounds=_ROUNDS[mode], starts=starts)


_MEASURES: dict[str, Callable[[Mode, Path], list[Row]]] = {
    "in_process": _in_process,
    "durable": _durable,
    "http": _http,
    "parts": _parts,
    "start": _start,
    "lineage": _lineage,
    "memory": _memory,
    "contention": _contention,
    "log": _log,
    "revocation": _revocation,
    "reviewer": _reviewer,
}
