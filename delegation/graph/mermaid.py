"""Mermaid flowcharts. Every character outside a small safe set is written as a numeric entity.

Escaping only quotes lets tags through (measured in Mermaid 11). Mermaid itself is not shipped.
"""

from __future__ import annotations

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


def mermaid(lineage: Lineage) -> str:
    """Return the task's lineage as a left-to-right flowchart."""
    owner = f"owner {clean(lineage.task.owner)}"
    lines = [
        "flowchart LR",
        f'  owner(["{_lines(owner, headline(lineage), subline(lineage))}"])',
    ]
    roots, children = children_of(lineage.links)
    for number, link in enumerate(lineage.links):
        lines.append(f'  n{number}["{_label(link, opening(lineage, link))}"]')
    lines += [f"  owner {_arrow(lineage.links[root])} n{root}" for root in roots]
    for parent, below in enumerate(children):
        lines += [f"  n{parent} {_arrow(lineage.links[child])} n{child}" for child in below]
    return "\n".join(lines) + "\n"


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
