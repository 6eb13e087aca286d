"""Draws a whole forest at a glance: every link as a small mark, in numbers for a canvas.

No names and no ids: what is drawn is a place and a standing, and the n-th link of a task is found by
its number, which recording fixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor
from typing import Final, get_args

from delegation.canonical import Json
from delegation.graph.layout import tidy
from delegation.lineage.entry import Standing
from delegation.lineage.outline import LinkOutline, TaskOutline

STANDINGS: Final[tuple[Standing, ...]] = get_args(Standing)
ROW: Final = 2  # units of height: a parent may stand between two rows
DENIED, WAITING, WRITES, TASK = 8, 16, 32, 64  # beside the standing's index, 0 to 7


@dataclass(frozen=True, slots=True)
class Overview:
    """Places and marks of tasks and links, a task before its links.

    Args:
        tasks: For each task its index among the marks; its links follow in recorded order.
        parents: For each mark the index of what it hangs under, its own for a task.
        columns: For each mark its column; a task stands in the first.
        rows: For each mark the upper edge, in `1 / ROW` of a row.
        marks: For each mark the index of its standing, with bits for denials, waiting requests,
            more than reading, and a task.
    """

    tasks: tuple[int, ...]
    parents: tuple[int, ...]
    columns: tuple[int, ...]
    rows: tuple[int, ...]
    marks: tuple[int, ...]

    def as_json(self) -> dict[str, Json]:
        """Return it for a script. Parents as distances: small numbers are short."""
        return {
            "row": ROW,
            "standings": list(STANDINGS),
            "width": max(self.columns, default=-1) + 1,
            "height": max(self.rows, default=-ROW) + ROW,
            "tasks": list(self.tasks),
            "parents": [number - above for number, above in enumerate(self.parents)],
            "columns": list(self.columns),
            "rows": list(self.rows),
            "marks": list(self.marks),
        }


def overview(forest: Sequence[TaskOutline]) -> Overview:
    """Return places of everything, packed by outline. Nothing is left out.

    Args:
        forest: Tasks in drawing order.
    """
    tasks: list[int] = []
    parents: list[int] = []
    marks: list[int] = []
    for task in forest:
        root = len(parents)
        tasks.append(root)
        parents.append(root)
        marks.append(TASK)
        index = {link.id: root + n for n, link in enumerate(task.links, start=1)}
        for link in task.links:
            # A link of which nothing above is here hangs under its task: never lost.
            parents.append(index.get(link.above, root) if link.above is not None else root)
            marks.append(mark(link))
    children: list[list[int]] = [[] for _ in parents]
    for number, above in enumerate(parents):
        if above != number:
            children[above].append(number)
    places = tidy(tasks, children, [1.0] * len(parents), 0.0)
    return Overview(
        tuple(tasks),
        tuple(parents),
        tuple(place.column for place in places),
        # Rounded down alike: what stands a row apart stays a row apart.
        tuple(floor(place.top * ROW + 0.5) for place in places),
        tuple(marks),
    )


def mark(link: LinkOutline) -> int:
    """Return a link's standing and flags in one number."""
    return (
        STANDINGS.index(link.standing)
        | (DENIED if link.denied else 0)
        | (WAITING if link.waiting else 0)
        | (WRITES if link.can_write else 0)
    )
