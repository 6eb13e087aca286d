"""The chains on which child tasks stand: their openers' links, which never change once recorded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection

from delegation.authority.chain import Chain
from delegation.records.lineage.links import parsed, with_ancestors

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
