"""What the stores of one test process share: compiled statements, and the statements that make a blank one.

A process of ours has one store and compiles each statement once; the tests open thousands of stores, and
compiling anew for each of them was half of what they cost. What reaches a database is the same.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.util import LRUCache

from delegation.records.engine.database import Database
from delegation.records.schema import fresh

_MADE: dict[str, list[tuple[str, Any]]] = {}  # dialect -> what makes a blank store
_ENGINES: dict[str, Engine] = {}  # dialect -> the first engine, whose dialect has met its server
_open, _make = Database.__init__, fresh.make


def _open_sharing(database: Database, url: str) -> None:
    _open(database, url)
    engine = database.engine
    first = _ENGINES.get(engine.name)
    if first is None:
        engine._compiled_cache = LRUCache(10_000)
        event.listen(engine, "engine_connect", lambda _: _ENGINES.setdefault(engine.name, engine))
    else:
        engine._compiled_cache = first._compiled_cache
        engine.dialect = first.dialect  # it is part of a compiled statement's key


def _make_again(connection: Connection) -> None:
    name = connection.dialect.name
    if name in _MADE:
        cursor = connection.connection.cursor()
        for statement, values in _MADE[name]:
            cursor.execute(statement, values)
        cursor.close()
        return
    said: list[tuple[str, Any]] = []

    def hear(_connection, _cursor, statement, values, _context, is_many) -> None:
        said.extend((statement, one) for one in (values if is_many else [values]))

    event.listen(connection, "before_cursor_execute", hear)
    _make(connection)
    event.remove(connection, "before_cursor_execute", hear)
    _MADE[name] = said


def share() -> None:
    """Let all stores of this process share them."""
    Database.__init__ = _open_sharing
    fresh.make = _make_again
