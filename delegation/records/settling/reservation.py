"""Records reservations with their decision, and settles them under a lock on their counters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select, tuple_, update

from delegation import canonical
from delegation.authority.ids import DecisionId
from delegation.judge.facts import CounterKey
from delegation.judge.reservation import Reservation, settle_cost
from delegation.records.tables.records import COUNTERS, RESERVATIONS

_OF: Final = (
    select(RESERVATIONS)
    .where(RESERVATIONS.c.decision == bindparam("of"))
    .order_by(RESERVATIONS.c.unit)
)
_LOCK_COUNTERS: Final = (
    select(COUNTERS.c.scope)
    .where(
        tuple_(COUNTERS.c.scope, COUNTERS.c.id, COUNTERS.c.unit).in_(
            bindparam("keys", expanding=True)
        )
    )
    # The order in which batches lock them: else the two would wait for each other in a circle.
    .order_by(COUNTERS.c.scope, COUNTERS.c.id, COUNTERS.c.unit)
    .with_for_update()
)
_REFUND: Final = (
    update(COUNTERS)
    .where(
        COUNTERS.c.scope == bindparam("in_scope"),
        COUNTERS.c.id == bindparam("of_id"),
        COUNTERS.c.unit == bindparam("in_unit"),
    )
    .values(used=COUNTERS.c.used - bindparam("amount"))
)
_SETTLE: Final = (
    update(RESERVATIONS)
    .where(
        RESERVATIONS.c.decision == bindparam("of"),
        RESERVATIONS.c.unit == bindparam("in_unit"),
        RESERVATIONS.c.settled.is_(None),
    )
    .values(settled=bindparam("told"), by=bindparam("teller"), at=bindparam("told_at"))
)


def keep_reservations(connection: Connection, made: Sequence[Reservation]) -> None:
    """Record reservations beside the decisions that were written just before."""
    if not made:
        return
    rows: list[dict[str, Any]] = [
        {
            "decision": one.decision,
            "unit": one.unit,
            "amount": one.amount,
            "counters": canonical.text_of([list(key) for key in one.counters]),
            "expires_at": one.expires_at,
            "settled": one.settled,
            "by": one.by,
            "at": one.at,
        }
        for one in made
    ]
    connection.execute(insert(RESERVATIONS), rows)


def read_row(row: Any) -> Reservation:
    """Return a row as a reservation."""
    counters = canonical.parse(row.counters)
    keys = [CounterKey(*key) for key in counters] if isinstance(counters, list) else []  # type: ignore[misc]  # written above
    return Reservation(
        DecisionId(row.decision),
        row.unit,
        row.amount,
        tuple(keys),
        row.expires_at,
        row.settled,
        row.by,
        row.at,
    )


def settle_reservations(
    connection: Connection, decision: DecisionId, cost: Mapping[str, int], *, by: str, at: int
) -> int:
    """Settle all that was reserved for a call; see `judge.reservation.settle_cost`.

    Args:
        connection: A transaction that writes.
        decision: A call that this service was allowed.
        cost: What it has cost, by unit.
        by: Who tells.
        at: Unix seconds.

    Returns:
        When the last of it would have expired; 0 where nothing was reserved, or all was told before.

    Raises:
        MalformedError: Other units than those reserved, or more than was reserved.
        ConflictError: Another cost was told before, or it is too late.
    """
    # Locked before it is judged: two tellers take turns, and the second sees what the first told.
    held = tuple(map(read_row, connection.execute(_OF.with_for_update(), {"of": decision})))
    changed = settle_cost(held, cost, by=by, at=at)
    for one in changed:
        told = {"of": decision, "in_unit": one.unit, "told": one.settled, "teller": by}
        if connection.execute(_SETTLE, {**told, "told_at": at}).rowcount != 1:
            raise AssertionError(decision)  # it is locked; a refund without its record is undone
    refunds = sorted((key, one.refund) for one in changed for key in one.counters if one.refund)
    until = max((one.expires_at for one in changed), default=0)
    if not refunds:
        return until
    connection.execute(_LOCK_COUNTERS, {"keys": [tuple(key) for key, _ in refunds]})
    connection.execute(
        _REFUND,
        [
            {"in_scope": key.scope, "of_id": key.id, "in_unit": key.unit, "amount": amount}
            for key, amount in refunds
        ],
    )
    return until
