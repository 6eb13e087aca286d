"""Places the nodes and lines of a map. Sizes in pixels of the unscaled drawing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from delegation.graph.layout import tidy
from delegation.lineage.analysis.focus import Focus, Node

WIDTH: Final = 212  # of a link and a bundle
OWNER_WIDTH: Final = 208
HEIGHT: Final = 64
OPENING: Final = 16  # that the root of a child task is higher: it names the task
BUNDLE_HEIGHT: Final = 46
COLUMN: Final = WIDTH + 46  # with the space in which edges bend
MARGIN: Final = 16
TOP: Final = 40  # below the column heads
_GAP: Final = 12


@dataclass(frozen=True, slots=True)
class Spot:
    """Where one node stands.

    Args:
        x: Its left edge.
        y: Its upper edge.
        width: Its width.
        height: Its height.
    """

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """Where edges meet it."""
        return self.y + self.height / 2

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.width


@dataclass(frozen=True, slots=True)
class Places:
    """A drawing's spots, one for each node, and its size."""

    spots: tuple[Spot, ...]
    width: float
    height: float
    columns: int


def placed(shown: Focus) -> Places:
    """Return a spot for every node."""
    roots = [n for n, node in enumerate(shown.nodes) if node.parent is None]
    children: list[list[int]] = [[] for _ in shown.nodes]
    for number, node in enumerate(shown.nodes):
        if node.parent is not None:
            children[node.parent].append(number)
    heights = [_height(node) for node in shown.nodes]
    path = {n for n, node in enumerate(shown.nodes) if node.on_path}
    places = tidy(roots, children, heights, _GAP, path)
    spots = tuple(
        Spot(MARGIN + place.column * COLUMN, TOP + place.top, _width(node), height)
        for node, place, height in zip(shown.nodes, places, heights, strict=True)
    )
    columns = max((place.column for place in places), default=0) + 1
    bottom = max((spot.y + spot.height for spot in spots), default=TOP)
    return Places(spots, MARGIN * 2 + (columns - 1) * COLUMN + WIDTH, bottom + MARGIN, columns)


def _height(node: Node) -> float:
    if node.bundle is not None:
        return float(BUNDLE_HEIGHT)
    is_opening = node.link is not None and node.link.under is not None
    return float(HEIGHT + OPENING if is_opening else HEIGHT)


def _width(node: Node) -> float:
    return float(OWNER_WIDTH if node.task else WIDTH)
