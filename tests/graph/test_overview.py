"""Overviews: for any forest every link is drawn once, beside no other, under its parent."""

from __future__ import annotations

import itertools
import json

from graph.test_map import TASK as ENTRY
from graph.test_map import forests, link
from hypothesis import given, settings
from hypothesis import strategies as st

from delegation.graph.overview import DENIED, ROW, STANDINGS, TASK, WAITING, WRITES, overview
from delegation.lineage.outline import TaskOutline, by_depth


@settings(max_examples=50, deadline=None)
@given(forest=st.lists(forests(), max_size=3))
def test_every_link_is_drawn_once_under_its_parent(forest: list[TaskOutline]) -> None:
    """Marks are tasks and links in recorded order, each hanging under what its record says."""
    drawn = overview(forest)
    total = sum(len(task.links) + 1 for task in forest)
    assert len(drawn.marks) == len(drawn.parents) == len(drawn.rows) == total
    for root, task in zip(drawn.tasks, forest, strict=True):
        assert drawn.marks[root] == TASK
        numbers = {one.id: root + n for n, one in enumerate(task.links, start=1)}
        for one in task.links:
            number = numbers[one.id]
            assert drawn.parents[number] == (numbers[one.parent] if one.parent else root)
            assert drawn.columns[number] == one.depth + 1
            said = drawn.marks[number]
            assert STANDINGS[said & 7] == one.standing
            assert bool(said & DENIED) == (one.denied > 0)
            assert bool(said & WAITING) == (one.waiting > 0)
            assert bool(said & WRITES) == one.can_write


@settings(max_examples=50, deadline=None)
@given(forest=st.lists(forests(), max_size=3))
def test_no_mark_lies_on_another(forest: list[TaskOutline]) -> None:
    """In one column two marks are at least a row apart, after rounding too."""
    drawn = overview(forest)
    columns: dict[int, list[int]] = {}
    for column, row in zip(drawn.columns, drawn.rows, strict=True):
        assert row >= 0
        columns.setdefault(column, []).append(row)
    for rows in columns.values():
        rows.sort()
        assert all(below - above >= ROW for above, below in itertools.pairwise(rows))


@settings(max_examples=50, deadline=None)
@given(forest=forests())
def test_the_table_counts_every_link(forest: TaskOutline) -> None:
    """The table beside the drawing adds up to what is drawn."""
    depths = by_depth(forest.links)
    assert sum(one.links for one in depths) == len(forest.links)
    assert all(sum(one.standings.values()) == one.links for one in depths)
    assert sum(one.denied for one in depths) == sum(o.denied > 0 for o in forest.links)
    assert [one.depth for one in depths] == sorted({o.depth for o in forest.links})


def test_a_link_without_its_parent_hangs_under_its_task() -> None:
    """What a reading leaves without a parent is drawn all the same."""
    drawn = overview([TaskOutline(ENTRY, (link(7, 3, depth=2),))])
    assert drawn.parents == (0, 0)


def test_numbers_only() -> None:
    """No name and no id is in it, so a page may carry it as it is; fifty thousand stay below 1 MB."""
    links = [link(0), *(link(n, (n - 1) // 3, depth=1) for n in range(1, 50_000))]
    said = overview([TaskOutline(ENTRY, tuple(links))]).as_json()
    assert said.pop("standings") == list(STANDINGS)
    for value in said.values():
        assert isinstance(value, int) or all(isinstance(one, int) for one in value)
    assert len(json.dumps(said, separators=(",", ":"))) < 1_000_000
