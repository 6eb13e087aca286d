"""Offers a task's lineage in every form that needs no program to draw."""

from __future__ import annotations

from dataclasses import dataclass

from delegation.canonical import Json
from delegation.graph.dot import dot_source
from delegation.graph.mermaid import mermaid
from delegation.graph.model import graph_json
from delegation.graph.svg import svg
from delegation.graph.text import text_tree
from delegation.lineage.entry import Lineage


@dataclass(frozen=True, slots=True)
class LineageView:
    """A lineage and its drawings. Names in it are hostile text and are drawn literally."""

    entry: Lineage

    def as_text(self) -> str:
        """Return a tree for a terminal."""
        return text_tree(self.entry)

    def as_svg(self) -> str:
        """Return the built-in drawing; needs no program."""
        return svg(self.entry)

    def as_mermaid(self) -> str:
        """Return a Mermaid flowchart."""
        return mermaid(self.entry)

    def as_dot(self) -> str:
        """Return Graphviz source.

        Raises:
            MissingExtraError: The extra `render` is not installed.
        """
        return dot_source(self.entry)

    def as_json(self) -> dict[str, Json]:
        """Return nodes, edges and counts, the model behind every drawing."""
        return graph_json(self.entry)
