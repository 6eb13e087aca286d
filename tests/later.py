"""A later release of this program: its files, and one migration more, which notes where the older ones ended."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, create_engine, text
from under_fault import Place

from delegation.distribution import NAME, VERSION
from delegation.records.schema import migrate

ROOT = Path(__file__).parents[1]
REVISION = "0999"
_MIGRATION = f'''"""Notes which decision is the last one of the releases before."""

import sqlalchemy as sa
from alembic import op

revision = "{REVISION}"
down_revision = "{migrate.head()}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE before AS SELECT coalesce(max(sequence), 0) AS last FROM decision")
    op.add_column("decision", sa.Column("later", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("decision", "later")
    op.drop_table("before")
'''


@functools.cache
def release() -> Path:
    """Return the folder of a later release, for PYTHONPATH; its programs are started cold."""
    folder = Path(tempfile.mkdtemp(prefix="delegation-later-"))
    for name in ("delegation", "api/delegation_api"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
        )
    versions = folder / "delegation/records/schema/migrations/versions"
    (versions / f"{REVISION}_later.py").write_text(_MIGRATION)
    installed = (
        folder / f"delegation_chain-{VERSION}.dist-info"
    )  # else nobody knows whose code runs
    installed.mkdir()
    (installed / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n"
    )
    return folder


def environment(**more: str) -> dict[str, str]:
    """Return the environment in which Python runs it."""
    found = release()
    return {**os.environ, "PYTHONPATH": f"{found}{os.pathsep}{found / 'api'}", **more}


@contextmanager
def connected(place: Place) -> Iterator[Connection]:
    """Open a transaction on a store from outside the product."""
    engine = create_engine(place.url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def executed(place: Place, statement: str) -> None:
    """Run a statement, as another release would."""
    with connected(place) as connection:
        connection.execute(text(statement))


def upgraded(place: Place) -> None:
    """Let a later release bring the store to its revision, as an operator does."""
    found = subprocess.run(
        [sys.executable, "-m", "delegation.cli", "db", "upgrade", "--store", place.url, "--json"],
        cwd=place.folder, env=environment(), capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout) == {"database": REVISION}


def scalar_of(place: Place, statement: str) -> int:
    """Return one number."""
    with connected(place) as connection:
        found: int = connection.execute(text(statement)).scalar_one()
    return found
