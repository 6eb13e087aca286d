"""Reads and upgrades the schema's revision, and refuses one that this program does not know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect
from sqlalchemy.exc import SQLAlchemyError

from delegation.commands.retry import tried_again
from delegation.errors import SchemaRevisionError, StoreUnavailableError
from delegation.records.engine import postgres, sqlite
from delegation.records.engine.database import Database
from delegation.records.schema import fresh

_FOLDER: Final = Path(__file__).parent / "migrations"


def head() -> str:
    """Return the revision that this program writes."""
    return fresh.HEAD


def current(database: Database) -> str | None:
    """Return the database's revision, None for one without any.

    Raises:
        StoreUnavailableError: The database does not answer.
    """
    with database.reading() as connection:
        return fresh.revision_in(connection)


def prepare(database: Database) -> None:
    """Bring an empty database to this program's revision; refuse any other that is not there.

    From then on the database is worked with as long as it stays at that revision.

    Raises:
        SchemaRevisionError: Unknown or older revision, or foreign tables; names the command to run.
        StoreUnavailableError: The database does not answer.
    """
    _bring(database)
    database.revision.want(head())


def _bring(database: Database) -> None:
    revision = current(database)
    if revision is None:
        # Alone: another that found it empty too sees the tables when its turn comes.
        with database.writing(alone=True, is_marked=False) as connection:
            revision = fresh.revision_in(connection)
            if revision is None:
                _make(connection)
                return
    if revision == head():
        return
    _refuse_unknown(revision)
    raise SchemaRevisionError(
        f"The database is at revision {revision}, this program needs {head()}.",
        remedy="Make a backup, then run `delegation db upgrade`.",
    )


def _refuse_unknown(revision: str) -> None:
    from alembic.script import ScriptDirectory  # noqa: PLC0415  # slow to start, seldom needed

    known = {script.revision for script in ScriptDirectory(str(_FOLDER)).walk_revisions()}
    if revision not in known:
        raise SchemaRevisionError(
            f"The database is at revision {revision}, which this program does not know.",
            remedy="Install the release that wrote it, or a later one; "
            "`delegation db current` shows both revisions.",
        )


def _make(connection: Connection) -> None:
    if inspect(connection).get_table_names():
        raise SchemaRevisionError(
            "The database has tables that are not this program's.",
            remedy="Name an empty database.",
        )
    fresh.make(connection)


def upgrade(database: Database) -> None:
    """Bring a database to this program's revision, in one transaction that keeps out all who write.

    Services of the release before may run: what they do is done before, or refused.

    Raises:
        SchemaRevisionError: It is at a revision that this program does not know, of a later release.
        StoreUnavailableError: It could not be written; nothing was changed.
    """
    _run(database, "upgrade", "head")


def downgrade(database: Database, revision: str) -> None:
    """Take a database back to an earlier revision; for tests of migrations.

    Raises:
        StoreUnavailableError: It could not be written.
    """
    _run(database, "downgrade", revision)


@tried_again
def _run(database: Database, step: str, revision: str) -> None:
    from alembic import command  # noqa: PLC0415  # slow to start, seldom needed
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    try:
        with _rebuilding(database) as connection:
            if not database.is_sqlite:  # a large table takes longer than a call may
                postgres.lift_deadlines(connection)
                postgres.keep_writers_out(connection)
            if (found := fresh.revision_in(connection)) is not None:
                _refuse_unknown(found)
            config.attributes["connection"] = connection
            getattr(command, step)(config, revision)
    except (SQLAlchemyError, StoreUnavailableError) as error:
        if isinstance(error, StoreUnavailableError) and error.is_undone:
            raise  # somebody else was in the way
        raise StoreUnavailableError(
            "The schema could not be changed; nothing was changed.",
            remedy="See that the disk has room and that no service uses the store, then try again; "
            "else keep the database as it is, and report this with what `delegation db current` says.",
        ) from error


@contextmanager
def _rebuilding(database: Database) -> Iterator[Connection]:
    """Open a transaction in which tables are made anew although rows of others refer to them."""
    kept = database.engine
    if database.is_sqlite and not database.is_memory:  # else it checks whenever a table is dropped
        database.engine = sqlite.make_engine(kept.url, checks_references=False)
    try:
        with database.writing(alone=None, is_marked=False) as connection:
            yield connection
            if (
                database.is_sqlite
                and connection.exec_driver_sql("PRAGMA foreign_key_check").first()
            ):
                raise StoreUnavailableError("A row would refer to what is not there.")
    finally:
        if database.engine is not kept:
            database.engine.dispose()
            database.engine = kept
