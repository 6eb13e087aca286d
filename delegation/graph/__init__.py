"""Draws lineage: pure functions from recorded links to text, SVG, Mermaid and DOT.

Names that agents chose are attacks: they are drawn literally, never as markup, never as a link, and
never lose or invent a node. Every node has a made-up id; every text passes `names.clean`.
"""

from __future__ import annotations

from delegation.graph.assessment import assessment_json, assessment_text, junit
from delegation.graph.dot import dot_source
from delegation.graph.engine import render
from delegation.graph.mermaid import mermaid
from delegation.graph.model import edges, graph_json
from delegation.graph.svg import svg
from delegation.graph.text import text_tree
from delegation.graph.tightening import tightening_json, tightening_text

__all__ = [
    "assessment_json",
    "assessment_text",
    "dot_source",
    "edges",
    "graph_json",
    "junit",
    "mermaid",
    "render",
    "svg",
    "text_tree",
    "tightening_json",
    "tightening_text",
]
