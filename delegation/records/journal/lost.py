"""Tells what a restored database lost, as far as the log's memory and folder know."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select

from delegation.errors import LogStoppedError, MalformedError
from delegation.records.log.files import Kept, LogFolder
from delegation.records.log.log import read_state
from delegation.records.tables.records import COUNTERS, DECISIONS, TASKS
from delegation.transparency.checkpoint import origin_of
from delegation.transparency.leaf import DecisionLeaf, read_leaf
from delegation.transparency.tile import ENTRIES as BUNDLE
from delegation.transparency.tile import WIDTH, Tile, read_entries, width_at


def signed_beyond(connection: Connection, memory: Path | None, issuer: str) -> int:
    """Return how many entries were signed, where that is more than the database has; else 0."""
    if memory is None:
        return 0
    try:
        held = Kept(memory).read()
    except LogStoppedError:
        return 0  # the log says so itself
    state = read_state(connection)
    if held is None or held.origin != origin_of(issuer, state.generation):
        return 0
    return held.size if held.size > state.size else 0


def tell_lost(
    connection: Connection, *, signed: int, folder: Path | None, at: int
) -> dict[str, Any]:
    """Return what stands in a report of a restored backup, by name.

    Args:
        connection: The restored database.
        signed: Entries that its log had; 0 where nothing says so.
        folder: Of the log's tiles, where entries that were lost can still be read.
        at: Unix seconds.
    """
    size = read_state(connection).size
    newest = connection.execute(select(func.max(DECISIONS.c.at))).scalar_one() or 0
    budgets = (
        select(func.count(func.distinct(COUNTERS.c.id)))
        .join(TASKS, TASKS.c.id == COUNTERS.c.id)
        .where(COUNTERS.c.scope == "task", TASKS.c.state == "open", TASKS.c.deadline > at)
    )
    found: dict[str, Any] = {
        "newest": newest,
        "entries": size,
        "signed": signed,
        "budgets": connection.execute(budgets).scalar_one(),
    }
    if folder is not None and signed > size:
        found |= _of_folder(LogFolder(folder), size, signed)
    return found


def _of_folder(folder: LogFolder, size: int, signed: int) -> dict[str, Any]:
    """Return calls, links and what they have spent, of the entries that the folder still holds."""
    kinds: Counter[str] = Counter()
    spent: Counter[str] = Counter()
    for index in range(size // WIDTH, -(-signed // WIDTH)):
        width = width_at(Tile(BUNDLE, index), signed)
        place = Tile(BUNDLE, index, width)
        data = folder.read_tile(place)
        if data is None:
            continue
        try:
            for number, entry in enumerate(read_entries(place, data), start=place.first):
                if number >= size:
                    leaf = read_leaf(entry)
                    kinds[leaf.kind] += 1
                    if isinstance(leaf, DecisionLeaf) and leaf.allowed:
                        kinds["allowed"] += 1
                        spent.update(leaf.cost)
        except MalformedError:
            continue  # `log verify` says what is wrong with it
    return {
        "read": sum(kinds.values()) - kinds["allowed"],
        "lost": dict(kinds),
        "spent": dict(spent),
    }
