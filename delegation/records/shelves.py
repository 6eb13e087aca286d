"""What a process keeps between transactions; each is exact at a number that a transaction reads."""

from __future__ import annotations

from dataclasses import dataclass, field

from delegation.records.catalogue import CatalogueShelf
from delegation.records.facts import RevokedShelf
from delegation.records.paused import PausedShelf


@dataclass(slots=True)
class Shelves:
    """Parsed catalogues, what is revoked, and when claims were last forgotten.

    Args:
        catalogue: The newest catalogue that was parsed.
        revoked: All revocations up to an epoch.
        paused: All suspensions and later ends up to an epoch.
        forgotten_at: Unix seconds of the last round of forgetting claims.
    """

    catalogue: CatalogueShelf = field(default_factory=CatalogueShelf)
    revoked: RevokedShelf = field(default_factory=RevokedShelf)
    paused: PausedShelf = field(default_factory=PausedShelf)
    forgotten_at: int = 0
