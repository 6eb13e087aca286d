"""Freezing: everything is suspended, and a receipt says what the last allowed call was."""

from __future__ import annotations

from delegation.canonical import Json
from delegation.commands.work import Store
from delegation.identity.freeze import sign_freeze
from delegation.identity.keyring import KeyRing
from delegation.lineage.feed import Revocation
from delegation.lineage.freeze import Freeze


def frozen(store: Store, ring: KeyRing, change: Revocation) -> Freeze:
    """Return what came of a freeze that was recorded, and waited for if it was to be.

    Args:
        store: Where calls are recorded; none is allowed after the freeze.
        ring: The service's keys; without a `service` key there is no receipt.
        change: The suspension of everything.
    """
    with store.read() as reader:
        last = reader.last_allowance(before=change.epoch)
    said: Json = None
    if last is not None:
        said = {"decision": last.id, "sequence": last.sequence, "at": last.at}
    receipt = None
    if ring.serves("service"):
        receipt = sign_freeze(
            ring,
            epoch=change.epoch,
            at=change.at,
            by=change.by,
            last_allowance=said,
            confirmed=() if change.barrier is None else change.barrier.confirmed,
            silent=() if change.barrier is None else change.barrier.silent,
        )
    return Freeze(change, last, receipt)
