"""Refuses to work on a database that another release changed, from the moment this is seen.

Every transaction that writes reads the revision once it has begun. On PostgreSQL that reading holds a
lock on the revision's table to COMMIT, which a migration takes alone before anything else; SQLite has
one writer. So no migration comes between a look and what is written after it.
"""

from __future__ import annotations

from typing import ClassVar, Final

from sqlalchemy import Connection

from delegation.errors import StoreUnavailableError
from delegation.records.engine import sqlite

_READ: Final = "SELECT version_num FROM alembic_version"


class SchemaChangedError(StoreUnavailableError):
    """Another release changed the database's schema while this process ran; it does nothing more."""

    code: ClassVar[str] = "schema_changed"

    def __init__(self) -> None:
        super().__init__(
            "Another release changed the schema of the database: this process does nothing more.",
            remedy="Try again: it ends, and the new release starts in its place. "
            "`delegation db current` shows both revisions.",
        )


class Revision:
    """The schema's revision that one process works with; nothing is refused before it is known."""

    def __init__(self) -> None:
        """Begin without one."""
        self._wanted: str | None = None
        self._is_another = False

    def want(self, revision: str) -> None:
        """Work with this revision and no other from now on."""
        self._wanted = revision

    def refuse(self) -> None:
        """Refuse whatever is to be done, if another revision was seen before.

        Raises:
            SchemaChangedError: It was. It stays so: what this process remembers is of the old one.
        """
        if self._is_another:
            raise SchemaChangedError

    def meet(self, found: str | None) -> None:
        """Compare with what a transaction read.

        Raises:
            SchemaChangedError: It is another revision, or none.
        """
        if self._wanted is not None and found != self._wanted:
            self._is_another = True
        self.refuse()

    def look(self, connection: Connection) -> None:
        """Read it in a transaction, and compare.

        Raises:
            SchemaChangedError: It is another revision, or none.
        """
        if self._wanted is None:
            return
        if connection.dialect.name == "sqlite":
            with sqlite.cursor_of(connection) as cursor:
                found = cursor.execute(_READ).fetchone()
        else:
            found = connection.exec_driver_sql(_READ).first()
        self.meet(None if found is None else str(found[0]))
