"""Whatever was done, backed up and put back in any order: what stands is what would stand without."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from world import DESK, NOW, TOOLS, World, verdict

from delegation import Grant, Tool
from delegation.errors import ConflictError
from delegation.identity.keyring import KeyRing
from delegation.tracker import Tracker

LINKS = 4
KEYS = 3


class Play:
    """A store in a file, two rings' folders that take turns, its backups, and what should stand."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.chance, self.folder = chance, folder
        self.file = folder / "s.db"
        self.rings = [folder / name / "ring.json" for name in "ab"]
        ring = KeyRing.generate("https://authority.acme.example")
        for one in self.rings:
            one.parent.mkdir()
            ring.save(one)
        self.world = World.__new__(World)
        self.world.at, self.world.keys, self.world.url = NOW, {}, str(self.file)
        self.open(self.rings[0])
        for tool in TOOLS:
            self.tracker.add_tool(tool)
        ceiling = Grant(
            [__import__("world").READ], audience=[DESK], purpose="desk", delegations_left=3
        )
        self.task = self.tracker.open_task("T", owner="o@a.example", ceiling=ceiling, lasts=86_400)
        self.world.task = self.task
        self.links = [self.world.root("boss") for _ in range(LINKS)]
        self.keys = [self.tracker.create_api_key(f"k{n}", "reviewer") for n in range(KEYS)]
        self.is_revoked, self.is_suspended = set[int](), set[int]()
        self.withdrawn, self.frozen, self.sensitivity = set[int](), False, 3
        self.copies: list[Path] = []
        self.back_up()

    @property
    def tracker(self) -> Tracker:
        return self.world.tracker

    def open(self, ring: Path) -> None:
        self.ring = ring
        self.world.tracker = Tracker.open(
            f"sqlite:///{self.file}", ring_file=ring, clock=lambda: self.world.at
        )

    def again(self) -> None:
        """Close it, and open it as a process on either machine, whose journal followed."""
        other = next(one for one in self.rings if one != self.ring)
        with Tracker.open(
            f"sqlite:///{self.file}", ring_file=other, clock=lambda: self.world.at
        ) as follower:
            follower._store.follow_endings(at=self.world.at)
        self.tracker.close()
        self.open(self.chance.choice(self.rings))

    def back_up(self) -> None:
        self.again()
        self.tracker.close()
        copy = self.folder / f"copy-{len(self.copies)}"
        shutil.copy(self.file, copy)
        self.copies.append(copy)
        self.open(self.ring)

    def restore(self) -> None:
        self.again()  # both machines' journals have all of it
        self.tracker.close()
        for ending in ("-wal", "-shm"):
            Path(f"{self.file}{ending}").unlink(missing_ok=True)
        shutil.copy(self.chance.choice(self.copies), self.file)
        self.open(self.chance.choice(self.rings))
        self.world.at += 70

    def act(self) -> None:
        chance, tracker = self.chance, self.tracker
        self.world.at += chance.choice((0, 0, 1, 5))
        which, link = chance.randrange(9), chance.randrange(LINKS)
        try:
            if which == 0 and len(self.is_revoked) < LINKS - 1:
                tracker.revoke("link", self.links[link].id, by="op")
                self.is_revoked.add(link)
            elif which in {1, 2}:
                tracker.suspend("link", self.links[link].id, by="op")
                self.is_suspended.add(link)
            elif which in {3, 4}:
                tracker.resume("link", self.links[link].id, by="op")
                self.is_suspended.discard(link)
            elif which == 5:
                key = chance.randrange(KEYS)
                tracker.revoke_api_key(f"k{key}")
                self.withdrawn.add(key)
            elif which == 6:
                (tracker.unfreeze if self.frozen else tracker.freeze)(by="op")
                self.frozen = not self.frozen
            elif which == 7:
                self.sensitivity = chance.choice((1, 2, 3))
                changed = Tool(
                    "ops.restart", effect="actuate", arguments={"host": "host"}, sensitivity=self.sensitivity
                )  # fmt: skip
                self.world.at += 1  # two definitions of one second are told apart by nothing
                tracker.add_tool(changed)
            elif which == 8:
                self.again()
        except ConflictError:
            pass

    def look(self) -> None:
        """Compare all that stands with what should."""
        for n, token in enumerate(self.links):
            found = verdict(self.world.check(token, "boss"))
            if self.frozen:
                assert found == (10, "frozen")
            elif n in self.is_revoked:
                assert found == (10, "link_revoked")
            else:
                assert found == ((10, "link_suspended") if n in self.is_suspended else None), n
        live = {n for n, key in enumerate(self.keys) if self.tracker.authenticate(key) is None}
        assert live == self.withdrawn
        with self.tracker._store.read() as reader:
            assert reader.catalogue().tool("ops.restart").sensitivity == self.sensitivity


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(n, marks=pytest.mark.thorough) for n in range(1, 14))]
)
def test_a_restore_changes_nothing_of_what_stands(tmp_path: Path, seed: int) -> None:
    """Two machines, several backups, put back in any order and again."""
    chance = random.Random(seed)
    play = Play(tmp_path, chance)
    for _ in range(6 if seed else 2):
        for _ in range(chance.randrange(1, 8)):
            play.act()
        if chance.random() < 0.5:
            play.back_up()
        if chance.random() < 0.7:
            play.restore()
        play.look()
    play.restore()
    play.look()
    play.tracker.close()
