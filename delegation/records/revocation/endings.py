"""Numbers what ended or was narrowed and is no change of standing, for the journal beside the ring.

Recorded in the transaction that does it, so that no process that dies, and no disk that is full, keeps it
from the journal for good: whoever follows copies it later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from sqlalchemy import Connection, bindparam, delete, insert, select

from delegation import sent_json
from delegation.records.engine.numbers import take_number
from delegation.records.tables.endings import ENDINGS

EndingAct: TypeAlias = Literal[
    "withdraw", "refused", "used", "logout", "settle", "tool", "labels", "agent", "restored"
]
EVER: Final = 0
_AFTER: Final = (
    select(ENDINGS)
    .where(ENDINGS.c.n > bindparam("after"))
    .order_by(ENDINGS.c.n)
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class Ending:
    """One ending.

    Args:
        act: `withdraw` of an API key, `refused` or `used` of a request for approval, `logout` of a
            ticket or session, `settle` of what was reserved, a definition of a `tool`, `labels` of
            resources, an `agent` as it was registered; `restored` tells that a database was.
        id: Of what.
        at: Unix seconds: when it was; of an API key, when that was made.
        until: Unix seconds from which nothing could revive it any more; `EVER` for never.
        body: What is needed to do it again.
    """

    act: EndingAct
    id: str
    at: int
    until: int = EVER
    body: Any = None


def note_endings(connection: Connection, endings: Sequence[Ending]) -> None:
    """Record endings in the transaction that does them; its last statements, as locks go."""
    if not endings:
        return
    first = take_number(connection, "ending", len(endings))
    rows = [
        {
            "n": n,
            "act": one.act,
            "id": one.id,
            "at": one.at,
            "until": one.until,
            "body": sent_json.text_of(one.body),
        }
        for n, one in enumerate(endings, start=first)
    ]
    connection.execute(insert(ENDINGS), rows)


def endings_after(connection: Connection, n: int, *, most: int) -> list[tuple[int, Ending]]:
    """Return what was recorded after a number, oldest first."""
    return [
        (row.n, ending_of(row)) for row in connection.execute(_AFTER, {"after": n, "most": most})
    ]


def ending_of(row: Any) -> Ending:
    """Return a row as an ending."""
    return Ending(row.act, row.id, row.at, row.until, sent_json.parse(row.body))


def restorations(connection: Connection) -> list[Ending]:
    """Return which restored backups were recognised within the last weeks, oldest first."""
    query = select(ENDINGS).where(ENDINGS.c.act == "restored").order_by(ENDINGS.c.n)
    return [ending_of(row) for row in connection.execute(query)]


def forget_endings(connection: Connection, *, at: int) -> None:
    """Delete endings that nothing could revive any more."""
    connection.execute(delete(ENDINGS).where(ENDINGS.c.until != EVER, ENDINGS.c.until <= at))


def known_endings(connection: Connection, numbers: Iterable[int]) -> dict[int, Ending]:
    """Return the endings of these numbers."""
    wanted, found = sorted(numbers), dict[int, Ending]()
    for start in range(0, len(wanted), 400):
        part = select(ENDINGS).where(ENDINGS.c.n.in_(wanted[start : start + 400]))
        found.update((row.n, ending_of(row)) for row in connection.execute(part))
    return found
