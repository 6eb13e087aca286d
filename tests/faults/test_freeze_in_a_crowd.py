"""`delegation freeze` on the store itself, while everybody else is at it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack, suppress

import psycopg
import pytest
from load import Load, call
from postgres import Server
from under_fault import Place, until

_RESERVED = "ALTER SYSTEM SET reserved_connections = {}".format


def frozen(place: Place, url: str) -> subprocess.CompletedProcess[str]:
    """Freeze everything from the command line."""
    return subprocess.run(
        [sys.executable, "-m", "delegation.cli", "freeze", "--reason", "now", "--store", url, "--json"],
        cwd=place.folder, capture_output=True, text=True, timeout=280, check=False,
        env={**os.environ, "DELEGATION_RING": str(place.folder / "ring.json")},
    )  # fmt: skip


def test_a_freeze_has_its_turn_among_writers(on_sqlite: Place) -> None:
    """A service writes all the time, and the command comes in between; from then on all is refused."""
    on_sqlite.task = on_sqlite.world.open(budget={"calls": 20_000})
    leaves = on_sqlite.leaves(20_000, 10_000, 10_000)
    service = on_sqlite.serving()
    service.start()
    asks = Load(
        [service.port], on_sqlite.key, lambda n: call(*leaves[n % 2]), callers=16, most=9000
    )
    with asks as load:
        load.wait_for(60)
        found = frozen(on_sqlite, on_sqlite.url)
        assert found.returncode == 0, found.stderr
        assert until(lambda: load.answers[-1].code == "frozen")
    assert service.end() == 0


@pytest.mark.thorough
def test_a_freeze_has_a_connection_that_nobody_else_takes(
    on_postgres: Place, server: Server
) -> None:
    """All of a server's connections are taken; a role with a right to reserved ones freezes all the same."""
    server.execute(_RESERVED(5))
    server.stop("fast")
    server.start()
    try:
        for statement in (
            "DROP ROLE IF EXISTS crowd", "CREATE ROLE crowd LOGIN",
            "DO $$ BEGIN CREATE ROLE emergency LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
            "GRANT pg_use_reserved_connections TO emergency",
        ):  # fmt: skip
            server.execute(statement)
        with psycopg.connect(on_postgres.url, autocommit=True) as connection:
            connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO emergency")
            connection.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO emergency")
        crowd = server.url().replace("postgres@", "crowd@")
        with ExitStack() as stack:
            with suppress(psycopg.OperationalError):
                while True:
                    stack.enter_context(psycopg.connect(crowd))
            refused = frozen(on_postgres, on_postgres.url.replace("postgres@", "crowd@"))
            assert refused.returncode == 1
            assert json.loads(refused.stderr)["code"] == "store_unavailable"
            found = frozen(on_postgres, on_postgres.url.replace("postgres@", "emergency@"))
            assert found.returncode == 0, found.stderr
    finally:
        server.execute("ALTER SYSTEM RESET reserved_connections")
        server.stop("fast")
        server.start()
