"""Tells and upgrades the database's revision, and erases old arguments: `delegation db`."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from delegation.cli.console import JsonOption, fail, note, tell
from delegation.cli.source import StoreOption, default_store, existing, opened_store
from delegation.commands.retention import DAY, MIN_DAYS
from delegation.errors import LogStoppedError
from delegation.records.engine.database import Database
from delegation.records.schema import migrate
from delegation.tracker import store_url


def erase(
    *,
    before: Annotated[
        str | None, typer.Option(help="Date (2026-01-31) before which decisions were made, UTC.")
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=MIN_DAYS, max=36_500, help="Or their age in days.")
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase arguments, salts and proofs of old decisions, for good. Backups still hold them.

    Who asked for which tool under which links, the outcome, all digests and the log stay.
    """
    if (before is None) == (days is None):
        fail("Give --before or --days.", f"At least {MIN_DAYS} days are kept.")
    instant = int(time.time()) - (days or 0) * DAY if before is None else _instant(before)
    with opened_store(store) as tracker:
        try:
            # What has no place in the log yet keeps its salt until it has.
            tracker.update_log()
        except LogStoppedError as error:
            note(f"{error} What has its place in it is erased all the same.")
        count = tracker.erase(before=instant)
    tell(
        {"erased": count},
        f"Erased arguments, salts and proofs of {count} decisions.",
        as_json=as_json,
    )


def _instant(day: str) -> int:
    try:
        return int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    except ValueError:
        fail("--before is no date.", "Write it as 2026-01-31.", code="malformed")


app = typer.Typer(no_args_is_help=True)


@app.command("current")
def current(*, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Print the database's revision and this program's."""
    place = existing(store or default_store())
    with closing(Database(store_url(place))) as database:
        found = migrate.current(database)
    tell(
        {"database": found, "program": migrate.head()},
        f"database {found or 'empty'}, program {migrate.head()}",
        as_json=as_json,
    )


@app.command("upgrade")
def upgrade(*, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Bring the database to this program's revision; an empty one gets its tables.

    Make a backup first.
    """
    with closing(Database(store_url(store or default_store()))) as database:
        migrate.upgrade(database)
    tell(
        {"database": migrate.head()},
        f"The database is at revision {migrate.head()}.",
        as_json=as_json,
    )


app.command("erase")(erase)
