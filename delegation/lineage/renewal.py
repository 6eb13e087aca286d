"""Renewals: a link that gives a holder the same authority anew, with a later end."""

from __future__ import annotations

from dataclasses import dataclass

from delegation.authority.grant import Grant
from delegation.authority.ids import LinkId


@dataclass(frozen=True, slots=True)
class Renewal:
    """How one link stands in a line of renewals.

    Args:
        link: The link.
        renews: The link in whose place it was made, None for none.
        renewed_by: Links that were made in its place, in the order they were recorded.
    """

    link: LinkId
    renews: LinkId | None
    renewed_by: tuple[LinkId, ...] = ()


def is_renewal(new: Grant, old: Grant) -> bool:
    """Return whether a grant is an earlier one with a later end and nothing else changed.

    Not checked here: that both are of the same delegator to the same holder.
    """
    if new.expires_at <= old.expires_at:
        return False
    window = {"not_before": 0, "expires_at": 0}
    return {**new.to_json(), **window} == {**old.to_json(), **window}
