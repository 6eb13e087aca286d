"""Gives committed records dense places in the log, in one transaction.

A database's own sequence is no index: it has gaps and shows a later number before an earlier one.
What waits is moved under the lock of the log's one row, in the order in which it was written: that
is the order of commits wherever one record needs another (a link before what is decided under it).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
    Row,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from delegation.errors import LogStoppedError
from delegation.records.log.leaves import old_changes, old_decisions, old_links, row_of
from delegation.records.log.log import SqlLog
from delegation.records.tables.log import ENTRIES, NODES, PENDING, STATE
from delegation.transparency.leaf import Leaf
from delegation.transparency.merkle import leaf_hash
from delegation.transparency.tile import MAX_LEVEL, WIDTH, Tile, fold

MOST: Final = 512  # leaves in one transaction: calls that are decided meanwhile wait for it
_WAITING: Final = select(PENDING).order_by(PENDING.c.n).limit(bindparam("most"))
_IDS: Final = PENDING.c.n.in_(bindparam("ids", expanding=True))
_LEAF: Final = ("kind", "record", "hash", "entry")
# Moved inside the database. By their numbers: another with a lower one may be committed meanwhile.
_MOVE: Final = insert(ENTRIES).from_select(
    ["place", *_LEAF],
    select(
        bindparam("size", type_=BigInteger) + func.row_number().over(order_by=PENDING.c.n) - 1,
        *(PENDING.c[name] for name in _LEAF),
    ).where(_IDS),
)
_DELETE: Final = delete(PENDING).where(_IDS)
_KNOWN: Final = select(ENTRIES.c.record).where(
    ENTRIES.c.kind == "link", ENTRIES.c.record.in_(bindparam("records", expanding=True))
)
_LAST: Final = select(ENTRIES.c.place).order_by(ENTRIES.c.place.desc()).limit(1)
_LOCKED: Final = select(STATE).with_for_update()


def sequence(connection: Connection) -> int:
    """Give a place to what waits, at most `MOST` records; return how many were looked at.

    Records from before the log come first. A link that two processes recorded at once waits twice
    and gets one place.

    Args:
        connection: A transaction that writes.

    Raises:
        LogStoppedError: What waits was changed since it was written, or entries are missing.
    """
    state = connection.execute(_LOCKED).one()
    last = connection.execute(_LAST).scalar_one_or_none()
    if state.size != (0 if last is None else last + 1):
        raise LogStoppedError("Entries of the log were deleted or put in from outside.")
    older, moved = _older(connection, state)
    if moved:
        _append(connection, state.size, [row_of(leaf) for _, leaf in older])
        connection.execute(update(STATE).values(**moved))
        return max(1, len(older))
    rows = connection.execute(_WAITING, {"most": MOST}).all()
    if not rows:
        return 0
    fresh = _fresh(connection, rows)
    if fresh:
        try:
            connection.execute(_MOVE, {"size": state.size, "ids": fresh})
        except IntegrityError as error:
            raise LogStoppedError("A record waits that has its place already.") from error
        _climb(connection, state.size, state.size + len(fresh))
    connection.execute(_DELETE, {"ids": [row.n for row in rows]})
    return len(rows)


def _older(connection: Connection, state: Any) -> tuple[list[tuple[int, Leaf]], dict[str, int]]:
    """Return leaves of records from before the log, with the marks to be set after them."""
    if state.links_done < state.links_upto:
        done, upto = state.links_done, state.links_upto
        found = old_links(connection, after=done, upto=upto, most=MOST)
        return found, {"links_done": found[-1][0] if found else upto}
    if state.changes_done < state.changes_upto:
        done, upto = state.changes_done, state.changes_upto
        found = old_changes(connection, after=done, upto=upto, most=MOST)
        return found, {"changes_done": found[-1][0] if found else upto}
    if state.decisions_done < state.decisions_upto:
        done, upto = state.decisions_done, state.decisions_upto
        found = old_decisions(connection, after=done, upto=upto, most=MOST)
        return found, {"decisions_done": found[-1][0] if found else upto}
    return [], {}


def _fresh(connection: Connection, rows: Sequence[Row[Any]]) -> list[int]:
    """Return the numbers of what waits, without links that have a place, after a look at its hashes."""
    links = [row.record for row in rows if row.kind == "link"]
    seen = set(connection.execute(_KNOWN, {"records": links}).scalars()) if links else set[str]()
    fresh = []
    for row in rows:
        if leaf_hash(row.entry) != row.hash:
            raise LogStoppedError(f"The leaf of {row.record} was changed before it had a place.")
        if row.kind == "link":
            if row.record in seen:
                continue
            seen.add(row.record)
        fresh.append(row.n)
    return fresh


def _append(connection: Connection, size: int, rows: Sequence[dict[str, Any]]) -> None:
    """Write entries at the log's end."""
    if rows:
        connection.execute(
            insert(ENTRIES), [{**row, "place": place} for place, row in enumerate(rows, start=size)]
        )
        _climb(connection, size, size + len(rows))


def _climb(connection: Connection, size: int, end: int) -> None:
    """Write the hashes above every row of 256 that the newest entries fill, and the log's size."""
    log = SqlLog(connection)
    before, after = size, end
    for level in range(1, MAX_LEVEL + 1):
        before, after = before // WIDTH, after // WIDTH
        if before == after:
            break
        nodes = [
            {"level": level, "place": place, "hash": fold(log.hashes(Tile(level - 1, place)))}
            for place in range(before, after)
        ]
        connection.execute(insert(NODES), nodes)
    connection.execute(update(STATE).values(size=end))
