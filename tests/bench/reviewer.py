"""The reviewer's map of a large task: read, chosen, laid out, sent; and in a browser, if there is one."""

from __future__ import annotations

import gzip
import json
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import insert, select
from trees import Tree

from bench import browser, forest
from bench.measure import medians
from bench.row import Row, bounded, rounded
from bench.scene import ACCESS, ISSUER, chain, now, open_scene
from delegation.authority.ids import TaskId
from delegation.graph.engine import render
from delegation.graph.layout import Place, tidy
from delegation.graph.map_json import map_json
from delegation.identity.keyring import KeyRing
from delegation.lineage.analysis.focus import Wanted, focus
from delegation.lineage.entry import Lineage
from delegation.records.lineage.link_cache import LinkCache
from delegation.records.tables.records import DECISIONS
from delegation.tracker import Tracker
from delegation_api.pages.assets import assets

_DENIED = 400  # calls in a large task: more than a map shows
_FIRST = "outline of a task, first look"


def rows(stores: dict[str, str], *, links: int, rounds: int, starts: int) -> list[Row]:
    """Return the rows.

    Args:
        stores: Name of each engine, and the URL of an empty database.
        links: Of the task.
        rounds: Turns of what is done in process.
        starts: How often the service is started for a browser's first look.
    """
    result: list[Row] = []
    for engine, url in stores.items():
        with Tracker.open(url, ring=KeyRing.generate(ISSUER)) as tracker:
            task = _grown(tracker, links)
            result += _looked(tracker, engine, task, links, rounds)
    result += [*_drawn(links, max(2, rounds // 20)), _assets()]
    return result + _in_browser(links, starts)


def _grown(tracker: Tracker, links: int) -> TaskId:
    """Load one task of so many links, some of which had denials."""
    scene = open_scene(tracker)
    found = forest.load(tracker, scene.ceiling, links, at=now(), most=links)
    held = chain(tracker, scene, 2)
    wrong = replace(ACCESS, purpose="elsewhere")
    denied = tracker.check(held.token, held.holder.prove(held.token, wrong), wrong)
    chance = random.Random(3)
    with tracker._store._database.writing() as connection:
        model = connection.execute(select(DECISIONS).where(DECISIONS.c.id == denied.id)).one()
        copies = [
            {
                **model._mapping, "id": f"dec_{n:022d}", "sequence": model.sequence + 1 + n,
                "task": found.tasks[0], "link": link,
            }
            for n, link in enumerate(chance.sample(found.names[:links], min(_DENIED, links // 10)))
        ]  # fmt: skip
        connection.execute(insert(DECISIONS), copies)
    return found.tasks[0]


def _looked(tracker: Tracker, engine: str, task: TaskId, links: int, rounds: int) -> list[Row]:
    """Return what the service does for one look, with and without what it kept of the last."""
    store = tracker._store

    def first() -> None:
        store._caches.stems = LinkCache()
        tracker.outline(task)

    def served() -> bytes:
        return json.dumps(map_json(focus([tracker.outline(task)], Wanted()))).encode()

    taken = medians(
        {_FIRST: first, "the same again": lambda: tracker.outline(task), "focus view as JSON": served},
        rounds=max(2, rounds // 20),
        waits=True,
    )  # fmt: skip
    shown = focus([tracker.outline(task)], Wanted())
    found = [
        Row(
            "reviewer", what, engine, links=links, median_us=rounded(median),
            floor=_FIRST if what == "the same again" else None,
            ratio_to_floor=rounded(median / taken[_FIRST]) if what == "the same again" else None,
        )
        for what, median in taken.items()
    ]  # fmt: skip
    found[-1] = bounded(found[-1], "<= 150 ms")
    sizes = Row("reviewer", "size of a focus view", engine, links=links)
    return [
        *found,
        bounded(replace(sizes, nodes=len(shown.nodes)), "<= 300 nodes"),
        bounded(replace(sizes, bytes=len(served())), "<= 100000 bytes"),
    ]


def _drawn(links: int, rounds: int) -> list[Row]:
    """Return what drawing whole forests takes, as no page does: layout, and `dot`."""
    sizes = {links: 50.0, 5 * links: 300.0}
    found = []
    for size, most in sizes.items():
        heads = _random_tree(size)
        median = medians({"l": lambda heads=heads: laid_out(heads)}, rounds=rounds)["l"]
        row = Row(
            "reviewer", "layout of a whole forest", "server", links=size, median_us=rounded(median)
        )
        found.append(bounded(row, f"<= {most:g} ms"))  # fmt: skip
    count = min(1000, links)
    name = Row("reviewer", "SVG by dot", "Graphviz", links=count)
    if shutil.which("dot") is None:
        return [*found, replace(name, failed="dot is not installed")]
    tree, chance = Tree(), random.Random(5)
    for number in range(count):
        tree.add(f"agent-{number}", chance.choice(tree.links[-200:]) if tree.links else None)
    whole = Lineage(tree.tasks[0], tuple(tree.links), ())
    begun = time.perf_counter()
    picture = render(whole, "svg")
    taken = (time.perf_counter() - begun) * 1e6
    row = replace(name, median_us=rounded(taken), bytes=len(picture))
    return [*found, bounded(row, "<= 2000 ms")]


def _random_tree(count: int) -> Sequence[int]:
    """Return the parent of each node, -1 for the root; 16 deep at most."""
    chance, parents, depths = random.Random(9), [-1], [0]
    for number in range(1, count):
        parent = chance.randrange(max(0, number - 400), number)
        if depths[parent] >= 15:
            parent = 0
        parents.append(parent)
        depths.append(depths[parent] + 1)
    return parents


def laid_out(parents: Sequence[int]) -> list[Place]:
    """Lay out a whole forest."""
    children: list[list[int]] = [[] for _ in parents]
    roots = []
    for number, parent in enumerate(parents):
        (roots if parent < 0 else children[parent]).append(number)
    return tidy(roots, children, [64.0] * len(parents), 12.0)


def _assets() -> Row:
    """Return the size of all scripts and styles as they are sent."""
    sent = sum(
        len(gzip.compress(content))
        for name, (_, content) in assets().items()
        if name.endswith((".js", ".css"))
    )
    row = Row("reviewer", "all scripts and styles, gzipped", "browser", bytes=sent)
    return bounded(row, "<= 40000 bytes")


def _in_browser(links: int, starts: int) -> list[Row]:
    reach = {
        browser.FIRST: "<= 1000 ms", browser.SELECT: "<= 100 ms", browser.EXPAND: "<= 100 ms",
    }  # fmt: skip
    missing = browser.missing()
    if missing:
        return [Row("reviewer", browser.FIRST, "browser", links=links, failed=missing)]
    with tempfile.TemporaryDirectory(prefix="delegation-bench-") as place:
        folder = Path(place)
        store, ring = f"sqlite:///{folder / 's.db'}", folder / "ring.json"
        with Tracker.open(store, ring_file=ring, issuer=ISSUER) as tracker:
            task = _grown(tracker, links)
            key = tracker.create_api_key("reviewer", "reviewer")
        taken = browser.looks(store, ring, task, key, starts=starts)
    floor = statistics.median(taken[browser.LOGIN])
    found = []
    for what, times in taken.items():
        median = statistics.median(times)
        row = Row(
            "reviewer", what, "browser", links=links, median_us=rounded(median),
            floor=None if what == browser.LOGIN else browser.LOGIN,
            ratio_to_floor=None if what == browser.LOGIN else rounded(median / floor),
        )  # fmt: skip
        found.append(bounded(row, reach[what]) if what in reach else row)
    return found
