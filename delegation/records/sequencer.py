"""The sequencer: committed records get dense places in the log, in one transaction.

A database's own sequence is no index: it has gaps and shows a later number before an earlier one.
What waits is moved under the lock of the log's one row, in the order in which it was written: that
is the order of commits wherever one record needs another (a link before what is decided under it).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from delegation.errors import LogStoppedError
from delegation.records.leaves import old_decisions, old_links, row_of
from delegation.records.log import SqlLog
from delegation.records.log_tables import ENTRIES, NODES, PENDING, STATE
from delegation.transparency.leaf import Leaf
from delegation.transparency.merkle import leaf_hash
from delegation.transparency.tile import MAX_LEVEL, WIDTH, Tile, fold

MOST: Final = 1024  # leaves in one transaction: calls that are decided meanwhile wait for it
_WAITING: Final = select(PENDING).order_by(PENDING.c.n).limit(MOST)
_DELETE: Final = delete(PENDING).where(PENDING.c.n == bindparam("moved"))
_KNOWN: Final = select(ENTRIES.c.kind, ENTRIES.c.record).where(
    ENTRIES.c.record.in_(bindparam("records", expanding=True))
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
    rows = connection.execute(_WAITING).all()
    if not rows:
        return 0
    fresh = _fresh(connection, [dict(row._mapping) for row in rows])  # noqa: SLF001  # its public name
    _append(connection, state.size, fresh)
    connection.execute(_DELETE, [{"moved": row.n} for row in rows])
    return len(rows)


def _older(connection: Connection, state: Any) -> tuple[list[tuple[int, Leaf]], dict[str, int]]:
    """Return leaves of records from before the log, with the marks to be set after them."""
    if state.links_done < state.links_upto:
        done, upto = state.links_done, state.links_upto
        found = old_links(connection, after=done, upto=upto, most=MOST)
        return found, {"links_done": found[-1][0] if found else upto}
    if state.decisions_done < state.decisions_upto:
        done, upto = state.decisions_done, state.decisions_upto
        found = old_decisions(connection, after=done, upto=upto, most=MOST)
        return found, {"decisions_done": found[-1][0] if found else upto}
    return [], {}


def _fresh(connection: Connection, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what waits without what has a place already, after a look at its hashes."""
    asked = {"records": list({row["record"] for row in rows})}
    known = {(row.kind, row.record) for row in connection.execute(_KNOWN, asked)}
    fresh = []
    for row in rows:
        if leaf_hash(row["entry"]) != row["hash"]:
            raise LogStoppedError(f"The leaf of {row['record']} was changed before it had a place.")
        name = (row["kind"], row["record"])
        if name not in known:
            known.add(name)
            fresh.append({k: row[k] for k in ("kind", "record", "hash", "entry")})
    return fresh


def _append(connection: Connection, size: int, rows: Sequence[dict[str, Any]]) -> None:
    """Write entries at the log's end, and the hashes above every row of 256 that they fill."""
    if not rows:
        return
    connection.execute(
        insert(ENTRIES), [{**row, "place": place} for place, row in enumerate(rows, start=size)]
    )
    end = size + len(rows)
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
