"""The log over records: dense places in commit order, signed heads, tiles, proofs; no fork is signed."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from logs import audited, busy, codes, publisher, reopened, with_files
from sqlalchemy import text
from world import World
from writing import scalar

from delegation import Grant
from delegation.commands.ring import FixedRing
from delegation.errors import LogStoppedError, NotFoundError
from delegation.identity.keyring import KeyRing
from delegation.records.engine.database import Database
from delegation.records.log import sequencer
from delegation.records.schema import migrate
from delegation.transparency.checkpoint import read_checkpoint
from delegation.transparency.leaf import DecisionLeaf, LinkLeaf, read_leaf
from delegation.transparency.merkle import leaf_hash, verify_consistency, verify_inclusion


def leaves(world: World):
    """Return the log's leaves in their order."""
    size = world.tracker.log_status().size
    with world.tracker._log.reading() as log:
        return [read_leaf(entry) for _, _, entry in log.entries(size)]


def before_the_log() -> str:
    """Return the revision that the log's migration builds on."""
    from alembic.script import ScriptDirectory

    found = ScriptDirectory(str(migrate._FOLDER)).get_revision("0006")
    return str(found.down_revision)


def execute(world: World, statement: str, **values: object) -> None:
    """Change the database behind the program's back."""
    with world.tracker._store._database.writing() as connection:
        connection.execute(text(statement), values)


def test_every_decision_and_link_is_a_leaf(filed: World, tmp_path: Path) -> None:
    """Allowed, denied and unproven decisions, and all links, parents before what is under them."""
    with_files(filed, tmp_path)
    busy(filed)
    before = filed.tracker.log_status()
    assert (before.size, before.waiting, before.signed) == (0, 8, 0)
    status = filed.tracker.update_log()
    assert (status.size, status.waiting, status.signed, status.stopped) == (8, 0, 8, "")
    found = leaves(filed)
    assert [leaf.kind for leaf in found[:3]] == ["link"] * 3
    assert {leaf.id for leaf in found if isinstance(leaf, LinkLeaf)} == {
        link.id for link in filed.tracker.links()
    }
    made = [leaf for leaf in found if isinstance(leaf, DecisionLeaf)]
    assert [leaf.id for leaf in made] == [entry.id for entry in filed.tracker.decisions()]
    assert {leaf.code for leaf in made} == {None, "path_not_absolute", "proof_signature"}
    assert audited(filed)
    assert audited(filed, tmp_path)
    assert filed.tracker.compare_log() == ()


def test_a_decisions_proof_is_believed_with_the_logs_key_alone(filed: World) -> None:
    """What a caller keeps: leaf, path, checkpoint; a second log continues the first."""
    busy(filed)
    with pytest.raises(NotFoundError):
        filed.tracker.log_checkpoint()
    old = filed.tracker.update_log() and filed.tracker.log_checkpoint()
    decision = filed.tracker.decisions()[0]
    proof = filed.tracker.decision_proof(decision.id)
    keys = filed.tracker.log_status().keys
    leaf = proof.verify(keys)
    assert isinstance(leaf, DecisionLeaf)
    assert (leaf.id, leaf.allowed) == (decision.id, True)
    link = filed.tracker.links()[0]
    assert filed.tracker.link_proof(link.id).verify(keys).id == link.id
    busy(filed)
    later = filed.tracker.decisions()[-1].id
    with pytest.raises(NotFoundError):
        filed.tracker.decision_proof(later)  # no checkpoint covers it yet
    filed.tracker.update_log()
    new = filed.tracker.log_checkpoint()
    path = filed.tracker.log_consistency(old.size, new.size)
    assert verify_consistency(old.size, new.size, old.root, new.root, path)
    path = filed.tracker.log_inclusion(0, old.size)
    assert verify_inclusion(leaf_hash(leaves(filed)[0].entry), 0, old.size, path, old.root)
    for bad in ((0, old.size), (5, 4), (1, new.size + 1)):
        with pytest.raises(NotFoundError):
            filed.tracker.log_consistency(*bad)
    for bad in ((old.size, old.size), (0, new.size + 1)):
        with pytest.raises(NotFoundError):
            filed.tracker.log_inclusion(*bad)


def test_a_record_and_its_leaf_are_committed_together(filed: World, monkeypatch) -> None:
    """A leaf that cannot be written takes the record with it, and nothing is allowed."""
    token = filed.chain("boss", "a")

    def failing(*_: object) -> None:
        raise ZeroDivisionError

    from delegation.records.settling import batch

    monkeypatch.setattr(batch, "log_decisions", failing)
    with pytest.raises(Exception, match="recorded"):
        filed.check(token, "a")
    assert scalar(filed, "SELECT count(*) FROM decision") == 0
    assert scalar(filed, "SELECT count(*) FROM log_pending") == 1  # the root, issued before


def test_two_sequencers_give_each_record_one_place(filed: World, url: str) -> None:
    """Whoever comes first moves what waits; places are dense and each record has one."""
    other = reopened(filed, url)
    token = filed.chain("boss", "a", "b")
    errors: list[Exception] = []

    def update(world: World) -> None:
        try:
            for _ in range(12):
                world.tracker.update_log()
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=update, args=(one,)) for one in (filed, other)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        filed.check(token, "b")
    for thread in threads:
        thread.join()
    filed.tracker.update_log()
    other.tracker.close()
    assert not errors
    assert scalar(filed, "SELECT count(*) FROM log_entry") == 33
    assert scalar(filed, "SELECT max(place) FROM log_entry") == 32
    assert audited(filed)
    assert filed.tracker.compare_log() == ()


def test_a_link_that_two_processes_recorded_at_once_has_one_place(filed: World) -> None:
    """The same leaf waits twice, or once more after it has its place: it stands in the log once."""
    busy(filed)
    copy = (
        "INSERT INTO log_pending (kind, record, hash, entry) SELECT kind, record, hash, entry FROM"
    )
    execute(filed, f"{copy} log_pending WHERE kind = 'link'")
    filed.tracker.update_log()
    execute(filed, f"{copy} log_entry WHERE kind = 'link'")
    status = filed.tracker.update_log()
    assert (status.size, status.waiting) == (8, 0)
    assert audited(filed)


def test_more_than_a_tile_climbs_into_the_level_above(filed: World, monkeypatch, tmp_path) -> None:
    """Rows of 256 fill level 1, in steps of any size; tiles from disk and from the database agree."""
    with_files(filed, tmp_path)
    monkeypatch.setattr(sequencer, "MOST", 100)
    filed.tracker._store._gate.admits = lambda *_: True
    for n in range(600):
        filed.tracker.check("?", None, filed.access())
        if n in {10, 300}:
            filed.tracker.update_log()
    filed.tracker.update_log()
    assert scalar(filed, "SELECT count(*) FROM log_node") == 2
    assert audited(filed)
    assert audited(filed, tmp_path)
    assert filed.tracker.compare_log() == ()
    root = tmp_path / "log" / "tile"
    assert {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()} >= {
        "0/000", "0/001", "0/002.p/88", "1/000.p/2", "entries/000", "entries/002.p/88",
    }  # fmt: skip
    assert not (root / "0" / "000.p").exists()  # a full tile takes the place of its partial ones
    for path in ("tile/0/000", "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/001"):
        assert filed.tracker.log_tile(path) == (tmp_path / "log" / path).read_bytes()
    with pytest.raises(NotFoundError):
        filed.tracker.log_tile("tile/0/002.p/89")


def test_deleted_tiles_are_written_again_the_same(filed: World, tmp_path: Path) -> None:
    """Tiles are derived: rebuilt from the database, they are equal byte for byte."""
    with_files(filed, tmp_path)
    busy(filed)
    filed.tracker.update_log()
    files = {p: p.read_bytes() for p in (tmp_path / "log").rglob("*") if p.is_file()}
    shutil.rmtree(tmp_path / "log" / "tile")
    assert "tile_missing" in codes(filed, tmp_path)
    assert filed.tracker.rebuild_log() == 2
    assert {p: p.read_bytes() for p in (tmp_path / "log").rglob("*") if p.is_file()} == files
    shutil.rmtree(tmp_path / "log")
    filed.tracker.update_log()
    assert {p: p.read_bytes() for p in (tmp_path / "log").rglob("*") if p.is_file()} == files


def test_records_from_before_the_log_are_sequenced_at_the_first_update(
    url: str, tmp_path: Path, monkeypatch
) -> None:
    """An existing store gets all its links, then its decisions, then what is new."""
    world = World(url=url)
    monkeypatch.setattr(sequencer, "MOST", 2)
    busy(world)
    database = Database(url)
    # What an upgrade from before the log leaves: records, an empty log, and marks up to where.
    migrate.downgrade(database, before_the_log())
    with database.writing() as connection:
        connection.execute(
            text("UPDATE decision SET arguments_salt = NULL WHERE code = 'proof_signature'")
        )
    migrate.upgrade(database)
    database.close()
    again = reopened(world, url)
    busy(again)
    assert again.tracker.log_status().waiting == 8 + 8
    status = again.tracker.update_log()
    assert (status.size, status.waiting) == (16, 0)
    assert audited(again)
    assert again.tracker.compare_log() == ()
    assert scalar(again, "SELECT count(*) FROM decision WHERE arguments_salt IS NULL") == 0
    again.tracker.close()
    world.tracker.close()


def test_a_ring_without_a_log_key_gives_places_and_signs_nothing(url: str) -> None:
    """Rings from before the log: records get places; a key that is added later signs them all."""
    world = World(url=url)
    ring = KeyRing.generate(world.tracker.issuer, roles=("issuer", "service"))
    kept = publisher(world)
    busy(world)
    kept.source = FixedRing(ring)
    status = world.tracker.update_log()
    assert (status.size, status.signed, status.keys) == (8, 0, ())
    assert kept.is_due() is False
    kept.source = FixedRing(ring.rotated("log", at=world.at, keep=10))
    assert kept.is_due() is True
    assert world.tracker.update_log().signed == 8
    assert audited(world)
    world.tracker.close()


def test_a_rotated_log_key_continues_the_log(filed: World) -> None:
    """The new key signs; what the old one signed is still this log's."""
    busy(filed)
    filed.tracker.update_log()
    old = filed.tracker.log_checkpoint()
    kept = publisher(filed)
    kept.source = FixedRing(kept.source.ring.rotated("log", at=filed.at, keep=10))
    busy(filed)
    filed.tracker.update_log()
    new = filed.tracker.log_checkpoint()
    keys = filed.tracker.log_status().keys
    assert len(keys) == 2
    assert old.is_signed_by(keys[:1])
    assert new.is_signed_by(keys[1:])
    assert new.is_signed_by(keys[:1]), "as long as the old key is believed, it signs along"
    filed.at += 10
    busy(filed)
    filed.tracker.update_log()
    later = filed.tracker.log_checkpoint()
    assert later.is_signed_by(keys[1:])
    assert not later.is_signed_by(keys[:1])
    assert audited(filed)


def test_the_log_key_signs_nothing_else_and_no_other_key_signs_the_log(filed: World) -> None:
    """A key of the ring serves one role; the head names the log key."""
    busy(filed)
    filed.tracker.update_log()
    ring = filed.tracker._desk.ring
    (log_key,) = [key for key in ring.keys if key.role == "log"]
    head = filed.tracker.log_checkpoint()
    from delegation.transparency.checkpoint import LogKey

    signers = [
        key.role
        for key in ring.keys
        if key.public and head.is_signed_by([LogKey(head.origin, key.public)])
    ]
    assert signers == ["log"]
    assert ring.is_ring_key(log_key.public)


def test_nothing_is_signed_while_the_stored_head_is_not_the_beginning(
    filed: World, tmp_path: Path
) -> None:
    """Entries that changed under a signed head: stopped, noted, found; calls are decided all the same."""
    busy(filed)
    filed.tracker.update_log()
    head = filed.tracker.log_checkpoint()
    busy(filed)
    execute(filed, "UPDATE log_entry SET hash = :h WHERE place = 2", h=bytes(32))
    with pytest.raises(LogStoppedError, match="are not those of"):
        filed.tracker.update_log()
    assert filed.tracker.log_checkpoint() == head
    assert "are not those of" in filed.tracker.log_status().stopped
    assert "log_stopped" in codes(filed)
    assert filed.check(filed.chain("boss", "z"), "z")


STOPS = {
    "the last entry was deleted": "DELETE FROM log_entry WHERE place = 7",
    "an entry was put in": "INSERT INTO log_entry (place, kind, record, hash, entry)"
    " SELECT 8, 'link', 'x', hash, entry FROM log_entry WHERE place = 0",
    "the size was lowered, too": "DELETE FROM log_entry WHERE place = 7; UPDATE log_state SET size = 7",
    "the head was taken from another log": "UPDATE log_state SET head = 'HEAD'",
}


@pytest.mark.parametrize("statements", STOPS.values(), ids=STOPS)
def test_a_log_that_was_changed_is_not_signed(filed: World, statements: str) -> None:
    """Entries deleted or put in, a state made smaller, a strange head: the sequencer stops."""
    busy(filed)
    filed.tracker.update_log()
    stranger = KeyRing.generate(filed.tracker.issuer)
    head = filed.tracker.log_checkpoint()
    from delegation.transparency.checkpoint import sign_checkpoint

    other = sign_checkpoint(head.origin, head.size, head.root, stranger.active("log").seed)
    for statement in statements.split(";"):
        execute(filed, statement.replace("HEAD", other.text))
    busy(filed)
    with pytest.raises(LogStoppedError):
        filed.tracker.update_log()


def test_a_leaf_that_was_changed_while_it_waited_stops_the_log(filed: World) -> None:
    """The hash was stored with the record; another entry under it has no place."""
    busy(filed)
    execute(filed, "UPDATE log_pending SET entry = :e WHERE n = 2", e=b"{}")
    with pytest.raises(LogStoppedError, match="changed before it had a place"):
        filed.tracker.update_log()


def test_what_another_process_signed_meanwhile_is_not_signed_over(
    filed: World, url: str, monkeypatch
) -> None:
    """Compare and swap: whoever looked before loses, and its smaller head is nowhere."""
    busy(filed)
    filed.tracker.update_log()
    kept = publisher(filed)
    real, heads = kept._swap, []

    def late(old, new, at):
        with filed.tracker._store._database.reading() as connection:
            heads.append(connection.execute(text("SELECT head FROM log_state")).scalar_one())
        execute(filed, "UPDATE log_state SET signed_at = 1")
        other = reopened(filed, url)
        publisher(other)._alone = kept_alone  # the lock is ours here; a split brain has none
        busy(other)
        other.tracker.update_log()
        other.tracker.close()
        return real(old, new, at)

    from contextlib import contextmanager

    @contextmanager
    def kept_alone():
        yield lambda: None

    monkeypatch.setattr(kept, "_swap", late)
    busy(filed)
    filed.tracker.update_log()
    assert filed.tracker.log_checkpoint().size == 24
    assert read_checkpoint(heads[0]).size == 8
    assert audited(filed)


def test_a_child_link_seen_first_in_a_call_comes_before_that_call(filed: World) -> None:
    """Links of one transaction are placed before its decisions."""
    token = filed.chain("boss", "a")
    leaf = token.delegate(by=filed.key("a"), to=filed.key("q").public, grant=Grant())
    filed.check(leaf, "q")
    filed.tracker.update_log()
    assert [one.kind for one in leaves(filed)] == ["link", "link", "link", "decision"]
