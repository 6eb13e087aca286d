"""Attacks on a signed log: flip, delete, reorder, truncate, insert, in every place that can be reached.

Each starts from an honest log in database and folder. Each must be found by `log verify` with the
store, in a sentence that names what was done; an honest one has no finding.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from logs import audited, busy, with_files
from world import World

from delegation.transparency.checkpoint import sign_checkpoint
from delegation.transparency.leaf import DecisionLeaf, read_leaf
from delegation.transparency.merkle import leaf_hash
from delegation.transparency.tile import ENTRIES, Tile, read_entries, write_entries


@pytest.fixture(scope="module")
def honest(tmp_path_factory) -> tuple[World, Path]:
    """Return a world with an honest log of 13 entries, and its folder."""
    folder = tmp_path_factory.mktemp("honest")
    world = with_files(World(path=folder / "s.db"), folder)
    busy(world, calls=8)
    world.tracker.update_log()
    return world, folder


@pytest.fixture
def place(honest, tmp_path: Path):
    """Return a copy that may be attacked, opened with the same keys."""
    world, folder = honest
    with sqlite3.connect(folder / "s.db") as source, sqlite3.connect(tmp_path / "s.db") as target:
        source.backup(target)
    source.close()
    target.close()
    shutil.copytree(folder / "log", tmp_path / "log")
    copy = object.__new__(World)
    copy.at = world.at
    from delegation.tracker import Tracker

    ring = world.tracker._desk.ring
    copy.tracker = Tracker.open(f"sqlite:///{tmp_path / 's.db'}", ring=ring, clock=lambda: copy.at)
    yield copy, tmp_path
    copy.tracker.close()


def sql(*statements: str) -> Callable[[World, Path], None]:
    """Return an attack on the database."""

    def attack(_: World, folder: Path) -> None:
        with sqlite3.connect(folder / "s.db") as connection:
            for statement in statements:
                assert connection.execute(statement).rowcount != 0, statement
        connection.close()

    return attack


def edit(name: str, change: Callable[[bytes], bytes]) -> Callable[[World, Path], None]:
    """Return an attack on a file of the folder."""

    def attack(_: World, folder: Path) -> None:
        file = folder / "log" / name
        before = file.read_bytes()
        file.write_bytes(change(before))
        assert file.read_bytes() != before

    return attack


def flipped(data: bytes) -> bytes:
    """Return data with one bit changed in its middle."""
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def bundle(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[bytes], bytes]:
    """Return a change of an entry bundle's entries."""
    return lambda data: write_entries(change(read_entries(Tile(ENTRIES, 0, 13), data)))


def swapped(items: list[bytes]) -> list[bytes]:
    """Return a list with two entries in the other order."""
    return [*items[:4], items[5], items[4], *items[6:]]


def allow(entry: bytes) -> bytes:
    """Return a denied decision's entry as an allowed one."""
    leaf = read_leaf(entry)
    assert isinstance(leaf, DecisionLeaf)
    return replace(leaf, allowed=True, step=None, code=None).entry


def forge(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[World, Path], None]:
    """Return the operator's attack: entries, tiles and a checkpoint with a good signature, all anew."""

    def attack(world: World, folder: Path) -> None:
        ring = world.tracker._desk.ring
        root = folder / "log"
        file = root / "tile" / "entries" / "000.p" / "13"
        entries = change(read_entries(Tile(ENTRIES, 0, 13), file.read_bytes()))
        shutil.rmtree(root / "tile")
        for path, data in (
            (Tile(ENTRIES, 0, len(entries)), write_entries(entries)),
            (Tile(0, 0, len(entries)), b"".join(map(leaf_hash, entries))),
        ):
            (root / path.path).parent.mkdir(parents=True)
            (root / path.path).write_bytes(data)
        from delegation.transparency.merkle import Growing

        head = Growing(map(leaf_hash, entries))
        origin = world.tracker.log_checkpoint().origin
        made = sign_checkpoint(origin, head.size, head.root(), ring.active("log").seed)
        (root / "checkpoint").write_bytes(made.text.encode())

    return attack


def resign(key: str) -> Callable[[World, Path], None]:
    """Return an attack that signs the checkpoint with another key."""

    def attack(world: World, folder: Path) -> None:
        ring = world.tracker._desk.ring
        head = world.tracker.log_checkpoint()
        seed = bytes(32) if key == "stranger" else ring.active(key).seed  # type: ignore[arg-type]
        made = sign_checkpoint(head.origin, head.size, head.root, seed)
        (folder / "log" / "checkpoint").write_bytes(made.text.encode())

    return attack


DENIED = "(SELECT max(sequence) FROM decision WHERE code = 'path_not_absolute')"
CHECKPOINT, HASHES, BUNDLE = "checkpoint", "tile/0/000.p/13", "tile/entries/000.p/13"
# What is done: the attack, a finding that must be among those made, words of its sentence.
ATTACKS: dict[str, tuple[Callable[[World, Path], None], str, str]] = {
    "row: a denial becomes an allowance": (
        sql(f"UPDATE decision SET allowed = 1, step = NULL, code = NULL WHERE sequence = {DENIED}"),
        "row_changed", "allowed, step, code"),
    "row: another tool": (sql("UPDATE decision SET tool = 'x.y' WHERE sequence = 1"), "row_changed", "tool"),
    "row: other arguments": (sql("UPDATE decision SET arguments = '{\"path\":\"/b\"}' WHERE sequence = 1"), "row_changed", "erasable"),
    "row: another proof": (sql("UPDATE decision SET proof = 'x' WHERE sequence = 1"), "row_changed", "erasable"),
    "row: another digest": (sql("UPDATE decision SET arguments_digest = x'00' WHERE sequence = 1"), "row_changed", "arguments"),
    "row: another cost": (sql("UPDATE decision SET cost = '{}' WHERE sequence = 1"), "row_changed", "cost"),
    "row: no JSON any more": (sql("UPDATE decision SET links = '[' WHERE sequence = 1"), "row_changed", "cannot be read"),
    "row: moved to another link": (sql("UPDATE decision SET link = NULL WHERE sequence = 1"), "row_changed", "link"),
    "row: another time": (sql("UPDATE decision SET at = at - 9 WHERE sequence = 1"), "row_changed", "at"),
    "row: deleted": (sql("DELETE FROM decision WHERE sequence = 2"), "row_missing", "deleted"),
    "row: two in the other order": (
        sql("UPDATE decision SET sequence = 99 WHERE sequence = 1", "UPDATE decision SET sequence = 1 WHERE sequence = 2",
            "UPDATE decision SET sequence = 2 WHERE sequence = 99"), "row_changed", "sequence"),
    "row: one put in": (
        sql("CREATE TEMP TABLE copy AS SELECT * FROM decision WHERE sequence = 1",
            "UPDATE copy SET sequence = 99, id = 'dec_put_in'", "INSERT INTO decision SELECT * FROM copy"),
        "row_unlogged", "dec_put_in"),
    "row: erased before its time": (
        sql("UPDATE decision SET arguments_salt = NULL, access = NULL, arguments = NULL, proof = NULL,"
            " detail = '[null,null]', resources = '[]' WHERE sequence = 1"), "row_erased_early", "before its time"),
    "row: half erased": (sql("UPDATE decision SET arguments_salt = NULL WHERE sequence = 1"), "row_changed", "erasable"),
    "row: a link's holder": (sql("UPDATE link SET holder_name = 'eve' WHERE depth = 1"), "row_changed", "holder_name"),
    "row: a link's payload": (sql("UPDATE link SET payload = x'7b7d' WHERE depth = 1"), "row_changed", "payload"),
    "row: a link's expiry": (sql("UPDATE link SET expires_at = expires_at + 1 WHERE depth = 1"), "row_changed", "expires_at"),
    "row: a link under another parent": (sql("UPDATE link SET parent = NULL WHERE depth = 2"), "row_changed", "parent"),
    "row: a link's signature": (sql("UPDATE link_evidence SET signature = x'00'"), "row_changed", "evidence"),
    "row: a link deleted": (sql("DELETE FROM link_evidence", "DELETE FROM link WHERE depth = 2"), "row_missing", "Link"),
    "entry in the database: flipped": (sql("UPDATE log_entry SET entry = x'7b7d' WHERE place = 5"), "log_differs", "Entry 5"),
    "entry in the database: with its hash": (
        sql("UPDATE log_entry SET entry = x'7b7d', hash = x'00' WHERE place = 5"), "log_differs", "Entry 5"),
    "entry in the database: deleted": (sql("DELETE FROM log_entry WHERE place = 5"), "log_differs", "Entry 5"),
    "entry in the database: truncated": (sql("DELETE FROM log_entry WHERE place = 12"), "log_differs", "12 entries"),
    "entry in the database: put in before it has a place": (
        sql("UPDATE log_entry SET record = 'x' WHERE place = 5"), "row_unlogged", "no leaf"),
    "entry: flipped": (edit(BUNDLE, flipped), "entry_differs", "Entry"),
    "entry: a denial becomes an allowance": (edit(BUNDLE, bundle(lambda e: [*e[:11], allow(e[11]), e[12]])), "entry_differs", "Entry 11"),
    "entry: two in the other order": (edit(BUNDLE, bundle(swapped)), "entry_differs", "Entry 4"),
    "entry: one less": (edit(BUNDLE, bundle(lambda e: e[:-1])), "tile_malformed", "13 entries"),
    "entry: one more": (edit(BUNDLE, bundle(lambda e: [*e, e[0]])), "tile_malformed", "13 entries"),
    "entry: cut off": (edit(BUNDLE, lambda data: data[:-3]), "tile_malformed", "whole entries"),
    "tile: flipped": (edit(HASHES, flipped), "entry_differs", "Entry 6"),
    "tile: two in the other order": (edit(HASHES, lambda d: d[32:64] + d[:32] + d[64:]), "entry_differs", "Entry 0"),
    "tile: cut off": (edit(HASHES, lambda data: data[:-32]), "tile_malformed", "13 hashes"),
    "tile: one more": (edit(HASHES, lambda data: data + data[:32]), "tile_malformed", "13 hashes"),
    "tile: deleted": (lambda _, f: (f / "log" / HASHES).unlink(), "tile_missing", HASHES),
    "bundle: deleted": (lambda _, f: (f / "log" / BUNDLE).unlink(), "tile_missing", BUNDLE),
    "checkpoint: a smaller size": (edit(CHECKPOINT, lambda d: d.replace(b"\n13\n", b"\n12\n")), "checkpoint_signature", "not signed"),
    "checkpoint: another root": (edit(CHECKPOINT, lambda d: d.replace(d.split(b"\n")[2], b"A" * 43 + b"=")), "checkpoint_signature", "not signed"),
    "checkpoint: another spelling": (edit(CHECKPOINT, lambda d: d.replace(b"\n13\n", b"\n013\n")), "checkpoint_malformed", "signed note"),
    "checkpoint: cut off": (edit(CHECKPOINT, lambda data: data[:-9]), "checkpoint_malformed", "signed note"),
    "checkpoint: deleted": (lambda _, f: (f / "log" / CHECKPOINT).unlink(), "checkpoint_missing", "no checkpoint"),
    "checkpoint: a stranger's signature": (resign("stranger"), "checkpoint_signature", "not signed"),
    "checkpoint: another key of the ring": (resign("service"), "checkpoint_signature", "not signed"),
    # The operator holds the log's key. What stands in the entries contradicts it, or the store does.
    "operator: a decision left out": (forge(lambda e: [*e[:5], *e[6:]]), "leaf_misplaced", "taken out"),
    "operator: the order changed": (forge(swapped), "leaf_misplaced", "moved"),
    "operator: a decision twice": (forge(lambda e: [*e, e[-1]]), "leaf_misplaced", "twice"),
    "operator: a link left out": (forge(lambda e: [*e[:1], *e[2:]]), "leaf_misplaced", "taken out"),
    "operator: a link nobody signed": (
        forge(lambda e: [e[0], unsigned(e[1]), *e[2:]]),
        "leaf_misplaced", "not signed by the holder above"),
    "operator: another root link": (forge(lambda e: [unsigned(e[0]), *e[1:]]), "leaf_misplaced", "not signed by"),
}  # fmt: skip


def unsigned(entry: bytes) -> bytes:
    """Return a link's entry with another signature."""
    leaf = read_leaf(entry)
    return replace(leaf, evidence=replace(leaf.evidence, signature=bytes(64))).entry  # type: ignore[union-attr]


@pytest.mark.parametrize(("attack", "code", "words"), ATTACKS.values(), ids=ATTACKS)
def test_every_change_is_found_and_named(place, attack, code: str, words: str) -> None:
    """The audit of the folder, or the comparison with the store, says what was done."""
    world, folder = place
    assert not [*audited(world, folder).findings, *world.tracker.compare_log()]
    attack(world, folder)
    found = [*audited(world, folder).findings, *world.tracker.compare_log()]
    assert any(one.code == code and words in one.message for one in found), found


REWRITES = {
    "the end is cut off": (lambda e: e[:-1], "log_shrunk"),
    "the first decision says something else": (
        lambda e: [*e[:11], allow(e[11]), *e[12:]], "history_rewritten"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "code"), REWRITES.values(), ids=REWRITES)
def test_a_rewrite_that_the_operator_signs_is_found_by_an_older_checkpoint_only(
    place, change, code: str
) -> None:
    """What the docs say plainly: without an older checkpoint or the store, nothing contradicts it."""
    world, folder = place
    older = (folder / "log" / "checkpoint").read_text()
    forge(change)(world, folder)
    if code == "log_shrunk":
        assert audited(world, folder)
    assert code in {one.code for one in audited(world, folder, since=older).findings}


def test_an_older_checkpoint_must_be_this_logs(place) -> None:
    """A stranger's checkpoint, or what is none, shows nothing and is said so."""
    world, folder = place
    head = world.tracker.log_checkpoint()
    strange = sign_checkpoint(head.origin, 3, bytes(32), bytes(32)).text
    assert [f.code for f in audited(world, folder, since=strange).findings] == ["older_signature"]
    assert [f.code for f in audited(world, folder, since="?").findings] == ["older_malformed"]
    assert audited(world, folder, since=head.text)


def test_the_exact_tree_of_calls_and_links_comes_out_of_the_log_alone(place) -> None:
    """Folder and public keys only: the same links under the same parents, with the same calls."""
    world, folder = place
    rebuilt = list(audited(world, folder).forest.lines())
    expected: list[str] = []

    def draw(parent, depth: int) -> None:
        for link in world.tracker.links(limit=1000):
            if link.parent == parent:
                pad = "  " * depth
                expected.append(f"{pad}{link.task} {link.id} {link.claimed_name}")
                expected.extend(
                    f"{pad}  {made.id} {made.tool} {made.code or 'allowed'}"
                    for made in world.tracker.decisions(link=link.id, limit=1000)
                )
                draw(link.id, depth + 1)

    draw(None, 0)
    expected += [
        f"{made.id} {made.tool} {made.code}"
        for made in world.tracker.decisions(limit=1000)
        if made.link is None
    ]
    assert rebuilt == expected
    assert len(rebuilt) == 13


def test_no_keys_verify_nothing(place) -> None:
    """What is not known is refused: without a key no checkpoint is signed."""
    world, folder = place
    from delegation.cli.log import FolderSource
    from delegation.transparency.audit import audit

    assert not audit(FolderSource(folder / "log"), [])
    hashes = audit(
        FolderSource(folder / "log"), world.tracker.log_status().keys, reads_entries=False
    )
    assert hashes
    assert not hashes.forest.links
