"""What a process keeps between transactions; each is exact at a number that a transaction reads."""

from __future__ import annotations

from dataclasses import dataclass, field

from delegation.judge.limits import DEFAULTS, Limits
from delegation.records.catalogue import CatalogueShelf
from delegation.records.openers import OpenerShelf
from delegation.records.revoked import RevokedShelf
from delegation.records.stems import StemShelf
from delegation.tracker.work import KEPT_DENIALS


@dataclass(slots=True)
class Shelves:
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
    """

    catalogue: CatalogueShelf = field(default_factory=CatalogueShelf)
    revoked: RevokedShelf = field(default_factory=RevokedShelf)
    openers: OpenerShelf = field(default_factory=OpenerShelf)
    stems: StemShelf = field(default_factory=StemShelf)
    limits: Limits = DEFAULTS
    kept_denials: int = KEPT_DENIALS
    shortened: int = 0
    forgotten_at: int = 0
