"""`docs/reference/performance.md` is what `bench.json` says, and `make bench` runs."""

from __future__ import annotations

import json
import re

from bench import page
from bench.row import BUSY, figure, is_met
from bench.run import FAMILIES

RESULTS = json.loads(page.RESULTS.read_text())


def test_the_page_shows_the_saved_figures() -> None:
    """Its tables are those of bench.json: none was typed by hand, none is left from another run."""
    text = page.PAGE.read_text()
    assert page.render(text, RESULTS) == text
    assert set(re.findall(r"<!-- table: (\w+) -->", text)) == {
        "machine", "targets", "tried", "flatness", *FAMILIES
    }  # fmt: skip


def test_the_page_states_no_figure_of_its_own() -> None:
    """Outside its tables there is no time, rate or ratio."""
    prose = page._PART.sub("", page.PAGE.read_text())
    assert not re.search(r"\d\s*(µs|us|ms|x|MiB|MB|%|/s)\b", prose)


def test_the_plots_are_those_of_the_saved_figures() -> None:
    """A plot that was drawn from other figures fails here."""
    for name, content in page.plots(RESULTS).items():
        assert (page.PLOTS / name).read_text() == content, name


def test_what_was_missed_is_shown_as_missed() -> None:
    """No row claims to have reached what its own figure does not."""
    bounded = [row for row in RESULTS["rows"] if "reach" in row]
    assert len(bounded) > 10
    for row in bounded:
        if "withheld" in row:
            assert "met" not in row
            continue
        assert row["met"] is is_met(row["reach"], figure(row["reach"], row)), row


def test_the_saved_run_is_a_whole_one() -> None:
    """All families come from one run, which says how much it measured."""
    assert RESULTS["mode"].partition(",")[0] in {"quick", "full"}
    assert f"in the mode `{RESULTS['mode']}`" in page.PAGE.read_text()
    assert {row["family"] for row in RESULTS["rows"]} == {*FAMILIES, "flatness"}
    assert set(RESULTS["machine"]) >= {"cpus", "processor", "memory_gib", "load_before"}


def test_every_published_rate_had_a_busy_floor_and_nothing_failed() -> None:
    """A ratio of rates stands beside that of CPU; a floor under nine tenths of a core has none."""
    rows = RESULTS["rows"]
    assert not [row for row in rows if "failed" in row]
    told = [row for row in rows if "cpu_ratio" in row]
    assert {row["family"] for row in told} == {"http", "contention", "log"}
    floors = {
        (row["family"], row["workers"], row["clients"]): row["share"]
        for row in rows
        if row["family"] == "http" and "floor" not in row
    }
    for row in told:
        assert ("ratio_to_floor" in row) is ("withheld" not in row)
        if row["family"] == "http":
            share = floors[row["family"], row["workers"], row["clients"]]
            assert ("ratio_to_floor" in row) <= (share >= BUSY), row
