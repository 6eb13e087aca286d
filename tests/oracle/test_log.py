"""An independent reader of C2SP logs, tlog-scales: it reads our tiles, and agrees on every hash."""

from __future__ import annotations

from pathlib import Path

import pytest
from logs import busy, with_files
from world import World

from delegation.commands.ring import FixedRing
from delegation.records.log import sequencer
from delegation.transparency.checkpoint import LogKey
from delegation.transparency.tile import tiles_of

backend = pytest.importorskip("tlog_scales.backend")
reader = pytest.importorskip("tlog_scales.reader")
signing = pytest.importorskip("tlog_scales.signing")


def filled(world: World, entries: int) -> None:
    """Record so many leaves, unproven denials all, without waiting for each."""
    world.tracker._store._gate.admits = lambda *_: True
    for start in range(0, entries, 400):
        pending = [
            world.tracker.begin_check("?", None, world.access())
            for _ in range(min(400, entries - start))
        ]
        for one in pending:
            one.result(90)


@pytest.fixture(scope="module")
def log(tmp_path_factory) -> tuple[World, Path]:
    """Return a world with a log of two levels of tiles."""
    folder = tmp_path_factory.mktemp("oracle")
    world = with_files(World(path=folder / "s.db"), folder)
    busy(world)
    link = world.root().id
    world.tracker.suspend("link", link, by="op", reason="caf\u0065\u0301")
    world.tracker.resume("link", link, by="op")
    world.tracker.revoke("link", link, by="op")
    filled(world, 1500)
    world.tracker.update_log()
    return world, folder / "log"


def test_it_reads_our_checkpoint_and_believes_our_signature(log) -> None:
    """The head is read and its signature is good; over another size it is not."""
    world, folder = log
    head = world.tracker.log_checkpoint()
    found = reader.TilesReader(backend.LocalBackend(folder)).get_checkpoint()
    assert (found.origin, found.size, found.root_hash) == (head.origin, head.size, head.root)
    (key,) = world.tracker.log_status().keys
    keys = signing.VkeySet(signing.Vkey.from_string(key.text))
    # It returns the good signatures and does not raise: none is none.
    assert len(keys.verify(found.signatures, found)) == 1
    found.__dict__["size"] = found.size - 1
    assert len(keys.verify(found.signatures, found)) == 0


def test_it_believes_a_rotated_log_with_either_key_alone(log) -> None:
    """The head bears the old and the new key's signature; a third key's is none of them."""
    world, folder = log
    kept = world.tracker._log.publisher
    before = kept.source
    try:
        kept.source = FixedRing(before.ring.rotated("log", at=world.at, keep=99))
        world.tracker.update_log()
        found = reader.TilesReader(backend.LocalBackend(folder)).get_checkpoint()
        for key in world.tracker.log_status().keys:
            keys = signing.VkeySet(signing.Vkey.from_string(key.text))
            assert len(keys.verify(found.signatures, found)) == 1
        other = LogKey(found.origin, before.ring.active("service").public)
        keys = signing.VkeySet(signing.Vkey.from_string(other.text))
        assert len(keys.verify(found.signatures, found)) == 0
    finally:
        kept.source = before
        world.tracker._log.publisher.update(at=world.at)


def test_it_computes_our_root_from_our_tiles(log) -> None:
    """And reads our entries by their place."""
    world, folder = log
    other = reader.TilesReader(backend.LocalBackend(folder))
    head = other.get_checkpoint()
    assert head.size == 1512
    assert other.calculate_root_hash() == head.root_hash
    changes = 0
    with world.tracker._log.reading() as ours:
        for place, _, entry in ours.entries(head.size):
            if place % 97 == 0 or b'"kind":"change"' in entry:
                assert other.get_entry(place) == entry
                changes += b'"kind":"change"' in entry
    assert changes == 3


def test_it_makes_our_proofs(log) -> None:
    """Inclusion and consistency proofs are equal byte for byte, at the edges and between."""
    world, folder = log
    other = reader.TilesReader(backend.LocalBackend(folder))
    size = other.get_checkpoint().size
    for index in (0, 1, 255, 256, 511, 1024, 1500, size - 1):
        theirs = other.get_inclusion_proof(index, size)
        assert list(world.tracker.log_inclusion(index, size)) == list(theirs.node_hashes)
    for old in (1, 2, 255, 256, 257, 512, 1023, 1024, 1280, size - 1, size):
        theirs = other.get_consistency_proof(old, size)
        assert list(world.tracker.log_consistency(old, size)) == list(theirs.node_hashes)


def test_every_file_is_where_it_looks(log) -> None:
    """The folder holds the tiles of the size, and nothing else but the checkpoint."""
    world, folder = log
    size = world.tracker.log_checkpoint().size
    wanted = {tile.path for tile in tiles_of(size)} | {"checkpoint"}
    found = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert found == wanted
    assert size > sequencer.MOST  # several transactions made it
