"""Places a tidy tree by contour packing: columns by depth, no box on another, O(links x depth).

Each subtree is packed as high as its outline allows beside the one before it, so a leaf slides up
beside its sibling's subtree. A parent stands at the middle of its children, but on the selected path
at the height of its child there: the path is one straight line. Iterative and deterministic: the same
forest gives the same picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from delegation.cancellation import look


@dataclass(frozen=True, slots=True)
class Place:
    """Where one node stands.

    Args:
        column: Its depth below the roots.
        top: Distance of its upper edge from the picture's, in the units of the heights.
    """

    column: int
    top: float


def tidy(
    roots: Sequence[int],
    children: Sequence[Sequence[int]],
    heights: Sequence[float],
    gap: float,
    path: AbstractSet[int] = frozenset(),
) -> list[Place]:
    """Return a place for every node.

    Args:
        roots: Indices of the roots, in drawing order.
        children: For each node its children, in drawing order.
        heights: For each node its height.
        gap: Least distance between two nodes of one column.
        path: Nodes from a root to the selected one; their middles stand at one height.
    """
    columns, order = _depth_first(roots, children)
    offset = [0.0] * len(heights)  # of a node's top within the frame of its parent's subtree
    # For each finished subtree: per level below its root, the outline's top and bottom.
    outlines: dict[int, list[tuple[float, float]]] = {}
    for node in reversed(order):
        merged = _pack(children[node], outlines, offset, gap)
        height = heights[node]
        top = 0.0
        if children[node]:
            first, last = children[node][0], children[node][-1]
            if node in path:
                on_path = (child for child in children[node] if child in path)
                first = next(on_path, first)
                last = first if first in path else last
            middle = (offset[first] + offset[last] + heights[last]) / 2
            top = middle - height / 2
        for child in children[node]:
            offset[child] -= top
        outlines[node] = [
            (0.0, height),
            *((low - top, high - top) for low, high in merged),
        ]
    _pack(roots, outlines, offset, gap)
    tops = list(offset)
    for node in order:
        for child in children[node]:
            tops[child] = tops[node] + offset[child]
    least = min(tops, default=0.0)
    return [Place(columns[node], tops[node] - least) for node in range(len(heights))]


def _depth_first(
    roots: Sequence[int], children: Sequence[Sequence[int]]
) -> tuple[list[int], list[int]]:
    columns = [0] * len(children)
    order: list[int] = []
    stack = list(reversed(roots))
    while stack:
        node = stack.pop()
        order.append(node)
        for child in reversed(children[node]):
            columns[child] = columns[node] + 1
            stack.append(child)
    return columns, order


def _pack(
    siblings: Sequence[int],
    outlines: dict[int, list[tuple[float, float]]],
    offset: list[float],
    gap: float,
) -> list[tuple[float, float]]:
    """Move each sibling's subtree below the ones before it; return their common outline."""
    merged: list[tuple[float, float]] = []
    look()
    for sibling in siblings:
        outline = outlines.pop(sibling)
        shift = max(
            (
                merged[level][1] + gap - outline[level][0]
                for level in range(min(len(merged), len(outline)))
            ),
            default=0.0,
        )
        offset[sibling] += shift
        for level, (low, high) in enumerate(outline):
            if level < len(merged):
                merged[level] = (merged[level][0], high + shift)
            else:
                merged.append((low + shift, high + shift))
    return merged
