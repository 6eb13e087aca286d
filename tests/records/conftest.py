"""The store's facts hold on both engines: every test here that takes a world runs twice.

Both run one text of statements. In `make test` a file about what is recorded has one test on PostgreSQL,
and a file about what an engine does (locks, isolation, types, bytes) has them all; `make thorough` plays
the rest.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from backups import Backups
from keeping import Kept
from world import NOW, TOOLS, World

from delegation.identity.keyring import KeyRing

ENGINES = ("sqlite", "postgres")
ABOUT_ENGINES = {
    "announced", "backup", "journal", "flow_processes", "growth_processes", "line_processes", "lock_order", "log_crash", "lost_ring",
    "migrations", "moments", "path", "reservations", "rings_of_stores", "standing", "store", "unwanted", "values_as_sent",
    "writer", "writer_faults",
}  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave what a file records on PostgreSQL to `make thorough`, but for its first test."""
    seen: set[str] = set()
    for item in items:
        name, spec = item.path.stem.removeprefix("test_"), getattr(item, "callspec", None)
        if item.path.parent != Path(__file__).parent or name in ABOUT_ENGINES or spec is None:
            continue
        if spec.params.get("engine") == "postgres":
            if name in seen:
                item.add_marker(pytest.mark.thorough)
            seen.add(name)


@pytest.fixture(params=ENGINES)
def engine(request) -> str:
    """Return the name of the engine."""
    return request.param


@pytest.fixture
def url(engine, request, tmp_path) -> str:
    """Return the URL of an empty, migrated store that outlives its connections."""
    if engine == "sqlite":
        return f"sqlite:///{tmp_path / 's.db'}"
    return request.getfixturevalue("server").new_database("t1")


@pytest.fixture
def filed(url):
    """Return a world whose store outlives its connections."""
    world = World(url=url)
    yield world
    world.tracker.close()


@pytest.fixture
def world(engine, request):
    """Return a world: in memory, or on PostgreSQL."""
    found = World() if engine == "sqlite" else World(url=request.getfixturevalue("url"))
    yield found
    found.tracker.close()


@pytest.fixture
def kept(engine: str, url: str, tmp_path: Path, request) -> Kept:
    """Return a store in a file, or on a server, with a task and its tools."""
    server = request.getfixturevalue("server") if engine == "postgres" else None
    world = World.__new__(World)
    world.at, world.keys, world.url = NOW, {}, url
    found = Kept(tmp_path, url, Backups(engine, url, tmp_path, server), world)
    KeyRing.generate("https://authority.acme.example").save(found.ring)
    world.tracker = found.open()
    for tool in TOOLS:
        world.tracker.add_tool(tool)
    world.task = world.open()
    yield found
    world.tracker.close()
