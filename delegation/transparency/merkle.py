"""Computes the Merkle tree of RFC 6962: roots, inclusion and consistency proofs, their verification.

Nothing is kept here: whoever asks says where the hash of a complete subtree is found (`Nodes`), in
memory, in tiles or in a database. Source: RFC 6962 section 2.1; RFC 9162 section 2.1 for verifying.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

HASH_BYTES: Final = 32
MAX_PROOF: Final = 64  # hashes: a tree of more than 2**63 leaves does not exist
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

# (height, index): the root over leaves index * 2**height to (index + 1) * 2**height - 1.
Nodes: TypeAlias = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """Return SHA-256(0x00 entry): the prefix keeps a leaf from being taken for a node."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 left right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def subtrees(start: int, end: int) -> list[tuple[int, int]]:
    """Return the complete subtrees (height, index) that make up the leaves from start to end.

    Args:
        start: First leaf, a multiple of the largest power of two below `end - start`, as every range
            in RFC 6962 is.
        end: One past the last leaf.
    """
    found = []
    while start < end:
        height = (end - start).bit_length() - 1
        found.append((height, start >> height))
        start += 1 << height
    return found


def range_root(start: int, end: int, nodes: Nodes) -> bytes:
    """Return MTH of the leaves from start to end, as RFC 6962 splits them."""
    if start == end:
        return EMPTY_ROOT
    hashes = [nodes(height, index) for height, index in subtrees(start, end)]
    result = hashes.pop()
    while hashes:
        result = node_hash(hashes.pop(), result)
    return result


def root(size: int, nodes: Nodes) -> bytes:
    """Return the root over the first `size` leaves."""
    return range_root(0, size, nodes)


def inclusion_proof(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """Return the path from a leaf to the root of the tree of this size; leaf first.

    Raises:
        ValueError: The tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError("no such leaf")
    start, end = 0, size
    path = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_root(middle, end, nodes))
            end = middle
        else:
            path.append(range_root(start, middle, nodes))
            start = middle
    return path[::-1]


def consistency_proof(old: int, new: int, nodes: Nodes) -> list[bytes]:
    """Return what shows that the tree of `old` leaves is the beginning of that of `new`.

    Raises:
        ValueError: `old` is not within 1 to `new`: the empty tree needs no proof and has none.
    """
    if not 0 < old <= new:
        raise ValueError("no such pair of trees")
    start, end = 0, new
    is_whole = True  # whether the old tree is the complete subtree that is looked at
    path = []
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(range_root(middle, end, nodes))
            end = middle
        else:
            path.append(range_root(start, middle, nodes))
            start = middle
            is_whole = False
    if not is_whole:
        path.append(range_root(start, end, nodes))
    return path[::-1]


def _split(size: int) -> int:
    """Return the largest power of two below the size."""
    return 1 << ((size - 1).bit_length() - 1)


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes
) -> bool:
    """Return whether the proof shows a leaf's hash at this index under this root.

    Never raises: what has another form shows nothing. Source: RFC 9162 section 2.1.3.2.
    """
    if not 0 <= index < size or not _are_hashes([leaf, expected, *proof]):
        return False
    place, last, result = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            result = node_hash(step, result)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            result = node_hash(result, step)
        place, last = place >> 1, last >> 1
    return last == 0 and result == expected


def verify_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Return whether the proof shows that the tree of `old` leaves begins that of `new`.

    Never raises. An old tree without leaves begins every tree, if its root is that of no leaves.
    Source: RFC 9162 section 2.1.4.2.
    """
    if not 0 <= old <= new or not _are_hashes([old_root, new_root, *proof]):
        return False
    if old in {0, new}:
        wanted = EMPTY_ROOT if old == 0 else new_root
        return not proof and old_root == wanted
    steps = list(proof)
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            before, after = node_hash(step, before), node_hash(step, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, step)
        place, last = place >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


def _are_hashes(values: Sequence[bytes]) -> bool:
    return len(values) <= MAX_PROOF + 2 and all(len(value) == HASH_BYTES for value in values)


class Growing:
    """A tree that grows at its end and knows its root; it keeps one hash for each bit of its size.

    For whoever reads a log from its beginning. Proofs need `Nodes`.
    """

    __slots__ = ("_edge", "size")

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        """Begin with these leaf hashes."""
        self.size = 0
        self._edge: list[bytes] = []  # roots of the complete subtrees, largest first
        for leaf in leaves:
            self.append(leaf)

    def append(self, leaf: bytes) -> None:
        """Add a leaf by its hash."""
        below = self.size
        self.size += 1
        while below & 1:
            leaf = node_hash(self._edge.pop(), leaf)
            below >>= 1
        self._edge.append(leaf)

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        if not self._edge:
            return EMPTY_ROOT
        result = self._edge[-1]
        for left in self._edge[-2::-1]:
            result = node_hash(left, result)
        return result
