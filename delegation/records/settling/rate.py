"""Paces tasks, holders and branches: locks their next turns in one order, where a limit is set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select, update

from delegation.judge.rate import PaceKey
from delegation.records.engine.database import upsert
from delegation.records.tables.flow import PACES

_READ: Final = (
    select(PACES.c.scope, PACES.c.id, PACES.c.turn)
    .where(PACES.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(PACES.c.scope, PACES.c.id)
)
_LOCKED: Final = _READ.with_for_update()
_WRITE: Final = (
    update(PACES)
    .where(PACES.c.scope == bindparam("in_scope"), PACES.c.id == bindparam("of_id"))
    .values(turn=bindparam("next"))
)


def read_turns(
    connection: Connection, keys: Sequence[PaceKey], *, settles: bool
) -> dict[tuple[str, str], int]:
    """Return the next turns of these paces, made and locked if calls are settled on them.

    Those that are not there are made before any is locked: two batches of which one holds an old row
    and makes a new one, while the other made the new one and wants the old, would wait in a circle.

    Args:
        connection: A snapshot, or a transaction that writes.
        keys: The paces.
        settles: Whether calls are settled, and not only planned.
    """
    if not keys:
        return {}
    ids = list({key.id for key in keys})
    found = _turns(connection, _READ, ids)
    if not settles:
        return found
    made = sorted({*keys} - found.keys())
    if made:
        connection.execute(
            upsert(connection, PACES).on_conflict_do_nothing(),
            [{"scope": scope, "id": name, "turn": 0} for scope, name in made],
        )
    # On SQLite nobody else writes meanwhile, and a pace without a row has no turn yet.
    return found if connection.dialect.name == "sqlite" else _turns(connection, _LOCKED, ids)


def _turns(connection: Connection, statement: Any, ids: list[str]) -> dict[tuple[str, str], int]:
    return {(r.scope, r.id): r.turn for r in connection.execute(statement, {"ids": ids})}


def write_turns(connection: Connection, turns: Mapping[tuple[str, str], int]) -> None:
    """Write next turns, in one order for all processes."""
    if turns:
        rows = [
            {"in_scope": scope, "of_id": name, "next": turn}
            for (scope, name), turn in sorted(turns.items())
        ]
        connection.execute(_WRITE, rows)
