"""Steps 4 and 5: each payload's form, parent, author and narrowing, root first, for both formats."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from delegation.authority.chain import Link, parse_payload
from delegation.authority.narrowing import refuse_wider
from delegation.authority.refusal import Refusal
from delegation.errors import MalformedError
from delegation.tokens.evidence import LinkEvidence
from delegation.tokens.failed import Failed, fail
from delegation.tokens.prefix_cache import PrefixCache

_LINK_OVERHEAD: Final = 6 * 1024  # bytes that a parsed link takes beside its payload (measured)


@dataclass(frozen=True, slots=True)
class Entry:
    """One link as its container carries it.

    Args:
        raw: The bytes that the cache's key covers: everything the verdict depends on.
        payload: The link's payload, None if the container's block is not the template.
        evidence: Its author's signature.
        is_signed_by: Returns whether this 32-byte key authored it.
    """

    raw: bytes
    payload: bytes | None
    evidence: LinkEvidence
    is_signed_by: Callable[[bytes], bool]


@dataclass(frozen=True, slots=True)
class Prefix:
    """Links that verified, root first, with their evidence."""

    links: tuple[Link, ...] = ()
    evidence: tuple[LinkEvidence, ...] = field(default=(), repr=False)


Cache = PrefixCache[object]


def prefix_keys(format_and_key: bytes, entries: Sequence[Entry]) -> list[bytes]:
    """Return the cache key of each prefix: one running hash over key, format and exact bytes."""
    running = hashlib.sha256(format_and_key)
    keys = []
    for entry in entries:
        running.update(len(entry.raw).to_bytes(4, "big"))
        running.update(entry.raw)
        keys.append(running.digest())
    return keys


def longest_prefix(cache: Cache, keys: Sequence[bytes]) -> Prefix:
    """Return the longest prefix that verified before, or an empty one."""
    for key in reversed(keys):
        found = cache.get(key)
        if isinstance(found, Prefix):
            return found
    return Prefix()


def extend(
    prefix: Prefix, entries: Sequence[Entry], keys: Sequence[bytes], cache: Cache, root_key: bytes
) -> Prefix | Failed:
    """Return all links, those beyond the prefix read and checked now, or the first failure.

    The container's own signatures must have been checked before (step 3). A link is stored only
    after it passed; nothing is stored for one that fails.

    Args:
        prefix: What the cache knew.
        entries: All links as carried, root first.
        keys: Their cache keys.
        cache: Where passed prefixes are stored.
        root_key: The issuer's key, the only one that may have signed the root.
    """
    links, evidence = prefix.links, prefix.evidence
    for depth in range(len(links), len(entries)):
        entry = entries[depth]
        if entry.payload is None:
            return fail(
                4, "block_foreign", "A block holds more or other things than one link.",
                "Use tokens that this project's format describes.", depth=depth,
            )  # fmt: skip
        try:
            link = parse_payload(entry.payload, root=depth == 0)
        except MalformedError:
            # The error's text names a field of something nobody has signed yet: not repeated.
            return fail(
                4, "payload_malformed", "A link's payload is not well formed.",
                "Make links with a library that follows the token format.", depth=depth,
            )  # fmt: skip
        signer = root_key if depth == 0 else links[-1].holder_key
        if not entry.is_signed_by(signer):
            message = "A link is not signed by the holder of the link above it."
            refusal = Refusal("not_signed_by_holder", message, "token", remedy="Ask its holder.")
            return Failed(4, refusal, link.id, depth)
        if depth and link.parent != links[-1].id:
            message = "A link was made for another parent."
            refusal = Refusal("other_parent", message, "parent", remedy="Delegate from this chain.")
            return Failed(4, refusal, link.id, depth)
        if depth:
            wider = refuse_wider(link.grant, links[-1].grant)
            if wider is not None:
                return Failed(5, wider, link.id, depth)
        links, evidence = (*links, link), (*evidence, entry.evidence)
        size = len(entry.raw) + 4 * len(entry.payload) + _LINK_OVERHEAD
        cache.put(keys[depth], Prefix(links, evidence), size)
    return Prefix(links, evidence)
