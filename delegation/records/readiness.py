"""Looks whether calls can be decided: the writer, the file, rights, used nonces and clocks.

Asked as often as a balancer likes. So it is one short read, and one statement that meets no row;
only where the last batch could not be committed, one row is written to see whether that is over.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from delegation.commands.readiness import ClockDiffersError, Reason, tried
from delegation.commands.retry import tried_again, within
from delegation.errors import ClockError
from delegation.identity.proof import MAX_AGE, MAX_AHEAD, nonces_are_known
from delegation.records.engine.database import Database
from delegation.records.engine.marker import mark
from delegation.records.engine.numbers import read_numbers
from delegation.records.engine.turn import SUFFIX
from delegation.records.engine.writable import refuse_unless_writable
from delegation.records.settling.writer import DecisionWriter
from delegation.records.tables.records import NONCES

LOOK_SECONDS: Final = 2.0  # for all of it
_MARKER: Final = "readiness"
_NEWEST: Final = select(func.max(NONCES.c.at))


def look(
    database: Database, writer: DecisionWriter, at: int, clock: Callable[[], int] | None
) -> list[Reason]:
    """Return why calls cannot be decided; see `commands.log.LoggedStore.reasons`."""
    with within(LOOK_SECONDS):
        found = tried(lambda: _writes(database, writer, clock))
        return found + tried(lambda: _claims(database, at))


def _writes(
    database: Database, writer: DecisionWriter, clock: Callable[[], int] | None
) -> Iterator[Reason]:
    writer.refuse_if_unable()
    begun = clock() if clock else 0
    other = refuse_unless_writable(database)
    if other is None and database.file is not None and clock:
        other = _clock_of(Path(f"{database.file.path}{SUFFIX}"))
    ended = clock() if clock else 0
    if writer.is_failing:
        _write(database)
        writer.is_failing = False
    if clock and other is not None:
        yield from judge_clocks(begun, ended, other)


@tried_again
def _write(database: Database) -> None:
    """Commit one row, as a batch would have to."""
    with database.writing(alone=None, is_marked=False) as connection:
        mark(connection, _MARKER)


def judge_clocks(begun: int, ended: int, clock: int) -> Iterator[Reason]:
    """Judge this machine's clock by the store's.

    Behind by more than proofs may be ahead, or ahead by more than they may be old, every call is
    denied; which of the two clocks is wrong nobody knows.

    Args:
        begun: This clock before the other one was read, Unix seconds.
        ended: And after that.
        clock: What the other one said.
    """
    ahead = begun - clock if clock < begun else min(0, ended - clock)
    if not -MAX_AHEAD <= ahead <= MAX_AHEAD:
        yield Reason.of(ClockDiffersError(ahead), blocks=not 0 < ahead <= MAX_AGE)


def _claims(database: Database, at: int) -> Iterator[Reason]:
    with database.reading() as connection:
        before = read_numbers(connection)["nonces_before"]
        newest = connection.execute(_NEWEST).scalar_one() or 0
    # A call was proven at that time: the service's clock and its holder's agreed.
    if not nonces_are_known(at, before) or at + MAX_AHEAD < newest:
        yield Reason.of(ClockError())


def _clock_of(file: Path) -> int | None:
    """Return the time of the file system on which a file lies, which may be another machine's."""
    try:
        os.utime(file)
        return int(file.stat().st_mtime)
    except OSError:
        return None
