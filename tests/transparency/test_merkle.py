"""The tree of RFC 6962: the published vectors, and laws against a naive reading of the text."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from delegation.transparency.merkle import (
    EMPTY_ROOT,
    Growing,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

# The eight leaves and the roots over the first n of them that certificate transparency publishes.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def naive(leaves: list[bytes]) -> bytes:
    """Return MTH as section 2.1 writes it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(naive(leaves[:k]), naive(leaves[k:]))


def nodes_of(leaves: list[bytes]):
    """Return the complete subtrees of a list."""
    return lambda height, index: naive(leaves[index << height : (index + 1) << height])


def hashes(size: int) -> list[bytes]:
    """Return leaf hashes."""
    return [leaf_hash(str(n).encode()) for n in range(size)]


def test_the_published_vectors_hold() -> None:
    """Roots over one to eight leaves are those that everybody computes."""
    leaves = [leaf_hash(bytes.fromhex(one)) for one in LEAVES]
    for size, expected in enumerate(ROOTS, start=1):
        assert root(size, nodes_of(leaves)).hex() == expected
        assert Growing(leaves[:size]).root().hex() == expected
    assert Growing().root() == EMPTY_ROOT == root(0, nodes_of([]))


SIZES = st.integers(1, 70)


@given(size=SIZES, data=st.data())
def test_an_inclusion_proof_shows_its_leaf_and_no_other(size: int, data) -> None:
    """Every leaf is shown by its path; another leaf, index, size or path shows nothing."""
    index = data.draw(st.integers(0, size - 1))
    leaves = hashes(size)
    top = naive(leaves)
    proof = inclusion_proof(index, size, nodes_of(leaves))
    assert verify_inclusion(leaves[index], index, size, proof, top)
    assert not verify_inclusion(leaf_hash(b"other"), index, size, proof, top)
    other = data.draw(st.integers(-1, size))
    if other != index:
        assert not verify_inclusion(leaves[index], other, size, proof, top)
    assert not verify_inclusion(leaves[index], index, size, [*proof, top], top)
    if proof:
        assert not verify_inclusion(leaves[index], index, size, proof[:-1], top)
        place = data.draw(st.integers(0, len(proof) - 1))
        changed = [*proof[:place], leaf_hash(b"x"), *proof[place + 1 :]]
        assert not verify_inclusion(leaves[index], index, size, changed, top)
        assert not verify_inclusion(leaves[index], index, size, [b"short", *proof[1:]], top)


@given(new=SIZES, data=st.data())
def test_a_consistency_proof_shows_the_beginning_and_no_other(new: int, data) -> None:
    """A tree begins its continuations; a tree with one leaf changed, or of another size, does not."""
    old = data.draw(st.integers(1, new))
    leaves = hashes(new)
    before, after = naive(leaves[:old]), naive(leaves)
    proof = consistency_proof(old, new, nodes_of(leaves))
    assert verify_consistency(old, new, before, after, proof)
    changed = data.draw(st.integers(0, old - 1))
    forked = [*leaves[:changed], leaf_hash(b"forked"), *leaves[changed + 1 :]]
    assert not verify_consistency(old, new, naive(forked[:old]), after, proof)
    assert not verify_consistency(old, new, before, naive(forked), proof)
    assert not verify_consistency(old, new, before, after, [*proof, after])
    if old > 1:
        assert not verify_consistency(old - 1, new, before, after, proof)
    if proof:
        assert not verify_consistency(old, new, before, after, proof[1:])


def test_the_empty_tree_begins_every_tree_by_its_own_root_only() -> None:
    """Size 0 needs no proof; another root under that name shows nothing."""
    leaves = hashes(3)
    assert verify_consistency(0, 3, EMPTY_ROOT, naive(leaves), [])
    assert not verify_consistency(0, 3, leaves[0], naive(leaves), [])
    assert not verify_consistency(0, 3, EMPTY_ROOT, naive(leaves), [leaves[0]])
    assert not verify_consistency(4, 3, naive(leaves), naive(leaves), [])
    assert not verify_inclusion(leaves[0], 0, 0, [], EMPTY_ROOT)
