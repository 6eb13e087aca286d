"""At no interleaving does a replica sign with a key that a live one lacks, or deny what is good as unknown."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from delegation import KeyRing
from delegation.errors import KeyFileError, StoreUnavailableError
from delegation.identity.ring_state import digest_of
from delegation.records import ring_book
from delegation.records.engine.database import Database
from delegation.records.schema import migrate
from delegation.records.tables.records import EVIDENCE, LINKS, TASKS
from delegation.tracker.held_ring import HeldRing

REPLICAS = st.sampled_from([0, 1, 2])
ROLES = st.sampled_from(["issuer", "issuer", "log"])
SOME = st.sets(REPLICAS)
MOSTLY = st.sampled_from([True, True, True, False])
START = 1_800_000_000


@dataclass
class Signed:
    """What a key signed, and until when it is good; a checkpoint is for ever."""

    role: str
    kid: int
    digest: bytes
    until: float


class Rotations(RuleBasedStateMachine):
    """Three machines with a copy of the ring each, on one store; time is the test's."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="delegation-law-"))
        self.now = float(START)
        self.database = Database("sqlite://")
        migrate.prepare(self.database)
        with self.database.writing() as connection:
            connection.execute(
                TASKS.insert(),
                {"id": "t", "root": "t", "title": "", "owner": "", "ceiling": "", "state": "open",
                 "opened_at": 0, "deadline": 0, "inferred": False},
            )  # fmt: skip
        self.book = ring_book.RingBook(self.database)
        self._clock, ring_book._clock = ring_book._clock, lambda _: int(self.now * 1000)
        self.files = [self.folder / f"{n}.json" for n in range(3)]
        self.older: list[Path] = []
        self.running: list[HeldRing | None] = [None, None, None]
        self.signed: list[Signed] = []
        self.links = 0

    @initialize()
    def first(self) -> None:
        """Begin with a ring of two roles, copied to all."""
        ring = KeyRing.generate("http://localhost", roles=("issuer", "log"))
        for file in self.files:
            ring.save(file)
        for n in range(3):
            self.start(n)

    def teardown(self) -> None:
        """Leave nothing."""
        ring_book._clock = self._clock
        self.database.close()
        shutil.rmtree(self.folder)

    def _at(self) -> int:
        return int(self.now)

    def start(self, n: int) -> None:
        """Start a replica, if it is not running; an older copy is refused by name."""
        if self.running[n] is not None:
            return
        try:
            held = HeldRing(
                KeyRing.load(self.files[n]), self.book, file=self.files[n], holder=f"h{n}-{self.now}",
                clock=self._at, running=lambda: self.now,
            )  # fmt: skip
            held.look()
            held.refuse_older()
        except KeyFileError:
            return
        held.keep()
        self.running[n] = held

    @rule(n=REPLICAS, politely=st.booleans(), again=MOSTLY, older=st.integers(0, 6))
    def restart(self, n: int, politely: bool, again: bool, older: int) -> None:
        """Stop it or kill it, put an older copy back or not, and start it again or not."""
        held, self.running[n] = self.running[n], None
        if held is not None and politely:
            held.leave()
        if older < len(self.older):
            self._put(self.older[older], n)
        if again:
            self.start(n)

    @rule(n=REPLICAS)
    def look(self, n: int) -> None:
        """Let it look, as its thread does each second."""
        held = self.running[n]
        if held is not None:
            held.look()

    @rule(seconds=st.sampled_from([1, 4, 7, 16, 700, 3 * 10**6]))
    def sleep(self, seconds: float) -> None:
        """Let time pass in which nobody looks: all machines stand still."""
        self.now += seconds

    @rule(seconds=st.sampled_from([1, 8, 20]), awake=SOME)
    def live(self, seconds: int, awake: set[int]) -> None:
        """Let time pass in which some look, and others stand still."""
        for _ in range(seconds):
            self.now += 1
            for n in awake:
                self.look(n)

    @rule(n=REPLICAS, role=ROLES, to=st.just({0, 1, 2}) | SOME, seconds=st.sampled_from([8, 0]))
    def announce(self, n: int, role: str, to: set[int], seconds: int) -> None:
        """Announce on one machine, copy its ring to some, and let all look for a while."""
        shutil.copy(self.files[n], kept := self.folder / f"old{len(self.older)}.json")
        self.older.append(kept)
        try:
            self.book.announce(self.files[n], role, by=f"m{n}", at=self._at())
        except KeyFileError:
            return
        for other in to - {n}:
            self._put(self.files[n], other)
        self.live(seconds, {0, 1, 2})

    @rule(keep=st.sampled_from([0, 100_000]), looks=SOME, signs=MOSTLY)
    def switch(self, keep: int, looks: set[int], signs: bool) -> None:
        """Try to switch where the key is, let some look at once, and all sign something."""
        for role in ("issuer", "log"):
            waiting = ring_book.pending(self.book.known(), role)
            has = [n for n in range(3) if waiting and (role, waiting.kid) in self._ids(n)]
            if waiting and has:
                self.book.switch(self.files[has[0]], role, waiting.kid, keep=keep, at=self._at())
        for n in looks:
            self.look(n)
        for n in range(3) if signs else ():
            self.issue(n, 5000)

    def _ids(self, n: int) -> set[tuple[str, int]]:
        return {(key.role, key.kid) for key in KeyRing.load(self.files[n]).keys}

    @rule(n=REPLICAS, to=REPLICAS)
    def copy(self, n: int, to: int) -> None:
        """Copy a ring to another machine."""
        self._put(self.files[n], to)

    def _put(self, source: Path, to: int) -> None:
        beside = self.folder / "beside"
        shutil.copy(source, beside)
        beside.chmod(0o600)
        beside.replace(self.files[to])

    @rule(n=REPLICAS, lasts=st.sampled_from([5000, 60]))
    def issue(self, n: int, lasts: int) -> None:
        """Sign a root in a transaction that records it, as `commands.renew.issue` does."""
        self.checkpoint(n)
        held = self.running[n]
        if held is None:
            return
        try:
            with self.database.writing() as connection:
                ring = ring_book.signing_ring(connection, held.ring, at=self._at())
                key, self.links = ring.active("issuer"), self.links + 1
                name, until = f"l{self.links}", self._at() + lasts
                connection.execute(
                    LINKS.insert(),
                    {"root": "t", "id": name, "sequence": self.links, "task": "t", "parent": None,
                     "depth": 0, "holder_key": b"", "holder_name": "", "expires_at": until,
                     "payload": b"", "at": 0, "mark": b""},
                )  # fmt: skip
                connection.execute(
                    EVIDENCE.insert(),
                    {"link": name, "format": "biscuit", "block": b"", "signature": b""},
                )
        except StoreUnavailableError:
            return
        self._sign(n, Signed("issuer", key.kid, digest_of(key), until))

    def checkpoint(self, n: int) -> None:
        """Sign a head of the log, which is no root and is never over."""
        held = self.running[n]
        try:
            key = None if held is None else held.signing().active("log")
        except StoreUnavailableError:
            return
        if key is not None:
            self._sign(n, Signed("log", key.kid, digest_of(key), float("inf")))

    def _sign(self, by: int, made: Signed) -> None:
        self.signed.append(made)
        for held in self.running:
            # Who slept through the switch, and has looked since, knows that it lacks one: it answers 503.
            if held is not None and held._is_fresh and held._behind is None:
                digests = {digest_of(key) for key in held.ring.keys}
                assert made.digest in digests, f"{by} signed with what a live replica lacks"

    @invariant()
    def nothing_good_is_unknown(self) -> None:
        """Whatever is asked of whoever runs: it verifies, or the answer is 503."""
        for held in self.running:
            if held is None:
                continue
            for made in self.signed:
                at = None if made.role == "log" else self._at()
                if made.until <= self.now or held.ring.key(made.role, made.kid, at=at) is not None:
                    continue
                try:
                    is_newer = held.newer(held.ring)
                except StoreUnavailableError:
                    continue
                assert is_newer, "a good signature would be called unknown"

    @invariant()
    def nobody_switches_back(self) -> None:
        """Of each role the newest key that ever signed signs."""
        signs = ring_book.signing(self.book.known())
        for made in self.signed:
            assert signs[made.role].kid >= made.kid


TestRotations = Rotations.TestCase
TestRotations.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
