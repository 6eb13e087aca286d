"""Verifies each payload's form, parent, author and narrowing, root first: steps 4 and 5."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from delegation.authority.chain import Link, parse_payload
from delegation.authority.narrowing import refuse_earlier, refuse_wider
from delegation.authority.refusal import Refusal
from delegation.errors import MalformedError
from delegation.identity.keyring import RingRole
from delegation.tokens.evidence import Format, LinkEvidence
from delegation.tokens.failed import Failed, fail
from delegation.tokens.prefix_cache import PrefixCache

_LINK_BYTES: Final = 2048  # a parsed link of an empty grant, with its evidence (measured)
_BYTES_A_PAYLOAD_BYTE: Final = 12  # the densest grant takes 11 in memory for one in its payload


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
class Issuing:
    """The issuer as a reader of its tokens knows it.

    Args:
        key: The only key that may have signed the root, 32 bytes.
        issuer: Its URL, which the root must name.
        is_own_key: Returns whether 32 bytes are a key of the service, which no holder may use.
    """

    key: bytes
    issuer: str
    is_own_key: Callable[[bytes], bool]


@dataclass(frozen=True, slots=True)
class Prefix:
    """Links that verified, root first, with their evidence."""

    links: tuple[Link, ...] = ()
    evidence: tuple[LinkEvidence, ...] = field(default=(), repr=False)

    @property
    def size(self) -> int:
        """Estimated bytes in memory of all links, an upper bound."""
        return sum(map(_size, self.links))


def _size(link: Link) -> int:
    return _LINK_BYTES + _BYTES_A_PAYLOAD_BYTE * len(link.payload)


@dataclass(frozen=True, slots=True)
class Proven:
    """What a format found authentic.

    Args:
        prefix: All links.
        keys: Role, id and secret or public bytes of each ring key that they rest on.
        until: Unix seconds from which on a discharge no longer serves; 0 without discharges.
    """

    prefix: Prefix
    keys: tuple[tuple[RingRole, int, bytes], ...] = field(default=(), repr=False)
    until: int = 0


Cache = PrefixCache[object]


def prefix_keys(token_format: Format, issuing: Issuing, entries: Sequence[Entry]) -> list[bytes]:
    """Return the cache key of each prefix: one running hash over format, issuer and exact bytes."""
    running = hashlib.sha256(f"{token_format}\x00{issuing.issuer}\x00".encode() + issuing.key)
    keys = []
    for entry in entries:
        running.update(len(entry.raw).to_bytes(4, "big"))
        running.update(entry.raw)
        keys.append(running.digest())
    return keys


def longest_prefix(cache: Cache, keys: Sequence[bytes]) -> Prefix:
    """Return the longest prefix that verified before, or an empty one.

    What stands above it is used with it: an entry is charged for its last link alone, so those
    above must not leave before it.
    """
    for depth in range(len(keys) - 1, -1, -1):
        if isinstance(found := cache.get(keys[depth]), Prefix):
            for key in reversed(keys[:depth]):
                cache.get(key)
            return found
    return Prefix()


def extend(
    prefix: Prefix, entries: Sequence[Entry], keys: Sequence[bytes], cache: Cache, issuing: Issuing
) -> Prefix | Failed:
    """Return all links, those beyond the prefix read and checked now, or the first failure.

    Step 4 is asked of all links before step 5 of any, so that a failure at 5 means that 4 passed.
    The container must have been checked before (step 3). Nothing is stored for a link that fails,
    nor for those below it.

    Args:
        prefix: What the cache knew.
        entries: All links as carried, root first; at least one.
        keys: Their cache keys.
        cache: Where passed prefixes are stored.
        issuing: The issuer, whose key must have signed the root.
    """
    found, wider = prefix, None
    passed: list[Prefix] = []
    for depth in range(len(prefix.links), len(entries)):
        above = found.links[-1] if depth else None
        if isinstance(link := _authentic(entries[depth], above, depth, issuing), Failed):
            break
        if above is not None and wider is None:
            refusal = refuse_earlier(link.version, above.version)
            refusal = refusal or refuse_wider(link.grant, above.grant)
            wider = None if refusal is None else Failed(5, refusal, link.id, depth)
        found = Prefix((*found.links, link), (*found.evidence, entries[depth].evidence))
        if wider is None:
            passed.append(found)
    else:
        link = None
    # Children first, so that the cache lets go of them before their parents.
    for one in reversed(passed):
        cache.put(keys[len(one.links) - 1], one, _size(one.links[-1]))
    return link if isinstance(link, Failed) else wider or found


def _authentic(entry: Entry, above: Link | None, depth: int, issuing: Issuing) -> Link | Failed:
    """Return the link if it passes step 4: its form, its parent, its author."""
    if entry.payload is None:
        return fail(
            4, "block_foreign", "A block holds more or other things than one link.",
            "Use tokens that this project's format describes.", depth=depth,
        )  # fmt: skip
    try:
        link = parse_payload(entry.payload, root=above is None)
    except MalformedError:
        # The error's text names a field of something nobody has signed yet: not repeated.
        return fail(
            4, "payload_malformed", "A link's payload is not well formed.",
            "Make links with a library that follows the token format.", depth=depth,
        )  # fmt: skip
    if above is not None and link.parent != above.id:
        message = "A link was made for another parent."
        refusal = Refusal("other_parent", message, "parent", remedy="Delegate from this chain.")
    elif not entry.is_signed_by(issuing.key if above is None else above.holder_key):
        message = "A link is not signed by the holder of the link above it."
        refusal = Refusal("not_signed_by_holder", message, "token", remedy="Ask its holder.")
    elif link.origin is not None and link.origin.issuer != issuing.issuer:
        message = "The root was made for another issuer."
        remedy = "Send the token to the service that issued it."
        refusal = Refusal("other_issuer", message, "issuer", remedy=remedy)
    elif issuing.is_own_key(link.holder_key):
        return own_key(link, depth)
    else:
        return link
    return Failed(4, refusal, link.id, depth)


def own_key(link: Link, depth: int) -> Failed:
    """Return the failure of a link whose holder is the service itself."""
    return Failed(
        4,
        Refusal(
            "holder_is_ring_key",
            "A holder's key is one of the service's own.",
            "holder.key",
            remedy="Use another key.",
        ),
        link.id,
        depth,
    )
