"""`delegation db`: which revision the database is at, and bringing it to this program's."""

from __future__ import annotations

from contextlib import closing

import typer

from delegation.cli.console import OUT, StoreOption, default_store, refusing
from delegation.embedded import store_url
from delegation.records import migrate
from delegation.records.database import Database

app = typer.Typer(no_args_is_help=True)


@app.command("current")
def current(*, store: StoreOption = None) -> None:
    """Print the database's revision and this program's."""
    with refusing(), closing(Database(store_url(store or default_store()))) as database:
        found = migrate.current(database)
        OUT.print(f"database {found or 'empty'}, program {migrate.head()}", markup=False)


@app.command("upgrade")
def upgrade(*, store: StoreOption = None) -> None:
    """Bring the database to this program's revision. Make a backup first."""
    with refusing(), closing(Database(store_url(store or default_store()))) as database:
        migrate.upgrade(database)
        OUT.print(f"The database is at revision {migrate.head()}.", markup=False)
