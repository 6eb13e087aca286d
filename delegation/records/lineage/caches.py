"""Keeps what a process read before, each cache valid at the revision that the transaction reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, cast

from sqlalchemy import Connection, select

from delegation import canonical, sent_json
from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.chain import Chain
from delegation.authority.resource_labels import ResourceLabels
from delegation.commands.steady_clock import SteadyClock
from delegation.commands.work import KEPT_DENIALS
from delegation.judge.limits import DEFAULTS, Limits
from delegation.records.engine.numbers import read_numbers
from delegation.records.lineage.link_cache import LinkCache
from delegation.records.lineage.links import parsed, with_ancestors
from delegation.records.revocation.revoked_cache import RevokedCache
from delegation.records.tables.flow import RESOURCE_LABELS
from delegation.records.tables.records import TOOLS

_HELD: Final = 4096  # chains that a process keeps


class OpenerCache:
    """Openers' chains by leaf. Links are immutable, so what was read once is exact for ever."""

    def __init__(self) -> None:
        """Begin with nothing read."""
        self._chains: dict[str, Chain] = {}

    def read(self, connection: Connection, leaves: Iterable[str]) -> dict[str, Chain]:
        """Return the chain of each of these links that is recorded whole."""
        wanted = set(leaves)
        if not wanted:
            return {}
        held = self._chains
        missing = wanted - held.keys()
        if missing:
            rows = {row.id: row for row in with_ancestors(connection, sorted(missing))}
            found = dict(held) if len(held) < _HELD else {}
            for leaf in missing:
                links = []
                name: str | None = leaf
                while name is not None and name in rows:
                    row = rows[name]
                    links.append(parsed(row.payload, root=row.parent is None))
                    name = row.parent
                if name is None:
                    found[leaf] = Chain(tuple(reversed(links)))
            self._chains = held = found | {k: v for k, v in held.items() if k in wanted}
        return {leaf: held[leaf] for leaf in wanted if leaf in held}


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


@dataclass(slots=True)
class Caches:
    """Parsed catalogues, what is revoked, and when claims were last forgotten.

    Args:
        catalogue: The newest catalogue that was parsed.
        revoked: All revocations and suspensions up to an epoch.
        openers: Chains on which child tasks stand.
        stems: What of links never changes, for maps.
        limits: The service's own limits of every task.
        kept_denials: Denials of one holder a minute whose arguments and proof are kept.
        shortened: Denials of this process whose arguments and proof were not.
        forgotten_at: Unix seconds of the last round of forgetting claims.
        steady: What time it surely is, for what is deleted for its age.
    """

    catalogue: CatalogueCache = field(default_factory=CatalogueCache)
    revoked: RevokedCache = field(default_factory=RevokedCache)
    openers: OpenerCache = field(default_factory=OpenerCache)
    stems: LinkCache = field(default_factory=LinkCache)
    limits: Limits = DEFAULTS
    kept_denials: int = KEPT_DENIALS
    shortened: int = 0
    forgotten_at: int = 0
    steady: SteadyClock = field(default_factory=SteadyClock)
