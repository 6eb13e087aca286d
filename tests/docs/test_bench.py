"""`make bench` runs: every family in its smallest form."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import http_checks, page, peers
from bench.rates import Turn
from bench.row import Row, compared, is_met
from bench.run import FAMILIES, Mode, measured

IN_SHORT = {"durable", "in_process"}


@pytest.mark.parametrize(
    "family",
    [pytest.param(f, marks=[] if f in IN_SHORT else pytest.mark.thorough) for f in FAMILIES],
)
def test_each_family_measures_something(family: str, tmp_path: Path) -> None:
    """The smallest form runs; that it has rows of its form is asserted, never a time."""
    rows = measured(Mode.TINY, (family,), tmp_path)
    assert {row.family for row in rows} <= {family, "flatness"}
    assert len(rows) >= 2
    for row in rows:
        said = row.to_json()
        assert Row(**said) == row
        figures = {
            "median_us", "per_second", "megabytes", "bytes", "nodes", "overspent", "ratio_to_floor",
            "cpu_us", "failed",
        }  # fmt: skip
        assert said.keys() & figures, row
        assert ("met" in said) == ("reach" in said and "withheld" not in said)
        assert not {"ratio_to_floor", "withheld"} <= said.keys()
        if said.keys() & {"ratio_to_floor", "withheld", "cpu_ratio"}:
            assert said["floor"]
    assert page.table([row.to_json() for row in rows]).count("\n") == len(rows) + 2


def test_a_bound_is_met_at_its_own_value() -> None:
    """Bounds are read both ways, and their own value keeps to them."""
    assert is_met("<= 2.0", 2.0)
    assert not is_met("<= 2.0", 2.01)
    assert is_met(">= 0.8", 0.8)
    assert not is_met(">= 0.8", 0.79)
    assert is_met("<= 200 us", 199.0)


def turns(share: float, calls: int = 1000, *, ended: bool = False) -> list[Turn]:
    """Return two turns of two seconds in which a server used that share of a core."""
    return [Turn(calls, 2.0, 2.0 * share, 500.0, 900.0, ended)] * 2


def served(floor: list[Turn], own: list[Turn], workers: int = 1) -> Row:
    """Return the row of a service beside those turns of the empty endpoint."""
    plan = http_checks.Plan(2, 2)
    return http_checks.rows_of({http_checks.FLOOR: floor, "SQLite": own}, plan, workers)[1]


@pytest.mark.parametrize(
    ("share", "workers", "is_published"),
    [
        (0.42, 1, False), (0.89, 1, False), (0.8999, 1, False), (0.9, 1, True), (1.0, 1, True),
        (0.9, 2, False), (1.7, 2, False), (1.8, 2, True),
    ],
)  # fmt: skip
def test_a_ratio_of_rates_needs_a_floor_that_used_nine_tenths_of_a_core(
    share: float, workers: int, is_published: bool
) -> None:
    """Each worker's core counts; what is withheld names the floor's share, and its CPU stands."""
    row = served(turns(share), turns(0.95, calls=250), workers)
    assert row.ratio_to_floor == (0.25 if is_published else None)
    assert (row.withheld is None) is is_published
    assert row.cpu_ratio == float(f"{share / 4 / 0.95:.3g}")
    if not is_published:
        assert row.withheld
        assert f"{int(share / workers * 100)} % of a core" in row.withheld
        assert row.met is None
        assert row.withheld in page.table([row.to_json()])


def test_half_of_a_floor_that_waited_was_a_fifth_of_its_work() -> None:
    """The figures that were published once: 0.50 by rate, of a floor at 42 % of a core."""
    floor = [Turn(5940, 2.0, 5940 * 142e-6)] * 2
    row = served(floor, [Turn(2980, 2.0, 2980 * 786e-6)] * 2)
    assert row.ratio_to_floor is None
    assert row.withheld == "the floor used 42 % of a core, not 90"
    assert row.cpu_ratio == 0.181


def test_no_rate_follows_from_a_turn_that_had_nothing_left_to_send() -> None:
    """Its seconds went on without requests."""
    row = served(turns(1.0), turns(0.95, calls=250, ended=True))
    assert row.ratio_to_floor is None
    assert row.withheld == "the requests ran out before the time did"


def test_a_bare_signature_that_was_kept_waiting_is_no_floor_either() -> None:
    """The rule is the row's, whatever was timed."""
    row = Row("in_process", "warm check", "biscuit", median_us=150.0)
    held = compared(row, "a signature", 3.0, share=0.89, reach="<= 1.7")
    assert (held.ratio_to_floor, held.met, held.reach) == (None, None, "<= 1.7")
    told = compared(row, "a signature", 3.0, share=0.9, reach="<= 1.7")
    assert (told.ratio_to_floor, told.met, told.withheld) == (3.0, False, None)


def test_a_peer_that_is_not_installed_fails_its_row_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A row is never left out quietly."""

    def absent(name: str) -> str:
        raise peers.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(peers.importlib.metadata, "version", absent)
    [row] = peers.rows(1)
    assert row.failed == "tenuo is not installed; `make bench` installs 0.3.3"
