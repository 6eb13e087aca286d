"""The tables of docs/reference/compatibility.md, written by a whole run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from packaging.version import Version

from matrix.bounds import ROOT, lower, ours
from matrix.resolving import Beside

PAGE: Final = ROOT / "docs" / "reference" / "compatibility.md"


def peers_table(rows: Sequence[Beside]) -> str:
    """Return what installs beside us."""
    lines = ["| beside | version | what of ours it keeps below the newest |", "|---|---|---|"]
    for row in rows:
        kept = ", ".join(f"{name} {version}" for name, version in row.lowered)
        lines.append(f"| {row.peer} | {row.version} | {kept} |")
    return "\n".join(lines) + "\n"


def bounds_table(oldest: Mapping[str, str], newest: Mapping[str, str]) -> str:
    """Return each requirement with both ends that were tested."""
    lines = ["| extra | needs | oldest | newest tried |", "|---|---|---|---|"]
    for name, (extra, one) in ours().items():
        lines.append(f"| {extra or '(none)'} | {one.name} | {oldest[name]} | {newest[name]} |")
    return "\n".join(lines) + "\n"


def save(rows: Sequence[Beside], ends: Mapping[str, tuple[dict[str, str], str]]) -> None:
    """Write both tables into the page, each between its marks."""
    text = PAGE.read_text()
    tables = {
        "peers": peers_table(rows),
        "bounds": bounds_table(ends["oldest"][0], ends["newest"][0]),
    }
    for name, table in tables.items():
        text, count = re.subn(
            rf"(<!-- {name} -->\n).*?(<!-- end -->)",
            rf"\g<1>\n{table}\n\g<2>",
            text,
            flags=re.DOTALL,
        )
        assert count == 1, name
    PAGE.write_text(text)


def read() -> tuple[dict[str, str], dict[str, tuple[str, Version]]]:
    """Return what the page says: peer -> version, and name -> (extra, oldest)."""
    text = PAGE.read_text()
    peers, bounds = (
        [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in re.search(rf"<!-- {name} -->\n(.*?)<!-- end -->", text, re.DOTALL)[
                1
            ].splitlines()
            if line.startswith("| ")
        ][1:]
        for name in ("peers", "bounds")
    )
    return {row[0]: row[1] for row in peers}, {row[1]: (row[0], Version(row[2])) for row in bounds}


def declared() -> dict[str, tuple[str, Version]]:
    """Return what pyproject.toml says in the same form."""
    return {one.name: (extra or "(none)", Version(lower(one))) for extra, one in ours().values()}
