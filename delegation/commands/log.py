"""Declares the log, as the commands and faces ask for it. `delegation.records` answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from delegation.commands.readiness import Reason
from delegation.commands.retention import ErasingStore
from delegation.commands.ring import RingSource
from delegation.transparency.audit import Finding
from delegation.transparency.checkpoint import Checkpoint, LogKey, LogProof
from delegation.transparency.leaf import Kind
from delegation.transparency.tile import Tile


@dataclass(frozen=True, slots=True)
class LogStatus:
    """The state of the log.

    Args:
        origin: Its name.
        size: Entries that have a place.
        signed: Entries under the newest checkpoint.
        signed_at: When it was signed, Unix seconds; 0 before the first.
        waiting: Records that have no place yet.
        stopped: Why nothing is signed any more; empty while all is well.
        keys: Its public keys; empty if the ring has none, so that nothing is signed.
        since: When the newest checkpoint was signed; before the first, when the first record was
            made; 0 without one.
    """

    origin: str
    size: int
    signed: int
    signed_at: int
    waiting: int
    stopped: str
    keys: tuple[LogKey, ...]
    since: int = 0

    def age(self, at: int) -> int:
        """Return for how many seconds nothing was signed; it grows, too, if nothing ever was."""
        return max(0, at - self.since) if self.since else 0


class LogReader(Protocol):
    """Questions to the log, answered from one snapshot."""

    def head(self) -> Checkpoint:
        """Return the newest signed checkpoint.

        Raises:
            NotFoundError: There is none yet.
        """

    def tile(self, tile: Tile, *, size: int) -> bytes:
        """Return a tile's bytes in a log of this size.

        Raises:
            NotFoundError: The log is not that far.
        """

    def inclusion(self, index: int, *, size: int) -> Sequence[bytes]:
        """Return the path of an entry in the tree of this size.

        Raises:
            NotFoundError: There is no such entry under the newest checkpoint.
        """

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """Return what shows that one tree begins another.

        Raises:
            NotFoundError: There is no such pair of trees under the newest checkpoint.
        """

    def proof(self, kind: Kind, record: str) -> LogProof:
        """Return the proof that a record stands in the log.

        Raises:
            NotFoundError: It does not, or no checkpoint covers it yet.
        """


class LogDesk(Protocol):
    """The log of a store, with the key that signs it."""

    def reading(self) -> AbstractContextManager[LogReader]:
        """Open a snapshot to read from."""

    def status(self) -> LogStatus:
        """Return how far the log is."""

    def look(self, *, at: int) -> str:
        """Compare the database with all that was signed, before a call is decided.

        A database that was restored from an older backup lost nonces, too: no call is decided until
        every proof that may have been used is stale.

        Args:
            at: Now, Unix seconds.

        Returns:
            Why the log stopped; empty if it did not.
        """

    def update(self, *, at: int) -> bool:
        """Give places to what waits and sign; return False if another process is at it.

        Args:
            at: Now, Unix seconds.

        Raises:
            LogStoppedError: What was signed before is not the beginning of what there is now.
        """

    @property
    def trouble(self) -> str:
        """Why this process cannot sign or write at present, with the path; empty while it can."""

    def update_if_due(self, *, at: int) -> None:
        """Do the same if something waits; asking costs one short read.

        Raises:
            LogStoppedError: As above.
            ConfigurationError: Its files cannot be written.
        """

    def rebuild(self, *, at: int) -> int:
        """Write all tiles again from the database; return how many.

        Args:
            at: Now, Unix seconds.
        """

    def restart(self) -> str:
        """Begin a new log under a new name with all that is recorded; return its name."""

    def compare(self, *, at: int) -> Sequence[Finding]:
        """Compare every record with its leaf; return what differs.

        Args:
            at: Now, Unix seconds: records that were erased before their time are found, too.
        """


class LoggedStore(ErasingStore, Protocol):
    """A store with a log, from which old arguments are erased, and which does chores by itself."""

    def follow_endings(self, *, at: int) -> None:
        """Bring the journal beside the ring up to what every process of the store has ended."""

    def log_desk(self, keys: RingSource, *, folder: Path | None, memory: Path | None) -> LogDesk:
        """Return the store's log, to be signed with the `log` key that signs now.

        Args:
            keys: The service's keys.
            folder: Where tiles are written, None for nowhere.
            memory: File in which the key remembers what it signed, None for nowhere.
        """

    def snapshot(self) -> AbstractContextManager[None]:
        """Have this thread's questions, the log's too, answered from one snapshot while a block runs.

        What writes inside is refused (ConflictError).
        """

    def reasons(self, at: int, clock: Callable[[], int] | None) -> list[Reason]:
        """Return why calls cannot be decided, or what else is wrong; empty while all is well.

        Bounded in time, and nothing is written unless the last call could not be recorded.

        Args:
            at: Now, Unix seconds.
            clock: Returns this machine's, to be compared with others; None compares none.
        """

    def watch_schema(self, changed: Callable[[], object]) -> None:
        """Look twice a second whether another release changed the schema, until `close`; then call."""

    def keep(
        self, name: str, seconds: float, chore: Callable[[], object], *, at_end: bool = False
    ) -> None:
        """Do a chore again and again in a thread of this process, until `close`.

        Args:
            name: Of the chore, in logs.
            seconds: Between two times.
            chore: What is done; a failure is logged and tried again.
            at_end: Whether it is done once more at `close`.
        """
