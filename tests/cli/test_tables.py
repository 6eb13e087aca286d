"""Tables: an id stays whole however narrow the terminal is, for people and scripts to copy."""

from __future__ import annotations

import pytest

from delegation.cli.console import print_table

TASK, DECISION = "tsk_" + "a" * 22, "dec_" + "b" * 22
LINKS = ["lnk_" + letter * 43 for letter in "cd"]


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
@pytest.mark.parametrize(
    "cells",
    [(TASK, "A title of some length", "ana@acme.example", "open"), (DECISION, *LINKS), ("x", TASK)],
)
def test_ids_stay_whole(
    columns: int,
    cells: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Titles and names fold; where ids do not fit beside each other, a row becomes a paragraph."""
    monkeypatch.setenv("COLUMNS", str(columns))
    print_table("Things", [f"c{n}" for n in range(len(cells))], [cells, cells])
    said = capsys.readouterr().out
    for cell in cells:
        if "_" in cell:
            assert said.count(cell) == 2, said
