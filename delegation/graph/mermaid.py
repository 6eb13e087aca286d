"""Writes Mermaid flowcharts. Every character outside a small safe set becomes a numeric entity.

Escaping only quotes lets tags through (measured in Mermaid 11). Mermaid itself is not shipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from delegation.graph.model import (
    STANDING_WORDS,
    children_of,
    headline,
    narrowed,
    opening,
    subline,
)
from delegation.graph.names import claim, clean, holder
from delegation.lineage.entry import Lineage, LinkEntry

_SAFE: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 _-.")
_SHOWN: Final = 4


def mermaid(*forest: Lineage, notes: Sequence[str] = ()) -> str:
    """Return lineages as a left-to-right flowchart.

    Args:
        *forest: One task's, or several.
        notes: Comment lines that say what it is. Escaped too: Mermaid reads directives in comments.
    """
    lines = ["flowchart LR", *(f"  %% {_escaped(clean(note, 400))}" for note in notes)]
    first = 0
    for tree, lineage in enumerate(forest):
        owner = "owner" if tree == 0 else f"owner{tree}"
        lines += _tree(lineage, owner, first)
        first += len(lineage.links)
    return "\n".join(lines) + "\n"


def _tree(lineage: Lineage, owner: str, first: int) -> list[str]:
    name = f"owner {clean(lineage.task.owner)}"
    lines = [f'  {owner}(["{_lines(name, headline(lineage), subline(lineage))}"])']
    roots, children = children_of(lineage.links)
    for number, link in enumerate(lineage.links, start=first):
        lines.append(f'  n{number}["{_label(link, opening(lineage, link))}"]')
    lines += [f"  {owner} {_arrow(lineage.links[root])} n{first + root}" for root in roots]
    for parent, below in enumerate(children, start=first):
        lines += [f"  n{parent} {_arrow(lineage.links[one])} n{first + one}" for one in below]
    return lines


def _arrow(link: LinkEntry) -> str:
    changes = narrowed(link)
    shown = [
        *changes[:_SHOWN],
        *([f"and {len(changes) - _SHOWN} more"] if len(changes) > _SHOWN else []),
    ]
    line = "-->" if link.standing == "active" else "-.->"
    return f'{line}|"{_lines(*shown)}"|' if shown else line


def _label(link: LinkEntry, opened: str) -> str:
    counts = link.decisions
    return _lines(
        holder(link),
        claim(link),
        link.holder_fingerprint,
        opened,
        "" if link.standing == "active" else STANDING_WORDS[link.standing].upper(),
        "inferred" if link.inferred else "",
        f"{counts.allowed} allowed, {counts.denied} denied"
        if counts.allowed + counts.denied
        else "",
    )


def _lines(*texts: str) -> str:
    return "<br/>".join(_escaped(clean(text, 120)) for text in texts if text)


def _escaped(text: str) -> str:
    return "".join(c if c in _SAFE else f"#{ord(c)};" for c in text)
