"""What a process keeps of links is what each snapshot sees, whatever was read before."""

from __future__ import annotations

import pytest
from world import World

from delegation.records.lineage import link_cache as stems
from delegation.records.lineage.link_cache import LinkCache


def names(world: World, shelf: LinkCache, connection=None) -> list[str]:
    """Return the holders' names that the shelf knows of the world's task."""
    if connection is not None:
        return [stem.holder_name for stem in shelf.read(connection, world.task.id)]
    with world.tracker._store._database.reading() as fresh:
        return [stem.holder_name for stem in shelf.read(fresh, world.task.id)]


def test_links_are_read_once_and_new_ones_are_added(world: World, monkeypatch) -> None:
    """A second look parses nothing again; what was recorded since is there."""
    parsed: list[int] = []
    real = stems._stem
    monkeypatch.setattr(stems, "_stem", lambda row: parsed.append(row[0]) or real(row))
    shelf = LinkCache()
    assert names(world, shelf) == []
    world.check(world.chain("boss", "a"), "a")
    assert names(world, shelf) == ["boss", "a"]
    assert names(world, shelf) == ["boss", "a"]
    assert len(parsed) == 2
    world.check(world.chain("other", "b"), "b")
    assert names(world, shelf) == ["boss", "a", "other", "b"]
    assert len(parsed) == len(set(parsed)) == 4


def test_an_older_snapshot_sees_no_newer_link(filed: World) -> None:
    """A snapshot from before a link was recorded does not get it from the shelf."""
    shelf, database = LinkCache(), filed.tracker._store._database
    filed.check(filed.chain("boss", "a"), "a")
    with database.reading() as old:
        assert names(filed, shelf, old) == ["boss", "a"]
        filed.check(filed.chain("other", "b"), "b")
        assert names(filed, shelf) == ["boss", "a", "other", "b"]
        assert names(filed, shelf, old) == ["boss", "a"]


@pytest.mark.parametrize("new", [["new"], ["new", "b"], ["new", "b", "c"]], ids=len)
def test_nothing_is_kept_of_a_database_that_was_restored(filed: World, new: list[str]) -> None:
    """Another link under the number of one that was read: all is read again."""
    shelf, database = LinkCache(), filed.tracker._store._database
    filed.check(filed.chain("boss", "a"), "a")
    assert names(filed, shelf) == ["boss", "a"]
    with database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM link_evidence")
        connection.exec_driver_sql("DELETE FROM link")
        connection.exec_driver_sql("UPDATE numbers SET n = 0 WHERE name = 'link'")
    filed.check(filed.chain(*new), new[-1])
    assert names(filed, shelf) == new


def test_the_tasks_that_were_asked_for_last_are_kept(world: World, monkeypatch) -> None:
    """Beyond its bound the shelf forgets the oldest, and reads it again when it is asked for."""
    monkeypatch.setattr(stems, "MOST", 3)
    shelf = LinkCache()
    first = world.task
    world.check(world.chain("boss", "a"), "a")
    assert names(world, shelf) == ["boss", "a"]
    world.task = world.open()
    world.check(world.chain("other", "b"), "b")
    assert names(world, shelf) == ["other", "b"]
    assert list(shelf._held) == [world.task.id]
    assert shelf._count == 2
    world.task = first
    assert names(world, shelf) == ["boss", "a"]
