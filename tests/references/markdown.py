"""Spells Python's docstrings and plain texts as Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable

_SECTIONS = {"Args": "Arguments", "Returns": "Returns", "Yields": "Yields", "Raises": "Raises"}


def cell(text: str) -> str:
    """Return a text as the cell of a table: one line, its bars escaped."""
    return re.sub(r"\s+", " ", text).strip().replace("|", r"\|")


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Return the lines of a table, none where there are no rows."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    names = list(head)
    return [f"| {' | '.join(names)} |", "|" + "---|" * len(names), *lines, ""] if lines else []


def docstring(text: str | None, only: frozenset[str] | None = None) -> list[str]:
    """Return a docstring in Google's form as paragraphs and lists of its arguments, results and errors.

    Args:
        text: The docstring.
        only: The arguments that there are; None leaves out none.
    """
    lines: list[str] = []
    for block in re.split(r"\n(?=(?:Args|Returns|Yields|Raises):\n)", inspect.cleandoc(text or "")):
        head, _, rest = block.partition(":\n")
        if head not in _SECTIONS:
            lines += [block.strip(), ""]
            continue
        body, *after = re.split(r"\n(?=\S)", rest)
        entries = _entries(body, named=head in {"Args", "Raises"})
        if head == "Args" and only is not None:
            entries = [one for one in entries if one.partition("`")[2].partition("`")[0] in only]
        if entries:
            lines += [f"{_SECTIONS[head]}:", "", *entries, ""]
        lines += [part.strip() for part in after] + [""] * bool(after)
    return lines


def _entries(body: str, *, named: bool) -> list[str]:
    text = inspect.cleandoc("\n" + body)
    if not named:
        return [f"- {cell(text)}"]
    entries = []
    for entry in re.split(r"\n(?=\S)", text):
        name, colon, what = entry.partition(":")
        entries.append(f"- `{name}`: {' '.join(what.split())}" if colon else f"- {entry}")
    return entries
