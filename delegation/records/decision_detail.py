"""Reads one decision, with its outcome and reservations, in one statement."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, bindparam, select

from delegation.authority.ids import DecisionId
from delegation.commands.work import DecisionDetail, OutcomeReport
from delegation.records.engine.remembered import remembered
from delegation.records.lineage.decisions import detail_of
from delegation.records.settling import in_process as local
from delegation.records.settling import reservation
from delegation.records.tables.records import DECISIONS, LOCAL_DECISIONS, OUTCOMES, RESERVATIONS

_BESIDE: Final = (OUTCOMES, LOCAL_DECISIONS, RESERVATIONS)  # each has a column `decision`
_FIRST: Final = (
    select(
        DECISIONS,
        *(c.label(f"{table.name}_{c.name}") for table in _BESIDE for c in table.columns),
    )
    .outerjoin_from(DECISIONS, OUTCOMES, OUTCOMES.c.decision == DECISIONS.c.id)
    .outerjoin(LOCAL_DECISIONS, LOCAL_DECISIONS.c.decision == DECISIONS.c.id)
    .outerjoin(RESERVATIONS, RESERVATIONS.c.decision == DECISIONS.c.id)
    .where(DECISIONS.c.id == bindparam("of"))
    .order_by(RESERVATIONS.c.unit)
)


def decision_detail(connection: Connection, decision: DecisionId) -> DecisionDetail | None:
    """Return one decision with its outcome, where it was made, and its reservations; None for none."""
    return remembered(connection, ("decision", decision), lambda: _detail(connection, decision))


def _detail(connection: Connection, decision: DecisionId) -> DecisionDetail | None:
    rows = connection.execute(_FIRST, {"of": decision}).all()
    if not rows:
        return None
    told, made_at = _beside(rows[0], OUTCOMES), _beside(rows[0], LOCAL_DECISIONS)
    held = [one for row in rows if (one := _beside(row, RESERVATIONS)) is not None]
    return replace(
        detail_of(rows[0]),
        outcome=None
        if told is None
        else OutcomeReport(decision, told.state, told.detail, told.by, told.at),
        local=None if made_at is None else local.entry_of(made_at),
        reservations=tuple(map(reservation.read_row, held)),
    )


def _beside(row: Row[Any], table: Table) -> Any | None:
    """Return the columns of a joined table, None where it has no row."""
    columns = row._mapping  # noqa: SLF001  # SQLAlchemy's public name for it
    found = {column.name: columns[f"{table.name}_{column.name}"] for column in table.columns}
    return None if found["decision"] is None else SimpleNamespace(**found)
