"""Per-process caches, each valid at the revision that the transaction reads."""

from __future__ import annotations

from dataclasses import dataclass, field

from delegation.commands.work import KEPT_DENIALS
from delegation.judge.limits import DEFAULTS, Limits
from delegation.records.lineage.catalogue import CatalogueCache
from delegation.records.lineage.link_cache import LinkCache
from delegation.records.lineage.opener_cache import OpenerCache
from delegation.records.revocation.revoked_cache import RevokedCache


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
    """

    catalogue: CatalogueCache = field(default_factory=CatalogueCache)
    revoked: RevokedCache = field(default_factory=RevokedCache)
    openers: OpenerCache = field(default_factory=OpenerCache)
    stems: LinkCache = field(default_factory=LinkCache)
    limits: Limits = DEFAULTS
    kept_denials: int = KEPT_DENIALS
    shortened: int = 0
    forgotten_at: int = 0
