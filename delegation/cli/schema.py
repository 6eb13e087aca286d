"""Tells and upgrades the database's revision, and erases old arguments: `delegation db`."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from delegation.authority.explain import instant as said
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
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Erase nothing, say of how many; by DELEGATION_RETAIN_DAYS if alone."
        ),
    ] = False,
    clock_is_right: Annotated[
        bool,
        typer.Option("--clock-is-right", help="The store was idle for days, the clock is right."),
    ] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase arguments, salts and proofs of old decisions, for good. Backups still hold them.

    Who asked for which tool under which links, the outcome, all digests and the log stay. Refused
    while the clock is more than a day past the newest record, unless you say that it is right.
    """
    if before is None and days is None and dry_run:
        days = _retained()
    if (before is None) == (days is None):
        fail("Give --before or --days.", f"At least {MIN_DAYS} days are kept.")
    instant = int(time.time()) - (days or 0) * DAY if before is None else _instant(before)
    if dry_run:
        with opened_store(store) as tracker:
            count = tracker.erasable(before=instant)
        tell(
            {"erasable": count, "before": instant},
            f"Arguments, salts and proofs of {count} decisions made before {said(instant)} would be "
            "erased.",
            as_json=as_json,
        )
        return
    with opened_store(store) as tracker:
        try:
            # What has no place in the log yet keeps its salt until it has.
            tracker.update_log()
        except LogStoppedError as error:
            note(f"{error} What has its place in it is erased all the same.")
        count = tracker.erase(before=instant, is_clock_right=clock_is_right)
    tell(
        {"erased": count},
        f"Erased arguments, salts and proofs of {count} decisions.",
        as_json=as_json,
    )


def _retained() -> int | None:
    """Return the days that the service's setting keeps; None where it keeps everything."""
    from delegation_api.settings import Settings  # noqa: PLC0415  # an extra

    return Settings().retain_days or None


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
