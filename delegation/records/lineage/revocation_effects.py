"""Reads the effect of a revocation or suspension, and the suspensions that hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, select, true

from delegation.authority.alias import RESERVED_PREFIX
from delegation.authority.catalogue import Catalogue
from delegation.judge.subject import EVERYTHING, OF_TOOLS, Subject, tools_of
from delegation.lineage.entry import DecisionEntry
from delegation.lineage.feed import Revocation
from delegation.lineage.revocation_effect import holding
from delegation.records.lineage import decisions
from delegation.records.lineage.preview import MOST, held_up
from delegation.records.revocation import changes
from delegation.records.tables.records import DECISIONS, REVOCATIONS

_CHUNK: Final = 400  # values in one IN list
_STANDING_STEP: Final = 10


def change_at(connection: Connection, epoch: int) -> Revocation | None:
    """Return the change of a subject with this number, or None."""
    query = select(REVOCATIONS).where(
        REVOCATIONS.c.epoch == epoch, REVOCATIONS.c.act.in_(changes.SUBJECT_ACTS)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else changes.change_of(row)


def effect(
    connection: Connection, subject: Subject, catalogue: Catalogue, *, epoch: int
) -> tuple[DecisionEntry | None, int, bool]:
    """Return what a change came to under its subject.

    That is the last call allowed before, how many step 10 has denied since, and whether all links
    under it were looked at.
    """
    places, is_complete = _places(connection, subject, catalogue)
    last, refused = 0, 0
    for place in places:
        mine = (place, ~DECISIONS.c.tool.startswith(RESERVED_PREFIX))
        newest = select(func.max(DECISIONS.c.sequence)).where(
            *mine, DECISIONS.c.allowed.is_(True), DECISIONS.c.epoch < epoch
        )
        last = max(last, connection.execute(newest).scalar_one() or 0)
        since = select(func.count()).where(
            *mine,
            DECISIONS.c.allowed.is_(False),
            DECISIONS.c.step == _STANDING_STEP,
            DECISIONS.c.epoch >= epoch,
        )
        refused += connection.execute(since).scalar_one()
    row = connection.execute(select(DECISIONS).where(DECISIONS.c.sequence == last)).one_or_none()
    return None if row is None else decisions.entry_of(row), refused, is_complete


def _places(
    connection: Connection, subject: Subject, catalogue: Catalogue
) -> tuple[Iterator[ColumnElement[bool]], bool]:
    if subject == EVERYTHING:
        return iter([true()]), True
    if subject.kind in OF_TOOLS:
        tools = tools_of(catalogue, subject)
        return (DECISIONS.c.tool.in_(part) for part in _parts(tools)), True
    named = held_up(connection, subject, MOST + 1)
    return (DECISIONS.c.link.in_(part) for part in _parts(named[:MOST])), len(named) <= MOST


def _parts(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def suspensions(connection: Connection, *, at: int, limit: int) -> list[Revocation]:
    """Return the suspensions that hold, newest first."""
    query = select(REVOCATIONS).where(REVOCATIONS.c.act.in_(("suspend", "resume")))
    latest: dict[Subject, Revocation] = {}
    for row in connection.execute(query.order_by(REVOCATIONS.c.epoch)):
        change = changes.change_of(row)
        latest[change.subject] = change
    held = [one for one in latest.values() if one.act == "suspend"]
    found: list[Revocation] = []
    for change in sorted(held, key=lambda one: -one.epoch):
        if len(found) == limit:
            break
        if holding(changes.of(connection, change.subject), at=at) == change:
            found.append(change)
    return found
