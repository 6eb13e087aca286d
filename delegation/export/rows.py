"""Writes tables as CSV and JSON, a piece at a time.

CSV by RFC 4180: a comment line would be a row to its readers, so the manifest stands beside it. A
cell that a spreadsheet would take for a formula begins with an apostrophe; quoting alone does not help.
Spreadsheets of other countries split at other characters than the comma: what would be a formula
behind one of them has its first character as an escape.
Both are evidence and hold every text whole: JSON in ASCII, CSV with the escapes of `delegation.shown`
for what cannot be seen.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from delegation.cancellation import look
from delegation.export.manifest import Manifest
from delegation.export.table import Cell, Table
from delegation.shown import shown_text

# The wide ones too: some spreadsheets take them for the narrow ones. After apostrophes as well, so
# that the one in front is ours whenever there is one.
_FORMULA: Final = re.compile("'*[=+\\-@\uff1d\uff0b\uff0d\uff20]")

_BEHIND: Final = re.compile("(?<=[;|])((?: |\"|')*)([=+\\-@\uff1d\uff0b\uff0d\uff20])")


def csv_rows(table: Table, entries: Iterable[Any]) -> Iterator[str]:
    """Yield a table as CSV, its header first, a line at a time."""
    yield _line(table.columns)
    for entry in entries:
        look()
        yield _line([_cell(cell) for cell in table.row(entry)])


def json_rows(table: Table, entries: Iterable[Any], manifest: Manifest) -> Iterator[str]:
    """Yield a table as one JSON object: `export`, and `rows` as objects by column."""
    return listed(
        "rows",
        (dict(zip(table.columns, table.row(entry), strict=True)) for entry in entries),
        manifest,
    )


def listed(name: str, items: Iterable[Any], manifest: Manifest) -> Iterator[str]:
    """Yield one JSON object: `export` with the manifest, and the items under a name, one a line."""
    yield f'{{"export":{_dumped(manifest.to_json())},\n"{name}":['
    comma = "\n"
    for item in items:
        look()
        yield comma + _dumped(item)
        comma = ",\n"
    yield "\n]}\n"


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def _cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int):
        return str(cell)
    text = shown_text(cell, ltr=False)
    text = _BEHIND.sub(lambda found: f"{found[1]}\\u{ord(found[2]):04x}", text)
    return f"'{text}" if _FORMULA.match(text) else text


def _line(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()
