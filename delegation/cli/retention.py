"""`delegation db erase`: arguments, salts and proofs of old decisions; the log's leaves stay."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from delegation.cli.console import OUT, StoreOption, fail, opened
from delegation.errors import LogStoppedError
from delegation.tracker.retention import DAY, MIN_DAYS


def erase(
    *,
    before: Annotated[
        str | None, typer.Option(help="Date (2026-01-31) before which decisions were made, UTC.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=MIN_DAYS, help="Or their age in days.")] = None,
    store: StoreOption = None,
) -> None:
    """Erase arguments, salts and proofs of old decisions, for good. Backups still hold them.

    Who asked for which tool under which links, the outcome, all digests and the log stay.
    """
    if (before is None) == (days is None):
        fail("Give --before or --days.", f"At least {MIN_DAYS} days are kept.")
    if before is None:
        instant = int(time.time()) - int(days or 0) * DAY
    else:
        try:
            instant = int(datetime.strptime(before, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
        except ValueError:
            fail("--before is no date.", "Write it as 2026-01-31.")
    with opened(store) as tracker:
        try:
            # What has no place in the log yet keeps its salt until it has.
            tracker.update_log()
        except LogStoppedError as error:
            OUT.print(f"{error} What has its place in it is erased all the same.", markup=False)
        count = tracker.erase(before=instant)
    OUT.print(f"Erased arguments, salts and proofs of {count} decisions.", markup=False)
