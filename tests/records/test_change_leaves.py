"""Changes of standing in the log: one leaf each, late ones with their own times, seen by an auditor."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from logs import audited, busy, codes, with_files
from sqlalchemy import text
from world import World

from delegation.canonical import b64u
from delegation.records.log.log import SqlLog
from delegation.records.schema import migrate
from delegation.transparency.forest import Forest
from delegation.transparency.leaf import ChangeLeaf, DecisionLeaf, LinkLeaf, read_leaf


def leaves(world: World):
    """Return the log's leaves in their order."""
    size = world.tracker.log_status().size
    with world.tracker._log.reading() as log:
        assert isinstance(log, SqlLog)
        return [read_leaf(entry) for _, _, entry in log.entries(size)]


def ended(world: World) -> None:
    """Revoke, suspend, resume, freeze, thaw, close and register."""
    tracker, token = world.tracker, world.chain("boss", "a")
    world.check(token, "a")
    tracker.suspend("link", token.id, by="op", reason="a look, caf\u0065\u0301")
    world.check(token, "a")
    tracker.resume("link", token.id, by="op")
    tracker.freeze(by="op", reason="drill")
    tracker.unfreeze(by="op")
    tracker.add_agent("scout", owner="ana@acme.example", keys=[world.key("a").public])
    tracker.revoke("link", token.id, by="op", reason="leaked", effective_at=world.at + 5)
    world.check(token, "a")
    tracker.close_task(world.task.id)
    world.check(token, "a")


def test_every_change_is_a_leaf_in_the_order_in_which_it_held(filed: World, tmp_path: Path) -> None:
    """With its number, its words, and between the calls that were decided before and after it."""
    with_files(filed, tmp_path)
    ended(filed)
    filed.tracker.update_log()
    found = [leaf for leaf in leaves(filed) if isinstance(leaf, ChangeLeaf)]
    assert [leaf.act for leaf in found] == [
        "suspend", "resume", "suspend", "resume", "register", "revoke", "close"
    ]  # fmt: skip
    assert [leaf.epoch for leaf in found] == list(range(1, 8))
    assert found[0].reason == "a look, caf\u0065\u0301"
    assert (found[5].effective_at, found[5].at) == (filed.at + 5, filed.at)
    kinds = [leaf.kind for leaf in leaves(filed)]
    assert kinds == [
        "link", "link", "decision", "change", "decision", "change", "change", "change", "change", "change",
        "decision", "change", "decision",
    ]  # fmt: skip
    done = audited(filed, tmp_path)
    assert done, done.findings
    assert len(done.forest.changes) == 7
    assert any(line.endswith("revoke link " + found[5].subject) for line in done.forest.lines())
    assert filed.tracker.compare_log() == ()


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE revocation SET reason = 'other' WHERE epoch = 1", "row_changed"),
        ("UPDATE revocation SET effective_at = effective_at + 9 WHERE epoch = 1", "row_changed"),
        ("DELETE FROM revocation WHERE epoch = 1", "row_missing"),
        (
            (
                "INSERT INTO revocation (epoch, kind, id, act, by, reason, at, effective_at, cause)"
                " SELECT 99, kind, id, 'resume', by, '', at, at, '' FROM revocation WHERE epoch = 1"
            ),
            "row_unlogged",
        ),
    ],
)
def test_a_change_that_was_put_right_afterwards_is_found(filed: World, statement, code) -> None:
    """Whoever holds the database lifts, hides and adds nothing unseen."""
    filed.tracker.suspend("link", filed.root().id, by="op", reason="a")
    filed.tracker.update_log()
    with filed.tracker._store._database.writing() as connection:
        connection.execute(text(statement))
    assert codes(filed) == {code}


def test_an_auditor_finds_a_call_that_was_allowed_all_the_same(world: World) -> None:
    """From the log alone: the change's number, the call's, and its subjects."""
    token = world.chain("boss", "a")
    world.check(token, "a")
    world.tracker.revoke("key", _key(world), by="op")
    world.check(token, "a")
    world.tracker.update_log()
    found = leaves(world)
    links = [leaf for leaf in found if isinstance(leaf, LinkLeaf)]
    (change,) = (leaf for leaf in found if isinstance(leaf, ChangeLeaf))
    call = next(leaf for leaf in found if isinstance(leaf, DecisionLeaf) and leaf.allowed)
    for kind, subject in (
        ("key", change.subject), ("link", links[0].id), ("task", world.task.id), ("everything", "*"),
        ("tool", "files.read"),
    ):  # fmt: skip
        for act, epochs, says in (
            ("revoke", (1, 1), "had ended it"), ("revoke", (1, 0), None), ("suspend", (1, 1), "had ended it"),
            ("close", (1, 2), "had ended it"),
        ):  # fmt: skip
            forest = Forest()
            for leaf in links:
                assert forest.add(leaf) is None
            told = replace(change, act=act, subject_kind=kind, subject=subject, epoch=epochs[0])
            assert forest.add(told) is None
            wrong = forest.add(replace(call, epoch=epochs[1]))
            assert (wrong is None) if says is None else says in str(wrong)
            assert "after change 1" in str(forest.add(told))
    forest = Forest()
    for leaf in links:
        forest.add(leaf)
    forest.add(replace(change, act="suspend"))
    forest.add(replace(change, act="resume", epoch=2))
    assert forest.add(replace(call, epoch=2)) is None


def _key(world: World) -> str:
    return b64u(world.key("a").public.key)


def test_changes_from_before_get_their_leaves_late_with_their_own_times(
    filed: World, tmp_path: Path
) -> None:
    """An upgraded store: the log goes on from its old checkpoint, then tells what was ended before."""
    with_files(filed, tmp_path)
    tracker, database = filed.tracker, filed.tracker._store._database
    token = filed.chain("boss", "a")
    tracker.suspend("link", token.id, by="op", reason="then")
    tracker.resume("link", token.id, by="op")
    busy(filed)
    with database.writing() as connection:  # as a release without such leaves had it
        connection.execute(text("DELETE FROM log_pending WHERE kind = 'change'"))
    tracker.update_log()
    before = tracker.log_checkpoint()
    migrate.downgrade(database, "0017")
    with database.reading() as connection:
        assert "changes_upto" not in set(
            connection.execute(text("SELECT * FROM log_state")).mappings().one()
        )
    migrate.upgrade(database)
    filed.at += 1000
    assert tracker.update_log().stopped == ""
    found = [leaf for leaf in leaves(filed) if isinstance(leaf, ChangeLeaf)]
    assert [(leaf.epoch, leaf.at) for leaf in found] == [(1, filed.at - 1000), (2, filed.at - 1000)]
    tracker.revoke("link", token.id, by="op")
    tracker.update_log()
    done = audited(filed, tmp_path, since=before.text)
    assert done, done.findings
    assert sorted(done.forest.changes) == [1, 2, 3]
    assert tracker.compare_log() == ()
