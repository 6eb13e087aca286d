"""A store with the journal beside its ring, and its backup."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backups import Backups
from world import World

from delegation.cli.checkup.restored import judge_restorations
from delegation.records.revocation.endings import restorations
from delegation.tracker import Tracker
from delegation.tracker.location import endings_file, journal_head


@dataclass
class Kept:
    """A store with its ring, its backup, and a world on it."""

    folder: Path
    url: str
    backups: Backups
    world: World

    @property
    def ring(self) -> Path:
        return self.folder / "ring.json"

    @property
    def journal(self) -> Path:
        return endings_file(self.ring)

    @property
    def head(self) -> Path:
        return journal_head(self.ring)

    @property
    def tracker(self) -> Tracker:
        return self.world.tracker

    def open(self, ring: Path | None = None) -> Tracker:
        """Open the store by its ring's file."""
        return Tracker.open(self.url, ring_file=ring or self.ring, clock=lambda: self.world.at)

    def back_up(self) -> None:
        self.backups.make()

    def restore(self, *, passes: int = 300) -> Tracker:
        """Put the backup in place and open it; by then the minute after it is over."""
        self.tracker.close()
        self.backups.restore()
        self.world.tracker = self.open()
        self.world.at += passes
        return self.tracker

    def keep(self) -> None:
        """Do what a service does once a second."""
        self.tracker._store.follow_endings(at=self.world.at)

    def lines(self) -> list[bytes]:
        return [one for one in self.journal.read_bytes().split(b"\n") if one]

    def said(self) -> str:
        """Return what doctor says of restored backups."""
        with self.tracker._store._database.reading() as connection:
            found = judge_restorations(restorations(connection))
            return " ".join(f"{one.what} {one.why}" for one in found)
