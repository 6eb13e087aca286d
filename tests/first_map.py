"""How long the first map of a task with many links takes: `PYTHONPATH=tests python -m first_map`.

Prints numbers of one run; nothing here is asserted, a busy machine is slow. What has to hold at any
speed (nodes, bytes) is in tests/graph/test_map.py.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy
from serving import serving
from world import World

from delegation.graph.layout import Place, tidy
from delegation.graph.map_json import map_json
from delegation.lineage.focus import Wanted, focus
from delegation.lineage.outline import LinkOutline
from delegation.records.tables import LINKS

LINKS_WANTED = 10_000
RUNS = 5
_T = TypeVar("_T")


def grown(file: Path, count: int = LINKS_WANTED, seed: int = 1) -> World:
    """Return a world with one task of so many links, as deep and wide as chance makes it.

    All but two are copies of a verified link under made-up ids: reading does not look at signatures.
    """
    world = World(path=file, at=int(time.time()))
    token = world.chain("boss", "a")
    world.check(token, "a")
    world.check(token, "a", world.access("ops.restart", host="h.example"))
    chance = random.Random(seed)
    with world.tracker._store._database.writing() as connection:
        root, model = connection.execute(sqlalchemy.select(LINKS).order_by("sequence")).all()
        known = [(root.id, 0), (model.id, 1)]
        fresh = []
        for number in range(count - 2):
            parent, depth = chance.choice(known[-400:] if chance.random() < 0.7 else known[:50])
            if depth >= 15:
                parent, depth = known[0]
            name = f"lnk_{number:043d}"
            known.append((name, depth + 1))
            changes = {
                "id": name,
                "sequence": model.sequence + 1 + number,
                "parent": parent,
                "depth": depth + 1,
                "holder_name": f"worker-{number}",
                "holder_key": number.to_bytes(32, "big"),
                "payload": model.payload.replace(b'"name":"a"', b'"name":"w%d"' % number),
            }
            fresh.append({**model._mapping, **changes})
        connection.execute(sqlalchemy.insert(LINKS), fresh)
    return world


def best(
    work: Callable[[], _T], clock: Callable[[], float] = time.process_time
) -> tuple[float, _T]:
    """Return the least milliseconds of some runs, of the clock or else of the processor alone."""
    taken = []
    for _ in range(RUNS):
        begun = clock()
        result = work()
        taken.append((clock() - begun) * 1000)
    return round(min(taken), 1), result


def measure(count: int = LINKS_WANTED) -> dict[str, Any]:
    """Return milliseconds and counts of the first map, from the store to a browser that answers."""
    with tempfile.TemporaryDirectory(prefix="delegation-map-") as folder:
        file = Path(folder) / "store.db"
        world = grown(file, count)
        tracker, task = world.tracker, world.task
        read, outline = best(lambda: tracker.outline(task))
        chosen, shown = best(lambda: focus([outline], Wanted()))
        laid, _ = best(lambda: laid_out(outline.links))
        body = json.dumps(map_json(shown)).encode()
        world.tracker.close()
        numbers: dict[str, Any] = {
            "links": count,
            "read_ms": read,
            "focus_ms": chosen,
            "layout_ms": laid,
            "nodes": len(shown.nodes),
            "json_bytes": len(body),
        }
        program = shutil.which("chromium")
        if program is not None:
            numbers.update(in_browser(file, Path(folder), program, str(task.id)))
        return numbers


def laid_out(links: Sequence[LinkOutline]) -> list[Place]:
    """Lay out a whole forest, as no page ever does."""
    index = {link.id: number for number, link in enumerate(links)}
    children: list[list[int]] = [[] for _ in links]
    roots = []
    for number, link in enumerate(links):
        (roots if link.parent is None else children[index[link.parent]]).append(number)
    return tidy(roots, children, [64.0] * len(links), 12.0)


def in_browser(file: Path, folder: Path, program: str, task: str) -> dict[str, Any]:
    """Return milliseconds from asking for the page until its script answers, and of a selection."""
    from playwright.sync_api import sync_playwright

    with serving(file, folder) as told, sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.goto(f"{told['url']}/login")
        page.fill("#key", told["api_keys"]["reviewer"])
        page.click("main button")
        page.wait_for_url(f"{told['url']}/")

        def first() -> int:
            answer = page.goto(f"{told['url']}/tasks/{task}/map")
            page.wait_for_selector('html[data-ready="1"]', state="attached")
            return len(answer.body())

        def select() -> None:
            page.evaluate(
                "() => { const all = [...document.querySelectorAll('#map a.link:not(.chosen)')];"
                " window.wanted = all[all.length - 1].id; all[all.length - 1].dispatchEvent("
                "new MouseEvent('click', {bubbles: true, cancelable: true})) }"
            )
            page.wait_for_function(
                "() => document.querySelector('#map a.chosen')?.id === window.wanted"
            )

        opened, size = best(first, time.perf_counter)
        selected, _ = best(select, time.perf_counter)
        browser.close()
    return {"interactive_ms": opened, "page_bytes": size, "select_ms": selected}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(), indent=2) + "\n")
