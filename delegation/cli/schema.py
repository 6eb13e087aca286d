"""`delegation db`: which revision the database is at, and bringing it to this program's."""

from __future__ import annotations

from contextlib import closing

import typer

from delegation.cli.console import JsonOption, print_json, say
from delegation.cli.retention import erase
from delegation.cli.source import StoreOption, default_store, existing
from delegation.records.engine.database import Database
from delegation.records.schema import migrate
from delegation.tracker import store_url

app = typer.Typer(no_args_is_help=True)


@app.command("current")
def current(*, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Print the database's revision and this program's."""
    place = existing(store or default_store())
    with closing(Database(store_url(place))) as database:
        found = migrate.current(database)
    if as_json:
        print_json({"database": found, "program": migrate.head()})
    else:
        say(f"database {found or 'empty'}, program {migrate.head()}")


@app.command("upgrade")
def upgrade(*, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Bring the database to this program's revision; an empty one gets its tables.

    Make a backup first.
    """
    with closing(Database(store_url(store or default_store()))) as database:
        migrate.upgrade(database)
    if as_json:
        print_json({"database": migrate.head()})
    else:
        say(f"The database is at revision {migrate.head()}.")


app.command("erase")(erase)
