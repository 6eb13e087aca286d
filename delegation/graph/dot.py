"""Writes DOT source by the Python `graphviz` package, for static renders and other tools.

Ids are made up, since a colon in a node name becomes a port and invents a node. No text of a user is
an attribute's name, a graph's name or a comment. Labels are composed first and marked last, once:
the package's own mark is lost by any string operation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from delegation.errors import MissingExtraError
from delegation.graph.model import (
    STANDING_WORDS,
    children_of,
    headline,
    narrowed,
    opening,
    subline,
)
from delegation.graph.names import claim, clean, holder
from delegation.lineage.entry import Lineage, LinkEntry, Standing

if TYPE_CHECKING:
    import graphviz

_SHOWN: Final = 4
_STYLE: Final[dict[Standing, str]] = {
    "active": "solid",
    "revoked": "dotted",
    "expired": "dotted",
    "task_closed": "dashed",
    "suspended": "dashed",
}


def dot_source(*forest: Lineage, notes: Sequence[str] = ()) -> str:
    """Return lineages as DOT source.

    Args:
        *forest: One task's, or several.
        notes: Lines that say what it is, as comments and under the title.

    Raises:
        MissingExtraError: The extra `render` is not installed.
    """
    # A backslash at a line's end would join the next line to the comment where cpp runs first.
    said = "".join(f"// {clean(note, 400)}\n".replace("\\", "/") for note in notes)
    return said + str(digraph(*forest, notes=notes).source)


def digraph(*forest: Lineage, notes: Sequence[str] = ()) -> graphviz.Digraph:
    """Return lineages as the package's graph.

    Args:
        *forest: One task's, or several.
        notes: Lines under the title.

    Raises:
        MissingExtraError: The extra `render` is not installed.
    """
    try:
        import graphviz  # noqa: PLC0415  # an optional extra; nothing else here needs it
    except ImportError as error:
        raise MissingExtraError("render", "DOT source") from error

    def label(*texts: str) -> str:
        cleaned = (clean(text, 120) for text in texts if text)
        escaped = (t.replace("\\", "\\\\").replace("&", "&amp;") for t in cleaned)
        marked: str = graphviz.nohtml("\\n".join(escaped))  # a subclass, kept as it is
        return marked

    drawing = graphviz.Digraph(
        graph_attr={"rankdir": "LR", "fontname": "Helvetica", "labelloc": "t", "nodesep": "0.3"},
        node_attr={"shape": "box", "fontname": "Helvetica", "fontsize": "11"},
        edge_attr={"fontname": "Helvetica", "fontsize": "9", "arrowsize": "0.6"},
    )
    titles = [headline(forest[0]), subline(forest[0])] if len(forest) == 1 else []
    drawing.attr(label=label(*titles, *notes))
    first = 0
    for tree, lineage in enumerate(forest):
        owner = "owner" if tree == 0 else f"owner{tree}"
        about = [headline(lineage), lineage.task.id] if len(forest) > 1 else []
        said = label(f"owner {clean(lineage.task.owner)}", *about)
        drawing.node(owner, label=said, shape="oval")
        roots, children = children_of(lineage.links)
        for number, link in enumerate(lineage.links, start=first):
            style = _STYLE[link.standing]
            text = label(*_node(link), opening(lineage, link))
            drawing.node(f"n{number}", label=text, style=style, peripheries=_border(link))
        parents = [(owner, number) for number in roots]
        parents += [(f"n{first + up}", one) for up, below in enumerate(children) for one in below]
        for parent, child in parents:
            link = lineage.links[child]
            changes = narrowed(link)
            more = [f"and {len(changes) - _SHOWN} more"] if len(changes) > _SHOWN else []
            text = label(*changes[:_SHOWN], *more)
            drawing.edge(parent, f"n{first + child}", label=text, style=_STYLE[link.standing])
        first += len(lineage.links)
    return drawing


def _border(link: LinkEntry) -> str:
    """Return how many lines a node's border has: two where calls were denied."""
    return "2" if link.decisions.denied else "1"


def _node(link: LinkEntry) -> list[str]:
    counts = link.decisions
    return [
        holder(link),
        claim(link),
        link.holder_fingerprint,
        "" if link.standing == "active" else STANDING_WORDS[link.standing].upper(),
        "inferred" if link.inferred else "",
        f"{counts.allowed} allowed, {counts.denied} DENIED" if counts.denied else "",
        f"{counts.allowed} allowed" if counts.allowed and not counts.denied else "",
    ]
