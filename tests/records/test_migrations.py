"""The schema's revisions: what the migrations make, what they keep, and which are refused."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest
from below import open_below
from sqlalchemy import inspect
from world import NOW, World

from delegation.errors import SchemaRevisionError
from delegation.records import migrate
from delegation.records.database import Database
from delegation.records.store import open_store
from delegation.records.tables import Table


def test_migrations_make_the_tables_that_the_code_writes(url: str, engine: str) -> None:
    """The migrated schema equals the models, and goes down and up again."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    database = Database(url)
    migrate.prepare(database)
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Table.metadata) == []
    migrate.downgrade(database, "base")
    with database.reading() as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]
    migrate.upgrade(database)
    assert migrate.current(database) == migrate.head()
    database.close()


def test_a_used_store_keeps_every_row_when_it_is_upgraded(filed: World) -> None:
    """Down to each revision since the first release and up again: agents, lines, endings, all of it."""
    world, database = filed, filed.tracker._store._database
    world.tracker.add_agent("a", owner="ana@acme.example", keys=[world.key("a").public])
    token = world.chain("boss", "a")
    renewed = world.tracker.renew(world.root("boss", expires_at=NOW + 100).id)
    open_below(world, token, "a", "sub")
    assert world.check(token, "a")
    world.tracker.revoke("link", renewed.id, by="t")
    world.tracker.create_api_key("ops", "operator")
    tables = [t for t in Table.metadata.sorted_tables if t.name not in {"kept_denial", "marker"}]

    def kept() -> dict[str, list]:
        with database.reading() as connection:
            return {t.name: sorted(map(str, connection.execute(t.select()))) for t in tables}

    before = kept()
    assert all(
        before[name] for name in ("agent", "agent_key", "link", "renewal", "decision", "task")
    )
    for revision in ("0016", "0015", "0014", "0013"):
        migrate.downgrade(database, revision)
        migrate.upgrade(database)
    after = kept()
    # What a revision does not know is computed again, or unknown: the epoch at which a link came.
    for rows in (before, after):
        rows["link"] = [re.sub(r", \d+\)$|, None\)$", ")", row) for row in rows["link"]]
    assert after == before
    assert world.check(token, "a")


def test_an_unknown_revision_refuses_to_start_and_names_the_command(tmp_path) -> None:
    """A database of another release, or of another program, is not touched."""
    filed = World(path=tmp_path / "s.db")
    filed.tracker.close()
    with closing(sqlite3.connect(tmp_path / "s.db", isolation_level=None)) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaRevisionError) as caught:
        open_store(f"sqlite:///{tmp_path / 's.db'}")
    assert "delegation db" in caught.value.remedy
    with closing(sqlite3.connect(tmp_path / "other.db", isolation_level=None)) as raw:
        raw.execute("CREATE TABLE users (id INTEGER)")
    with pytest.raises(SchemaRevisionError):
        open_store(f"sqlite:///{tmp_path / 'other.db'}")
