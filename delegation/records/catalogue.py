"""The catalogue as it is recorded: parsed once for each revision, looked up on every call."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from delegation import canonical
from delegation.authority.catalogue import Catalogue, Tool
from delegation.records.tables import TOOLS


class CatalogueShelf:
    """The newest catalogue that this process parsed. Revisions are immutable, so it only grows."""

    __slots__ = ("_newest",)

    def __init__(self) -> None:
        """Begin with the empty catalogue."""
        self._newest = Catalogue()

    @property
    def held(self) -> Catalogue:
        """The newest catalogue that was parsed."""
        return self._newest

    def newest(self, connection: Connection) -> Catalogue:
        """Return the catalogue at the revision that this connection sees."""
        revision = connection.execute(select(func.max(TOOLS.c.revision))).scalar_one() or 0
        return self.at(connection, revision)

    def at(self, connection: Connection, revision: int) -> Catalogue:
        """Return the catalogue at a revision that this connection sees."""
        held = self._newest
        if held.revision == revision:
            return held
        # A snapshot older than what is held (another process, a rollback) starts from nothing.
        catalogue = held if held.revision < revision else Catalogue()
        history = dict(catalogue.history)
        query = select(TOOLS).where(
            TOOLS.c.revision > catalogue.revision, TOOLS.c.revision <= revision
        )
        for row in connection.execute(query.order_by(TOOLS.c.revision)):
            tool = Tool.from_json(canonical.parse(row.definition))
            history[tool.name] = (*history.get(tool.name, ()), (row.revision, tool))
        found = Catalogue(revision, history)
        if revision > held.revision:
            self._newest = found
        return found

    def forget(self) -> None:
        """Drop what was parsed inside a transaction that was rolled back."""
        self._newest = Catalogue()
