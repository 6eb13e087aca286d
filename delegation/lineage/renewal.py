"""Renewals: a link that gives a holder the same authority anew, in another window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from delegation import canonical
from delegation.authority.chain import Link
from delegation.authority.ids import LinkId
from delegation.canonical import Json

_TAG: Final = b"delegation-line-of-renewals"


@dataclass(frozen=True, slots=True)
class Renewal:
    """How one link stands in a line of renewals.

    Args:
        link: The link.
        renews: The link of its line that was recorded before it, None for none.
        renewed_by: The links of its line that were recorded next after it, in that order.
    """

    link: LinkId
    renews: LinkId | None
    renewed_by: tuple[LinkId, ...] = ()


def line_mark(link: Link, above: bytes) -> bytes:
    """Return the mark that all links of one line of renewals have, and no others: 32 bytes.

    Two links are of one line where the same hands, from the root down, gave the same grants, whatever
    their windows. Neither names, which are claims, nor order, number or time of links go into it.

    Args:
        link: The link.
        above: The mark of its parent; nothing for a root, which is of no line but its own.
    """
    if link.parent is None:
        return canonical.digest(_TAG, link.id.encode())
    grant = {name: _unordered(part) for name, part in link.grant.to_json().items()}
    body: dict[str, Json] = {
        "above": canonical.b64u(above),
        "holder": canonical.b64u(link.holder_key),
        "grant": {**grant, "not_before": 0, "expires_at": 0},
    }
    return canonical.digest(_TAG, canonical.encode(body))


def _unordered(part: Json) -> Json:
    """Return a list in one order: that of a grant's members admits nothing and forbids nothing."""
    return sorted(part, key=canonical.encode) if isinstance(part, list) else part
