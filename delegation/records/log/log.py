"""Reads the log's state, tiles and proofs from one snapshot.

The database is the truth. Tiles are made from it when they are asked for, and written to a folder
beside the store where one is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, func, select

from delegation.errors import NotFoundError
from delegation.records.engine.remembered import remembered
from delegation.records.tables.log import ENTRIES, NODES, PENDING, STATE
from delegation.records.tables.records import DECISIONS, LINKS
from delegation.transparency.checkpoint import Checkpoint, LogProof, read_checkpoint
from delegation.transparency.leaf import Kind
from delegation.transparency.merkle import (
    Nodes,
    consistency_proof,
    inclusion_proof,
    root,
)
from delegation.transparency.tile import ENTRIES as BUNDLE
from delegation.transparency.tile import Tile, nodes_in, width_at, write_entries

_WAITING: Final = select(func.count()).select_from(PENDING).scalar_subquery()
_STATE: Final = select(STATE, _WAITING.label("waiting"))
_LOCKED: Final = select(STATE).with_for_update()
_PENDING: Final = select(func.count()).select_from(PENDING)
_FIRST: Final = (
    select(DECISIONS.c.at).order_by(DECISIONS.c.sequence).limit(1),
    select(LINKS.c.at).order_by(LINKS.c.sequence).limit(1),
)
_HASHES: Final = (
    select(ENTRIES.c.hash)
    .where(ENTRIES.c.place >= bindparam("first"), ENTRIES.c.place < bindparam("end"))
    .order_by(ENTRIES.c.place)
)
_BYTES: Final = (
    select(ENTRIES.c.entry)
    .where(ENTRIES.c.place >= bindparam("first"), ENTRIES.c.place < bindparam("end"))
    .order_by(ENTRIES.c.place)
)
_UPPER: Final = (
    select(NODES.c.hash)
    .where(
        NODES.c.level == bindparam("at"),
        NODES.c.place >= bindparam("first"),
        NODES.c.place < bindparam("end"),
    )
    .order_by(NODES.c.place)
)
_PLACE: Final = _STATE.add_columns(ENTRIES.c.place, ENTRIES.c.entry).outerjoin_from(
    STATE,
    ENTRIES,
    (ENTRIES.c.kind == bindparam("of_kind")) & (ENTRIES.c.record == bindparam("of_record")),
)


@dataclass(frozen=True, slots=True)
class LogState:
    """The state of the log.

    Args:
        generation: 1 for the first log; a restart after loss begins the next.
        size: Entries that have a place.
        head: The newest signed checkpoint, None before the first.
        signed_at: When it was signed, Unix seconds.
        stopped: Why nothing is signed any more; empty while all is well.
        waiting: Records that have no place yet.
        older: Records from before the log that have no place yet.
    """

    generation: int
    size: int
    head: Checkpoint | None
    signed_at: int
    stopped: str
    waiting: int
    older: int


def read_state(connection: Connection, *, locks: bool = False) -> LogState:
    """Return the log's state.

    Args:
        connection: A snapshot, or a transaction that writes.
        locks: Whether nobody else may sequence or sign until this transaction ends.
    """
    if locks:
        row = connection.execute(_LOCKED).one()
        return _state_of(row, connection.execute(_PENDING).scalar_one())
    return remembered(connection, "log", lambda: _read_state(connection))


def first_record(connection: Connection) -> int:
    """Return when the first record was made, Unix seconds; 0 for none."""
    times = [connection.execute(one).scalar_one_or_none() for one in _FIRST]
    return min((at for at in times if at is not None), default=0)


def _read_state(connection: Connection) -> LogState:
    row = connection.execute(_STATE).one()
    return _state_of(row, row.waiting)


def _state_of(row: Row[Any], waiting: int) -> LogState:
    return LogState(
        row.generation,
        row.size,
        None if row.head is None else read_checkpoint(row.head),
        row.signed_at,
        row.stopped,
        waiting,
        sum((row.links_upto, row.decisions_upto, row.changes_upto))
        - sum((row.links_done, row.decisions_done, row.changes_done)),
    )


class SqlLog:
    """Reads the log through one connection; see `commands.log.LogReader`.

    Args:
        connection: An open snapshot or transaction.
    """

    def __init__(self, connection: Connection) -> None:
        """Read through this connection; the caller ends it."""
        self._connection = connection

    def state(self) -> LogState:
        """Return how far the log is."""
        return read_state(self._connection)

    def head(self) -> Checkpoint:
        """Return the newest signed checkpoint.

        Raises:
            NotFoundError: There is none yet.
        """
        return _head(self._connection.execute(select(STATE.c.head)).scalar_one())

    def tile(self, tile: Tile, *, size: int) -> bytes:
        """Return a tile's bytes in a log of this size.

        Raises:
            NotFoundError: The log is not that far.
        """
        if not 0 < tile.width <= width_at(tile, size):
            raise NotFoundError("tile", tile.path)
        if tile.level == BUNDLE:
            span = {"first": tile.first, "end": tile.first + tile.width}
            return write_entries(list(self._connection.execute(_BYTES, span).scalars()))
        return b"".join(self.hashes(tile))

    def hashes(self, tile: Tile) -> Sequence[bytes]:
        """Return the hashes of a tile."""
        span = {"first": tile.first, "end": tile.first + tile.width}
        if tile.level == 0:
            found = self._connection.execute(_HASHES, span)
        else:
            found = self._connection.execute(_UPPER, {**span, "at": tile.level})
        return [bytes(one) for one in found.scalars()]

    def nodes(self, size: int) -> Nodes:
        """Return where the hashes of complete subtrees are found."""
        return nodes_in(size, self.hashes)

    def root(self, size: int) -> bytes:
        """Return the root over the first entries."""
        return root(size, self.nodes(size))

    def inclusion(self, index: int, *, size: int) -> list[bytes]:
        """Return the path of an entry in the tree of this size.

        Raises:
            NotFoundError: There is no such entry under the newest checkpoint.
        """
        if not 0 <= index < size <= self.head().size:
            raise NotFoundError("log entry", f"{index} of {size}")
        return inclusion_proof(index, size, self.nodes(size))

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Return what shows that one tree begins another.

        Raises:
            NotFoundError: There is no such pair of trees under the newest checkpoint.
        """
        if not 0 < old <= new <= self.head().size:
            raise NotFoundError("pair of trees", f"{old}, {new}")
        return consistency_proof(old, new, self.nodes(new))

    def proof(self, kind: Kind, record: str) -> LogProof:
        """Return the proof that a record stands in the log.

        Raises:
            NotFoundError: It does not, or no checkpoint covers it yet.
        """
        row = self._connection.execute(_PLACE, {"of_kind": kind, "of_record": record}).one()
        remembered(self._connection, "log", lambda: _state_of(row, row.waiting))
        head = _head(row.head)
        if row.place is None or row.place >= head.size:
            raise NotFoundError("log entry of", record)
        path = inclusion_proof(row.place, head.size, self.nodes(head.size))
        return LogProof(row.place, bytes(row.entry), tuple(path), head.text)

    def entries(self, size: int, *, chunk: int = 256) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield (place, stored hash, entry) of the first entries."""
        asked = select(ENTRIES.c.place, ENTRIES.c.hash, ENTRIES.c.entry)
        for first in range(0, size, chunk):
            part = asked.where(ENTRIES.c.place >= first, ENTRIES.c.place < first + chunk)
            for row in self._connection.execute(part.order_by(ENTRIES.c.place)):
                if row.place < size:
                    yield row.place, bytes(row.hash), bytes(row.entry)


def _head(text: str | None) -> Checkpoint:
    if text is None:
        raise NotFoundError("checkpoint", "of the log")
    return read_checkpoint(text)
