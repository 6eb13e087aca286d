"""Clears a call by what its chain grants: steps 7 to 9, each a rule and one line here, no database."""

from __future__ import annotations

from delegation.authority.access import Access
from delegation.authority.catalogue import Catalogue
from delegation.authority.chain import Chain
from delegation.judge.capability import Clearance, Reading, judge_capability
from delegation.judge.decision import Denial
from delegation.judge.window import deny_outside_window


def named(access: Access, catalogue: Catalogue, pinned: int) -> Access:
    """Return the access by its tool's own name, which alone is judged, counted and recorded.

    What names no tool, or named another one at the pinned revision, stays as it is and is denied.

    Args:
        access: The call, as the proof covers it.
        catalogue: All revisions that the service knows.
        pinned: The revision that the call's root pins.
    """
    return access.by_name(catalogue.names.own_name(access.tool, pinned))


def clear_call(
    chain: Chain, access: Access, catalogue: Catalogue, at: int, reading: Reading | None = None
) -> Clearance | Denial:
    """Return the call's clearance, or the denial by the first step that refuses it.

    Not checked here: anything that the store knows (steps 10 to 14).

    Args:
        chain: The verified chain; its root pins the catalogue revision.
        access: The call, `named`.
        catalogue: All revisions that the service knows.
        at: The service's clock, Unix seconds.
        reading: What other chains of the same call were judged by.
    """
    return deny_outside_window(chain, access, at) or judge_capability(
        chain, access, catalogue, reading
    )
