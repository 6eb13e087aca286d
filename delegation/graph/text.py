"""Draws lineage as a text tree on a terminal, legible without colour."""

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
from delegation.graph.names import claim, clean, cut, folded, holder, width
from delegation.lineage.entry import DecisionEntry, Lineage, LinkEntry

_WIDTH: Final = 100  # columns
_LEAST: Final = 24  # columns of a name; what follows it is never cut off
_SHOWN: Final = 6  # changes of one link; the rest is counted
_DENIALS: Final = 5  # denied calls listed under one link; the rest is counted


def text_tree(lineage: Lineage) -> str:
    """Return the task's lineage as a tree of lines, child tasks beneath their openers.

    Each link shows its holder, key fingerprint and standing, what it narrowed, how many calls were
    allowed and denied under it, and why calls were denied.
    """
    lines = [headline(lineage), subline(lineage), cut(f"owner {clean(lineage.task.owner)}", _WIDTH)]
    roots, children = children_of(lineage.links)
    denials: dict[str, list[DecisionEntry]] = {}
    for decision in lineage.calls:
        if not decision.allowed and decision.link is not None:
            denials.setdefault(decision.link, []).append(decision)
    stack = [(node, "", node == roots[-1]) for node in reversed(roots)]
    while stack:
        node, indent, is_last = stack.pop()
        link = lineage.links[node]
        below = indent + ("   " if is_last else "│  ")
        branch = f"{indent}{'└─' if is_last else '├─'} "
        lines.append(branch + _head(link, _WIDTH - width(branch)))
        body = below + ("│  " if children[node] else "   ")
        opened = [opening(lineage, link)] if link.under is not None else []
        told = [*filter(None, opened), *_body(link, denials.get(link.id, []))]
        lines += [cut(f"{body}{line}", _WIDTH) for line in told]
        last = children[node][-1] if children[node] else None
        stack += [(child, below, child == last) for child in reversed(children[node])]
    return "\n".join(lines) + "\n"


def _head(link: LinkEntry, columns: int) -> str:
    """Return a link's line: fingerprint and standing are whole, the name gives way to them."""
    standing = "" if link.standing == "active" else f"  [{STANDING_WORDS[link.standing].upper()}]"
    inferred = "  (inferred)" if link.inferred else ""
    rest = f"  {link.holder_fingerprint}{standing}{inferred}"
    room = max(_LEAST, columns - width(rest))
    if link.registered:
        return cut(folded(link.holder_name, room), room) + rest
    return cut(f"{holder(link)} {claim(link)}", room) + rest


def _body(link: LinkEntry, denied: list[DecisionEntry]) -> list[str]:
    lines = narrowed(link)
    if len(lines) > _SHOWN:
        lines = [*lines[:_SHOWN], f"and {len(lines) - _SHOWN} more"]
    if link.ended_by and link.standing in {"revoked", "suspended"}:
        lines.append(f"ended by the revocation of {clean(link.ended_by)}")
    counts = link.decisions
    if counts.allowed or counts.denied:
        lines.append(f"calls: {counts.allowed} allowed, {counts.denied} denied")
    for decision in denied[:_DENIALS]:
        lines.append(f"✕ step {decision.step} {clean(decision.code or '')}: {clean(decision.tool)}")
    if len(denied) > _DENIALS:
        lines.append(f"✕ and {len(denied) - _DENIALS} more denied")
    return lines
