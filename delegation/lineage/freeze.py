"""A freeze as it is answered: since when, what the last allowed call was, and who has confirmed."""

from __future__ import annotations

from dataclasses import dataclass

from delegation.lineage.entry import DecisionEntry
from delegation.lineage.feed import Revocation


@dataclass(frozen=True, slots=True)
class Freeze:
    """What came of freezing everything.

    Args:
        change: The suspension of everything, with the barrier if it was waited for.
        last_allowance: The last recorded call that was allowed before; None if there never was one.
            Calls that verifiers outside the store allowed and have not reported yet are not known.
        receipt: All of this, signed by the service; None without such a key.
    """

    change: Revocation
    last_allowance: DecisionEntry | None
    receipt: str | None
