"""Tells whether the file of a SQLite store is still the one at its path, with those beside it.

SQLite goes on with a file that was deleted, moved or replaced under it, and says nothing: a call would
be allowed and recorded where nobody ever looks again. So each connection remembers which files it
opened, and whoever writes compares them with the path before anything is settled, and once it has
committed. Reading goes on: what was recorded can still be saved from there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Engine, event

from delegation.commands.readiness import StoreMovedError
from delegation.records.engine.sqlite import writes

Identity: TypeAlias = tuple[int, int]  # device and inode
# Deleted, a WAL takes along what was committed into it; of an index, others would make another.
_NAMES: Final = {"": "The store's file", "-wal": "The store's -wal", "-shm": "The store's -shm"}
_OPENED: Final = "delegation_opened"  # where a pooled connection has the files that it opened


class SameFile:
    """The files of one store.

    Args:
        engine: Of a database in a file; nothing is opened yet.
    """

    def __init__(self, engine: Engine) -> None:
        """Begin to watch its connections."""
        given = "" if engine.url.query else str(engine.url.database)
        self._given = (
            str(Path(given).absolute()) if given else ""
        )  # a link may be pointed elsewhere
        self._first: Identity | None = None
        self._newest: tuple[Identity | None, ...] = ()  # what was seen open last
        self.path = ""  # as SQLite has it
        event.listen(engine, "connect", self._opened)
        event.listen(engine, "begin", self._begun)

    def refuse_if_moved(self, connection: Connection) -> None:
        """Refuse a connection whose files are not those at the path.

        Args:
            connection: It has begun to write, so all its files are open.

        Raises:
            StoreMovedError: They are not.
        """
        # A new store's WAL is made by its first transaction.
        self._newest = connection.info[_OPENED] = self._compared(connection.info.get(_OPENED, ()))

    def refuse_if_gone(self) -> None:
        """Refuse if the files at the path are not those that were opened last; asks no database.

        Raises:
            StoreMovedError: They are not.
        """
        self._compared(self._newest)

    def _compared(self, opened: tuple[Identity | None, ...]) -> tuple[Identity | None, ...]:
        present = self._look()
        if opened != present:
            for name, was, now in zip(_NAMES.values(), opened, present, strict=False):
                if was is not None and was != now:
                    raise StoreMovedError(name)
        return present

    @property
    def is_writable(self) -> bool:
        """Whether this process may write the file where it lies, and others beside it."""
        return os.access(self.path, os.W_OK) and os.access(Path(self.path).parent, os.W_OK)

    def _opened(
        self, connection: Any, record: Any
    ) -> None:  # the driver's and the pool's own types
        self.path = str(connection.execute("PRAGMA database_list").fetchone()[2])
        found = self._look()
        if found[0] is None or found[0] != (self._first or found[0]):
            connection.close()
            raise StoreMovedError(_NAMES[""])  # two files must not be taken for one store
        self._first = found[0]
        self._newest = record.info[_OPENED] = found

    def _begun(self, connection: Connection) -> None:
        if writes(connection):
            self.refuse_if_moved(connection)

    def _look(self) -> tuple[Identity | None, ...]:
        beside = [_identity(f"{self.path}{ending}") for ending in _NAMES if ending]
        return (_identity(self._given or self.path), *beside)


def _identity(file: str) -> Identity | None:
    try:
        found = os.stat(file)  # noqa: PTH116  # on the path of every batch
    except OSError:
        return None
    return found.st_dev, found.st_ino
