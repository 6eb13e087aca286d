"""Helpers of the log's tests: a world with a log on disk, and an audit of it."""

from __future__ import annotations

from pathlib import Path

from world import World

from delegation.cli.log import AskedSource, FolderSource
from delegation.records.log.files import Kept, LogFolder
from delegation.records.log.publish import Publisher
from delegation.transparency.audit import Audit, audit


def publisher(world: World) -> Publisher:
    """Return what keeps a world's log."""
    return world.tracker._log.publisher


def with_files(world: World, folder: Path) -> World:
    """Let a world's log be written to a folder, and its key remember in a file beside it."""
    kept = publisher(world)
    kept.folder = LogFolder(folder / "log")
    kept.memory = Kept(folder / "ring.signed")
    return world


def reopened(world: World, url: str, folder: Path | None = None) -> World:
    """Return another process's world on the same store, with the same keys."""
    from delegation.tracker import Tracker

    again = object.__new__(World)
    again.url, again.path, again.at, again.keys = url, None, world.at, world.keys
    again.task = world.task
    ring = world.tracker._desk.ring
    again.tracker = Tracker.open(url, ring=ring, clock=lambda: again.at)
    return again if folder is None else with_files(again, folder)


def audited(world: World, folder: Path | None = None, **options) -> Audit:
    """Audit a world's log, from its folder or from its store."""
    source = AskedSource(world.tracker) if folder is None else FolderSource(folder / "log")
    keys = world.tracker.log_status().keys
    return audit(source, keys, issuer_keys=world.tracker.public_ring(), **options)


def codes(world: World, folder: Path | None = None, **options) -> set[str]:
    """Return what an audit of the log and a comparison with the store find."""
    found = audited(world, folder, **options).findings
    return {one.code for one in [*found, *world.tracker.compare_log()]}


def busy(world: World, calls: int = 3) -> None:
    """Record a chain of three links and some calls under it, allowed and denied."""
    token = world.chain("boss", "a", "b")
    for _ in range(calls):
        world.check(token, "b")
    world.check(token, "b", world.access(path="relative"))
    world.check(token, "a")  # not the holder: an unproven denial
