"""Questions about lineage at growing numbers of links: flat, or not."""

from __future__ import annotations

import itertools
import time

from sqlalchemy import text

from bench import forest
from bench.measure import medians
from bench.row import Row, is_met, rounded
from bench.scene import ISSUER, now, open_scene
from delegation.identity.keyring import KeyRing
from delegation.lineage.filter import LinkFilter
from delegation.tracker import Tracker

REACH_US = {"SQLite": "<= 200", "PostgreSQL": "<= 1000"}
PATH = "ancestors and effective status"
FLOOR = "the recursive statement alone"
_BARE = text("""WITH RECURSIVE up(id, parent, n) AS (
    SELECT id, parent, 0 FROM link WHERE id = :link
    UNION ALL SELECT l.id, l.parent, up.n + 1 FROM link l JOIN up ON l.id = up.parent WHERE up.n < 16
) SELECT id, parent, n FROM up""")


def rows(engine: str, stores: dict[int, str], *, rounds: int) -> list[Row]:
    """Return rows of one engine at each number of links, and how the largest compares.

    Args:
        engine: Its name.
        stores: URL of an empty database for each number of links.
        rounds: Turns of each question.
    """
    result: list[Row] = []
    for count, url in sorted(stores.items()):
        with Tracker.open(url, ring=KeyRing.generate(ISSUER)) as tracker:
            result += _asked(tracker, engine, count, rounds)
    return result + _flatness(result, engine)


def _asked(tracker: Tracker, engine: str, count: int, rounds: int) -> list[Row]:
    task, at = open_scene(tracker), now()
    ceiling = task.ceiling
    begun = time.perf_counter()
    found = forest.load(tracker, ceiling, count, at=at)
    forest.revoke(tracker, found.names[: count // 10], at=at)
    loading = time.perf_counter() - begun
    turn, wide = itertools.cycle(found.deep), itertools.cycle(found.middle)
    fresh = iter(found.names[count // 10 :])
    with tracker._store.read() as reader:
        connection = reader._connection
        subjects = {
            FLOOR: lambda: connection.execute(_BARE, {"link": next(turn)}).all(),
            PATH: lambda: reader.path(next(turn), at=at),
            "ancestors as entries": lambda: reader.ancestors(next(turn), at=at),
            "a link with its status": lambda: reader.link(next(turn), at=at),
            "page of 50 children": lambda: reader.links(LinkFilter(parent=next(wide)), after=None, limit=50, at=at),
        }  # fmt: skip
        if _depth(reader, found.deep[0], at) < 2:
            raise RuntimeError("the forest is flat")
        taken = medians(subjects, rounds=rounds, waits=True)
    # Not interleaved with the readers: it commits.
    revoked = medians(
        {"revoke a link": lambda: tracker.revoke("link", next(fresh), by="op", reason="bench")},
        rounds=min(rounds, 40),
        waits=True,
    )
    made = [
        Row(
            "lineage",
            "forest loaded in bulk",
            engine,
            links=count,
            per_second=rounded(count / loading),
        ),
        Row("lineage", FLOOR, engine, links=count, median_us=rounded(taken[FLOOR])),
    ]
    time_us, reach = rounded(taken[PATH]), REACH_US[engine]
    made.append(
        Row(
            "lineage", PATH, engine, links=count, median_us=time_us, floor=FLOOR,
            ratio_to_floor=rounded(taken[PATH] / taken[FLOOR]), reach=reach + " us", met=is_met(reach, time_us),
        )
    )  # fmt: skip
    for what in ("ancestors as entries", "a link with its status", "page of 50 children"):
        ratio = rounded(taken[what] / taken[FLOOR])
        time_us = rounded(taken[what])
        made += [
            Row(
                "lineage",
                what,
                engine,
                links=count,
                median_us=time_us,
                floor=FLOOR,
                ratio_to_floor=ratio,
            )
        ]
    made.append(
        Row(
            "lineage",
            "revoke a link",
            engine,
            links=count,
            median_us=rounded(revoked["revoke a link"]),
        )
    )
    return made


def _depth(reader, link, at: int) -> int:
    return len(reader.ancestors(link, at=at))


def _flatness(found: list[Row], engine: str) -> list[Row]:
    """Return how much slower the largest forest is than the smallest, for each question."""
    sizes = sorted({row.links for row in found if row.links})
    result = []
    for what in dict.fromkeys(row.what for row in found if row.median_us):
        by = {row.links: row.median_us for row in found if row.what == what}
        result.append(
            Row(
                "flatness", what, engine, links=sizes[-1], floor=f"{sizes[0]} links",
                ratio_to_floor=rounded(by[sizes[-1]] / by[sizes[0]]),
            )
        )  # fmt: skip
    return result
