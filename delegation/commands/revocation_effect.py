"""Reads the effect of a revocation, a suspension or a freeze; nothing is changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from delegation.canonical import Json
from delegation.commands.named import found
from delegation.commands.work import Store
from delegation.identity.freeze import sign_freeze
from delegation.identity.keyring import KeyRing
from delegation.judge.lease import barrier
from delegation.judge.subject import EVERYTHING
from delegation.lineage.feed import Freeze, Revocation
from delegation.lineage.revocation_effect import RevocationEffect, holding


def frozen(store: Store, ring: KeyRing | None, change: Revocation) -> Freeze:
    """Return what came of a freeze that was recorded, and waited for if it was to be.

    Args:
        store: Where calls are recorded; none is allowed after the freeze.
        ring: The service's keys; without them, or a `service` key, there is no receipt.
        change: The suspension of everything.
    """
    with store.read() as reader:
        last = reader.last_allowance(before=change.epoch)
    said: Json = None
    if last is not None:
        said = {"decision": last.id, "sequence": last.sequence, "at": last.at}
    receipt = None
    if ring is not None and ring.serves("service"):
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


MOST: Final = 200  # suspensions that are listed at once
_MAX_EPOCH: Final = 2**53


def ending(store: Store, ring: KeyRing | None, epoch: int, *, at: int) -> RevocationEffect:
    """Return what came of a change of standing, as far as is known now.

    Args:
        store: Where it is recorded.
        ring: Signs the receipt of a freeze.
        epoch: The change's number.
        at: Unix seconds.

    Raises:
        NotFoundError: No subject was revoked, suspended or resumed under that number.
    """
    with store.read() as reader:
        made = reader.change_at(epoch) if 0 < epoch <= _MAX_EPOCH else None
        made = found("change", str(epoch), made)
        change = replace(made, barrier=barrier(reader.replicas(), epoch))
        last, refused, is_complete = reader.effect(change.subject, epoch=epoch)
        held = holding(reader.changes(change.subject), at=at)
        newest = reader.numbers()["epoch"]
    receipt = None
    if change.subject == EVERYTHING and change.act == "suspend":
        receipt = frozen(store, ring, change).receipt
    holds = held is not None and held.epoch == epoch
    return RevocationEffect(change, last, refused, holds, is_complete, newest, receipt)
