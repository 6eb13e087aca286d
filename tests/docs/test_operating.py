"""What docs/how-to/operations.md says of a store's growth is what a call takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from operating import growth

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "operations.md"
CALLS = 200  # pages of a database are taken in steps: a few hundred calls are no exact measure


@pytest.mark.thorough
@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_a_call_takes_what_the_page_says(engine: str, tmp_path: Path, request) -> None:
    """Within a half of it, either way."""
    (row,) = re.findall(
        r"^\| growth .*\| ([0-9.]+) kB \| ([0-9.]+) kB \|$", PAGE.read_text(), re.MULTILINE
    )
    said = float(row[engine == "postgres"]) * 1000
    if engine == "sqlite":
        url = f"sqlite:///{tmp_path / 's.db'}"
    else:
        url = request.getfixturevalue("server").new_database()
    assert said / 2 < growth(url, CALLS) < said * 1.5
