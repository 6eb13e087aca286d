"""Denials kept whole up to a rate; above it arguments, proof and what they are made of are left out.

Every denial is a row of its own with code, link and digests. A holder that is refused goes on asking for
as long as it likes, with up to 64 KiB each time, and more of the same tells a reviewer nothing new. The
rate is of the holder's key, and of its whole root task: keys below one's own link are made at will.

One number for each (GCRA, as `judge.pace`), read and written in the transaction that writes the row, so
that the rate holds across restarts and between workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, delete, select, update

from delegation import canonical
from delegation.judge.pace import MICRO
from delegation.records.database import upsert
from delegation.records.tables import KEPT_DENIALS
from delegation.tracker.work import KEPT_DENIALS as PER_MINUTE

TASK_SHARE: Final = 4  # holders' worth of denials that one root task may have kept in all
SHORT: Final = 512  # bytes of what was offered and what is allowed that stay in any case
_READ: Final = select(KEPT_DENIALS.c.id, KEPT_DENIALS.c.turn).where(
    KEPT_DENIALS.c.id.in_(bindparam("ids", expanding=True))
)
_WRITE: Final = (
    update(KEPT_DENIALS).where(KEPT_DENIALS.c.id == bindparam("of")).values(turn=bindparam("next"))
)


class Denied(NamedTuple):
    """A denial on its way into the store.

    Args:
        holder: base64url of the key that asked.
        root: The root task of its chain.
        row: Its columns.
    """

    holder: str
    root: str
    row: dict[str, Any]


def ids_of(holder: str, root: str) -> tuple[str, str]:
    """Return the names under which a denial is counted."""
    return f"holder/{holder}", f"task/{root}"


def shorten(
    connection: Connection, denied: Sequence[Denied], *, rate: int = PER_MINUTE
) -> list[Denied]:
    """Leave out of the rows what is above the rate; return those that were shortened.

    Args:
        connection: A transaction that writes; the counts of these holders stay locked to COMMIT.
        denied: In the order they came.
        rate: Denials of one holder a minute, and at once, that are kept whole; 0 keeps none.
    """
    if not denied:
        return []
    names = sorted({name for one in denied for name in ids_of(one.holder, one.root)})
    made = upsert(connection, KEPT_DENIALS).values([{"id": name, "turn": 0} for name in names])
    locked = made.on_conflict_do_update(
        index_elements=["id"], set_={"turn": KEPT_DENIALS.c.turn}
    ).returning(KEPT_DENIALS.c.id, KEPT_DENIALS.c.turn)
    turns: dict[str, int] = {row.id: row.turn for row in connection.execute(locked)}
    before = dict(turns)
    short = [one for one in denied if not _takes_turn(turns, one, rate)]
    for one in short:
        _leave_out(one.row)
    changed = [{"of": n, "next": turns[n]} for n in names if turns[n] != before[n]]
    if changed:
        connection.execute(_WRITE, changed)
    return short


def spent(
    connection: Connection, keys: Sequence[tuple[str, str]], *, at: int, rate: int
) -> set[str]:
    """Return the names whose rate is used up, so that a denial of theirs would be shortened.

    Args:
        connection: A transaction.
        keys: (holder, root task) of calls.
        at: Now, Unix seconds.
        rate: As `shorten`.
    """
    names = sorted({name for key in keys for name in ids_of(*key)})
    rows = connection.execute(_READ, {"ids": names})
    return {row.id for row in rows if _next(row.id, row.turn, at, rate) is None}


def forget_turns(connection: Connection, at: int) -> None:
    """Delete what says nothing any more."""
    connection.execute(delete(KEPT_DENIALS).where(KEPT_DENIALS.c.turn < at * MICRO))


def _next(name: str, turn: int, at: int, rate: int) -> int | None:
    """Return the turn after this denial, None if its rate is used up."""
    most = rate if name.startswith("holder/") else rate * TASK_SHARE
    if most == 0:
        return None
    interval, now = 60 * MICRO // most, at * MICRO
    turn = max(turn, now)
    return None if turn - now > (most - 1) * interval else turn + interval


def _takes_turn(turns: dict[str, int], one: Denied, rate: int) -> bool:
    taken = {
        name: _next(name, turns[name], one.row["at"], rate) for name in ids_of(one.holder, one.root)
    }
    if None in taken.values():
        return False
    turns.update({name: turn for name, turn in taken.items() if turn is not None})
    return True


def _leave_out(row: dict[str, Any]) -> None:
    # The salt stays, and both digests with it: the leaf says that it was recorded like this.
    row.update(access=None, arguments=None, proof=None, resources="[]")
    if len(row["detail"].encode()) > SHORT:
        row["detail"] = canonical.text_of([None, None])
