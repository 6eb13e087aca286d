"""`delegation db erase`: arguments, salts and proofs of old decisions; the log's leaves stay."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from delegation.cli.console import JsonOption, fail, note, print_json, say
from delegation.cli.source import StoreOption, opened_store
from delegation.commands.retention import DAY, MIN_DAYS
from delegation.errors import LogStoppedError


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
    if as_json:
        print_json({"erased": count})
    else:
        say(f"Erased arguments, salts and proofs of {count} decisions.")


def _instant(day: str) -> int:
    try:
        return int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    except ValueError:
        fail("--before is no date.", "Write it as 2026-01-31.", code="malformed")
