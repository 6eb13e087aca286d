"""`make bench` runs: every family in its smallest form."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import page
from bench.row import Row, is_met
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
            "skipped",
        }  # fmt: skip
        assert said.keys() & figures, row
        assert ("reach" in said) == ("met" in said)
        if "ratio_to_floor" in said:
            assert said["floor"]
    assert page.table([row.to_json() for row in rows]).count("\n") == len(rows) + 2


def test_a_bound_is_met_at_its_own_value() -> None:
    """Bounds are read both ways, and their own value keeps to them."""
    assert is_met("<= 2.0", 2.0)
    assert not is_met("<= 2.0", 2.01)
    assert is_met(">= 0.8", 0.8)
    assert not is_met(">= 0.8", 0.79)
    assert is_met("<= 200 us", 199.0)
