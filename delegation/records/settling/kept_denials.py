"""Limits the denials that are kept whole; above the rate, arguments and proof are left out.

Every denial is a row of its own with code, link and digests. A holder that is refused goes on asking for
as long as it likes, with up to 64 KiB each time, and more of the same tells a reviewer nothing new.

The rate is of the holder's key, and of each link above it: keys below one's own link are made at will.
A link has half of what the link above it has, so that nobody, whatever it makes below itself, takes
more than half of what its delegator's other branches are kept from; the root task has what four
branches have. Beyond it a smaller rate is left for what was not asked in this minute: another code,
another tool, another leaf. So a flood of one kind hides no other.

One number for each (GCRA, as `judge.rate`), read and written in the transaction that writes the row, so
that the rate holds across restarts and between workers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, delete, select, update

from delegation import canonical
from delegation.commands.work import KEPT_DENIALS as PER_MINUTE
from delegation.judge.rate import MICRO, believed
from delegation.records.engine.database import upsert
from delegation.records.tables.records import KEPT_DENIALS

BRANCH_SHARE: Final = 4  # holders' worth of what is kept of all below one link below the root
TASK_SHARE: Final = 16  # the same of a whole root task: more than one branch, or three, can use up
NEW_PART: Final = 4  # what is asked first in a minute has a fourth of the rate beside it
SHORT: Final = 512  # bytes of what was offered and what is allowed that stay in any case
_READ: Final = select(KEPT_DENIALS.c.id, KEPT_DENIALS.c.turn).where(
    KEPT_DENIALS.c.id.in_(bindparam("ids", expanding=True))
)
_WRITE: Final = (
    update(KEPT_DENIALS).where(KEPT_DENIALS.c.id == bindparam("of")).values(turn=bindparam("next"))
)


class Asker(NamedTuple):
    """Who asked, and by which line.

    Args:
        holder: base64url of the key that asked.
        root: The root task of its line.
        line: The links of its line below the topmost root, down to the leaf.
    """

    holder: str
    root: str
    line: tuple[str, ...]

    def most(self, rate: int) -> dict[str, int]:
        """Return how many are kept a minute, and at once, under each name that this is counted by."""
        if rate == 0:
            return {f"holder/{self.holder}": 0}
        below = {
            f"link/{link}": max(1, BRANCH_SHARE * rate >> depth)
            for depth, link in enumerate(self.line)
        }
        return {f"holder/{self.holder}": rate, f"task/{self.root}": TASK_SHARE * rate, **below}


class Denied(NamedTuple):
    """A denial on its way into the store.

    Args:
        asker: Who asked.
        kind: What is the same about denials that tell the same: leaf, code and tool.
        row: Its columns.
    """

    asker: Asker
    kind: tuple[str, str, str]
    row: dict[str, Any]


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
    asked = [(one, one.asker.most(rate), _kind_name(one)) for one in denied]
    turns = _Turns(connection, {n for _, most, kind in asked for n in (*most, kind)})
    over: list[Denied] = []
    new: list[Denied] = []
    for one, most, kind in asked:
        if turns.take(most, one.row["at"]):
            turns.take({kind: 1}, one.row["at"])
        else:
            is_new = rate > 0 and turns.take({kind: 1}, one.row["at"])
            (new if is_new else over).append(one)
    turns.write()
    if new:
        less = max(1, rate // NEW_PART)
        beside = [
            (one, {f"new/{name}": most for name, most in one.asker.most(less).items()})
            for one in new
        ]
        turns = _Turns(connection, {name for _, most in beside for name in most})
        over += [one for one, most in beside if not turns.take(most, one.row["at"])]
        turns.write()
    for one in over:
        _leave_out(one.row)
    return over


def _kind_name(one: Denied) -> str:
    return f"kind/{hashlib.sha256(chr(0).join(one.kind).encode()).hexdigest()}"


class _Turns:
    """The turns of some names, locked to COMMIT."""

    def __init__(self, connection: Connection, names: AbstractSet[str]) -> None:
        self._connection = connection
        rows = [{"id": name, "turn": 0} for name in sorted(names)]  # one order for all processes
        made = upsert(connection, KEPT_DENIALS).values(rows)
        locked = made.on_conflict_do_update(
            index_elements=["id"], set_={"turn": KEPT_DENIALS.c.turn}
        ).returning(KEPT_DENIALS.c.id, KEPT_DENIALS.c.turn)
        self._turns: dict[str, int] = {row.id: row.turn for row in connection.execute(locked)}
        self._before = dict(self._turns)

    def take(self, most: Mapping[str, int], at: int) -> bool:
        """Take a turn under each of these names, or under none if one has none left."""
        taken = {name: _next(self._turns[name], at, count) for name, count in most.items()}
        if None in taken.values():
            return False
        self._turns.update({name: turn for name, turn in taken.items() if turn is not None})
        return True

    def write(self) -> None:
        """Write what was taken."""
        changed = [
            {"of": name, "next": turn}
            for name, turn in sorted(self._turns.items())
            if turn != self._before[name]
        ]
        if changed:
            self._connection.execute(_WRITE, changed)


def spent(connection: Connection, askers: Sequence[Asker], *, at: int, rate: int) -> set[Asker]:
    """Return those whose rate is used up, so that a denial of theirs would be shortened.

    Args:
        connection: A transaction.
        askers: Who calls.
        at: Now, Unix seconds.
        rate: As `shorten`.
    """
    asked = {asker: asker.most(rate) for asker in askers}
    names = sorted({name for most in asked.values() for name in most})
    turns = {row.id: row.turn for row in connection.execute(_READ, {"ids": names})}
    return {
        asker
        for asker, most in asked.items()
        if any(_next(turns.get(name, 0), at, count) is None for name, count in most.items())
    }


def forget_turns(connection: Connection, at: int) -> None:
    """Delete what says nothing any more."""
    connection.execute(delete(KEPT_DENIALS).where(KEPT_DENIALS.c.turn < at * MICRO))


def _next(turn: int, at: int, most: int) -> int | None:
    """Return the turn after this denial, None if its rate is used up."""
    if most == 0:
        return None
    interval, now = 60 * MICRO // most, at * MICRO
    turn = max(believed(turn, now, (most - 1) * interval), now)
    return None if turn - now > (most - 1) * interval else turn + interval


def _leave_out(row: dict[str, Any]) -> None:
    # The salt stays, and both digests with it: the leaf says that it was recorded like this.
    row.update(access=None, arguments=None, proof=None, resources="[]")
    if len(row["detail"].encode()) > SHORT:
        row["detail"] = canonical.text_of([None, None])
