"""The references that are generated from the code: `python -m references` from `tests/` writes them anew."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from references import commands, decisions, http, metrics, python

DOCS: Final = Path(__file__).parents[2] / "docs"
PAGES: Final = {
    "reference/http-operations.md": http.page,
    "reference/python.md": python.page,
    "reference/commands.md": commands.page,
    "reference/metrics.md": metrics.page,
    "adr/README.md": decisions.page,
}
