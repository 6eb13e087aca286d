"""The catalogue as it is recorded: parsed once for each revision, looked up on every call."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Connection, select

from delegation import canonical, sent_json
from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.resource_labels import ResourceLabels
from delegation.records.engine.numbers import read_numbers
from delegation.records.tables.flow import RESOURCE_LABELS
from delegation.records.tables.records import TOOLS


class CatalogueCache:
    """The newest catalogue that this process parsed, `held`. Revisions are immutable: it only grows."""

    __slots__ = ("held",)

    def __init__(self) -> None:
        """Begin with the empty catalogue."""
        self.held = Catalogue()

    def newest(self, connection: Connection) -> Catalogue:
        """Return the catalogue at the revision that this connection sees."""
        return self.at(connection, read_numbers(connection)["catalogue"])

    def at(self, connection: Connection, revision: int) -> Catalogue:
        """Return the catalogue at a revision that this connection sees."""
        held = self.held
        if held.revision == revision:
            return held
        # A snapshot older than what is held (another process, a rollback) starts from nothing.
        catalogue = held if held.revision < revision else Catalogue()
        history = dict(catalogue.history)
        query = select(TOOLS).where(
            TOOLS.c.revision > catalogue.revision, TOOLS.c.revision <= revision
        )
        for row in connection.execute(query.order_by(TOOLS.c.revision)):
            tool = Tool.from_json(sent_json.parse(row.definition))
            history[tool.name] = (*history.get(tool.name, ()), (row.revision, tool))
        resources = dict(catalogue.resources)
        declared = select(RESOURCE_LABELS).where(
            RESOURCE_LABELS.c.revision > catalogue.revision, RESOURCE_LABELS.c.revision <= revision
        )
        for row in connection.execute(declared.order_by(RESOURCE_LABELS.c.revision)):
            entry = ResourceLabels(row.pattern, cast("list[str]", canonical.parse(row.labels)))
            resources[row.pattern] = (*resources.get(row.pattern, ()), (row.revision, entry))
        found = Catalogue(revision, history, resources)
        if revision > held.revision:
            self.held = found
        return found

    def forget(self) -> None:
        """Drop what was parsed inside a transaction that was rolled back."""
        self.held = Catalogue()
