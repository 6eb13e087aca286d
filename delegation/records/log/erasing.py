"""Erases arguments, salts and proofs of old decisions; their digests stay."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, select, update

from delegation.records.tables.log import ENTRIES
from delegation.records.tables.records import DECISIONS

# What a decision's row holds where arguments, salt and proof were erased; digests and leaf stay.
ERASED: Final[dict[str, str | None]] = {
    "arguments_salt": None,
    "access": None,
    "arguments": None,
    "proof": None,
    "detail": "[null,null]",
    "resources": "[]",
}

# Only what has its place in the log: a leaf that is still to be made needs the salt.
_DUE: Final = (
    select(DECISIONS.c.sequence)
    .join(ENTRIES, (ENTRIES.c.kind == "decision") & (ENTRIES.c.record == DECISIONS.c.id))
    .where(DECISIONS.c.at < bindparam("before"), DECISIONS.c.arguments_salt.is_not(None))
    .order_by(DECISIONS.c.sequence)
    .limit(bindparam("most"))
)
_ERASE: Final = update(DECISIONS).where(DECISIONS.c.sequence == bindparam("of")).values(**ERASED)


def erase_before(connection: Connection, before: int, most: int) -> int:
    """Erase what may be erased of decisions made before an instant; return of how many.

    Args:
        connection: A transaction that writes.
        before: Unix seconds.
        most: Decisions at most.
    """
    asked = {"before": before, "most": most}
    due = list(connection.execute(_DUE, asked).scalars())
    if due:
        connection.execute(_ERASE, [{"of": sequence} for sequence in due])
    return len(due)
