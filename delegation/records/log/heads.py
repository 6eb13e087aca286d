"""Signs heads of the log, with the key that signs now and those before it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from delegation.identity.keyring import KeyRing
from delegation.records.log.log import LogState
from delegation.transparency.checkpoint import Checkpoint, origin_of, sign_checkpoint

_BEFORE: Final = 8  # of the log's earlier keys sign along until their ends: a note has 32 lines


def sign_head(ring: KeyRing, state: LogState, root: bytes, *, at: int) -> Checkpoint:
    """Sign the head of a log with the key that signs now, and with those before until their ends.

    So whoever holds either key alone believes it, for as long as both are told of.

    Args:
        ring: The service's keys.
        state: How far the log is.
        root: Of all its entries.
        at: Now, Unix seconds.
    """
    keys = [k for k in ring.keys if k.role == "log" and k.state == "retired" and k.verifies(at)]
    origin = origin_of(ring.issuer, state.generation)
    first, *others = (
        sign_checkpoint(origin, state.size, root, key.seed)
        for key in (ring.active("log"), *keys[-_BEFORE:])
    )
    lines = [line for one in (first, *others) for line in one.signatures]
    return replace(first, signatures=tuple(lines))
