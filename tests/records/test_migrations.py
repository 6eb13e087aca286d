"""The schema's revisions: what the migrations make, what they keep, and which are refused."""

from __future__ import annotations

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier

import pytest
from below import open_below
from sqlalchemy import MetaData, inspect
from sqlalchemy import Table as CoreTable
from world import NOW, World

from delegation.errors import SchemaRevisionError
from delegation.records.engine.database import Database
from delegation.records.schema import migrate
from delegation.records.store import open_store
from delegation.records.tables.records import Table

# Rates, and what the next opening tells again: which keys the ring has.
# What a revision does not know is not there after it: of endings, those that are noted anew.
_NOT_KEPT = {"ending", "kept_denial", "marker", "ring_key", "ring_holder"}


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


def _default(said: str | None) -> str | None:
    """Return a default as it stands in the statement, not with the type that PostgreSQL adds."""
    return said if said is None or "nextval" in said else said.partition("::")[0]


def _drawn(database: Database) -> dict[str, object]:
    """Return a schema and its rows, but for the columns' order."""
    with database.reading() as connection:
        found = inspect(connection)
        tables = found.get_table_names()
        drawn: dict[str, object] = {
            table: {
                "columns": sorted(
                    (c["name"], str(c["type"]), c["nullable"], _default(c["default"]))
                    for c in found.get_columns(table)
                ),
                "key": found.get_pk_constraint(table),
                "references": sorted(map(str, found.get_foreign_keys(table))),
                "uniques": sorted(map(str, found.get_unique_constraints(table))),
                "checks": sorted(map(str, found.get_check_constraints(table))),
                "indexes": sorted(map(str, found.get_indexes(table))),
                "rows": sorted(map(str, connection.execute(_rows(connection, table)).mappings())),
            }
            for table in tables
        }
        if database.is_sqlite:
            query = "SELECT type || name FROM sqlite_master"
        else:
            query = (
                "SELECT relkind::text || relname::text || coalesce(reloptions::text, '') FROM pg_class"
                " WHERE relnamespace = 'public'::regnamespace"
            )
        drawn["all"] = sorted(connection.exec_driver_sql(query).scalars())
    return drawn


def _rows(connection, table: str):
    known = Table.metadata.tables.get(table)
    if known is None:
        known = CoreTable(table, MetaData(), autoload_with=connection)
    return known.select()


def test_an_empty_database_gets_at_once_what_all_migrations_make(
    url: str, engine: str, tmp_path, request
) -> None:
    """Tables, checks, indexes, first rows and the revision are the same both ways."""
    from alembic.script import ScriptDirectory

    other = (
        f"sqlite:///{tmp_path / 'other.db'}"
        if engine == "sqlite"
        else request.getfixturevalue("server").new_database()
    )
    drawn = []
    for place, bring in ((url, migrate.prepare), (other, migrate.upgrade)):
        database = Database(place)
        if engine == "postgres" and place == url:  # the fixture's template is filled already
            migrate.downgrade(database, "base")
            with database.writing(is_marked=False) as connection:
                connection.exec_driver_sql("DROP TABLE alembic_version")
        bring(database)
        drawn.append(_drawn(database))
        database.close()
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) > 30
    assert ScriptDirectory(str(migrate._FOLDER)).get_heads() == [migrate.head()]


def test_all_who_open_an_empty_store_at_once_find_it_made(engine: str, tmp_path, request) -> None:
    """Whoever comes second sees the tables when its turn comes."""
    url = (
        f"sqlite:///{tmp_path / 's.db'}"
        if engine == "sqlite"
        else request.getfixturevalue("server").new_database()
    )
    together = Barrier(4)

    def opened(_: int) -> str | None:
        database = Database(url)
        with closing(database):
            together.wait()
            migrate.prepare(database)
            return migrate.current(database)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(opened, range(4))) == [migrate.head()] * 4


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
    tables = [t for t in Table.metadata.sorted_tables if t.name not in _NOT_KEPT]

    def kept() -> dict[str, list]:
        with database.reading() as connection:
            rows = {t.name: sorted(map(str, connection.execute(t.select()))) for t in tables}
        # A transaction's own mark goes with one that comes after it.
        rows["batch"] = [row for row in rows["batch"] if "'txn_" not in row]
        return rows

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
        rows["numbers"] = [row for row in rows["numbers"] if "'ending'" not in row]
        rows["log_state"], rows["log_pending"] = (
            [],
            [r for r in rows["log_pending"] if "change" not in r],
        )
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
