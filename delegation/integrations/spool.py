"""Spools used nonces, and decisions that the service has yet to be told.

One SQLite file for all processes of a host. A nonce and its decision are one transaction, committed
to disk before anybody is answered, so that neither a kill nor a restart lets a proof through twice
or loses a decision. The file holds tokens and arguments: only its owner may read it.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import ClassVar, Final

from delegation.errors import ClockError, ConfigurationError, OutsideError
from delegation.identity.proof import NONCE_SECONDS, nonces_are_known

VERSION: Final = 1
MOST_ROWS: Final = 10_000
MOST_BYTES: Final = 64 * 1024 * 1024
BUSY_SECONDS: Final = 2.0  # how long a call waits for another process's transaction
FORGET_EVERY: Final = 10  # seconds between two rounds of forgetting nonces
_SCHEMA: Final = (
    (
        "CREATE TABLE nonce (holder BLOB, jti BLOB, at INTEGER NOT NULL, PRIMARY KEY (holder, jti))"
        " WITHOUT ROWID"
    ),
    "CREATE INDEX nonce_at ON nonce (at)",
    (
        "CREATE TABLE entry (n INTEGER PRIMARY KEY AUTOINCREMENT, decision TEXT NOT NULL UNIQUE,"
        " body TEXT NOT NULL, size INTEGER NOT NULL)"
    ),
    "CREATE TABLE number (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID",
    "INSERT INTO number VALUES ('rows', 0), ('bytes', 0), ('nonces_before', 0), ('forgotten_at', 0)",
    f"PRAGMA user_version = {VERSION}",
)


class SpoolError(OutsideError):
    """The spool cannot be written, so nothing is settled here."""

    code: ClassVar[str] = "spool_unavailable"


class SpoolFullError(SpoolError):
    """The service has not been told for so long that no more may be decided here."""

    code: ClassVar[str] = "spool_full"


class SpoolLostError(SpoolError):
    """What was written is in a file that nobody finds at its path: it may be reported all the same."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A decision that is to be reported.

    Args:
        decision: Its id.
        body: The report as JSON.
    """

    decision: str
    body: str


class Spool:
    """Nonces and unreported decisions in one file.

    Args:
        file: On a local disk: file locks of network file systems are not to be relied on.
        most_rows: Unreported decisions that may wait.
        most_bytes: Bytes of them.

    Raises:
        ConfigurationError: Others may read the file, or it is none of ours.
        SpoolError: It cannot be opened.
    """

    def __init__(
        self, file: Path | str, *, most_rows: int = MOST_ROWS, most_bytes: int = MOST_BYTES
    ) -> None:
        """Open the file, or make it with mode 0600."""
        self._file = Path(file)
        self._most_rows, self._most_bytes = most_rows, most_bytes
        self._lock = Lock()
        self._process = os.getpid()
        try:
            os.close(os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            mode = self._file.stat().st_mode
        except OSError as error:
            raise SpoolError("The spool's file cannot be opened.") from error
        if not stat.S_ISREG(mode) or mode & 0o077:
            raise ConfigurationError(
                "The spool's file must be a plain file that only its owner may read.",
                remedy=f"chmod 600 {self._file.name}",
            )
        self._connection = self._open()
        self._real = self._file.resolve()
        self._opened = self._files()

    def _open(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                self._file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            for pragma in ("journal_mode=WAL", "synchronous=FULL"):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute("BEGIN IMMEDIATE")
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            if found == 0 and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                for statement in _SCHEMA:
                    connection.execute(statement)
                found = VERSION
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise SpoolError("The spool's file cannot be opened.") from error
        if found != VERSION:
            connection.close()
            raise ConfigurationError(
                "The spool's file is none that this program wrote.", remedy="Name another file."
            )
        return connection

    def claim(self, entry: Entry, *, holder: bytes, jti: bytes, at: int) -> bool:
        """Claim a nonce and keep its decision; return False if the nonce was used here before.

        Args:
            entry: The decision.
            holder: The leaf's 32-byte holder key.
            jti: The proof's nonce.
            at: This service's clock, Unix seconds.

        Raises:
            ClockError: The clock is behind what was seen: used proofs could look fresh again.
            SpoolFullError: Too much waits to be reported; nothing was claimed.
            SpoolLostError: The file was moved meanwhile; the nonce may be claimed.
            SpoolError: The file cannot be written; nothing was claimed.
        """
        size = len(entry.body) + len(entry.decision)
        with self._writing() as connection:
            numbers = dict(connection.execute("SELECT name, n FROM number").fetchall())
            if not nonces_are_known(at, numbers["nonces_before"]):
                raise ClockError
            if numbers["rows"] + 1 > self._most_rows or numbers["bytes"] + size > self._most_bytes:
                raise SpoolFullError(
                    "Too many decisions wait to be reported.",
                    remedy="Find out why the service does not answer; the spool empties by itself.",
                )
            won = connection.execute(
                "INSERT OR IGNORE INTO nonce VALUES (?, ?, ?)", (holder, jti, at)
            )
            if won.rowcount != 1:
                return False
            connection.execute(
                "INSERT INTO entry (decision, body, size) VALUES (?, ?, ?)",
                (entry.decision, entry.body, size),
            )
            self._count(connection, 1, size)
            # By distance: a clock that was ahead and is right again goes on forgetting.
            if abs(at - numbers["forgotten_at"]) >= FORGET_EVERY:
                self._forget(connection, at)
        return True

    def replace(self, entry: Entry) -> None:
        """Keep another report of the same decision, which was not answered as it was first kept.

        Raises:
            SpoolError: The file cannot be written.
        """
        with self._writing() as connection:
            connection.execute(
                "UPDATE entry SET body = ? WHERE decision = ?", (entry.body, entry.decision)
            )

    def waiting(self, *, rows: int, size: int) -> Sequence[Entry]:
        """Return the oldest decisions that are to be reported: at least one if there is any.

        Args:
            rows: At most so many.
            size: At most so many bytes, unless the first alone is larger.

        Raises:
            SpoolError: The file cannot be read.
        """
        found: list[Entry] = []
        with self._locked() as connection:
            query = "SELECT decision, body, size FROM entry ORDER BY n LIMIT ?"
            for decision, body, taken in connection.execute(query, (rows,)):
                size -= taken
                if found and size < 0:
                    break
                found.append(Entry(decision, body))
        return found

    def reported(self, decisions: Sequence[str]) -> None:
        """Forget decisions that the service has recorded.

        Raises:
            SpoolError: The file cannot be written.
        """
        with self._writing() as connection:
            for decision in decisions:
                gone = connection.execute(
                    "DELETE FROM entry WHERE decision = ? RETURNING size", (decision,)
                ).fetchone()
                if gone is not None:
                    self._count(connection, -1, -gone[0])

    def depth(self) -> tuple[int, int]:
        """Return how many decisions wait, and their bytes."""
        with self._locked() as connection:
            numbers = dict(connection.execute("SELECT name, n FROM number").fetchall())
        return numbers["rows"], numbers["bytes"]

    def close(self) -> None:
        """Close the file; what waits stays in it."""
        with self._lock:
            self._connection.close()

    @staticmethod
    def _count(connection: sqlite3.Connection, rows: int, size: int) -> None:
        for name, more in (("rows", rows), ("bytes", size)):
            connection.execute("UPDATE number SET n = n + ? WHERE name = ?", (more, name))

    @staticmethod
    def _forget(connection: sqlite3.Connection, at: int) -> None:
        # The mark follows what is forgotten, not the clock: one that was a year ahead for a moment
        # would refuse for a year.
        newest = connection.execute(
            "SELECT max(at) FROM nonce WHERE at < ?", (at - NONCE_SECONDS,)
        ).fetchone()[0]
        if newest is not None:
            connection.execute("DELETE FROM nonce WHERE at <= ?", (newest,))
            connection.execute(
                "UPDATE number SET n = max(n, ?) WHERE name = 'nonces_before'", (newest + 1,)
            )
        connection.execute("UPDATE number SET n = ? WHERE name = 'forgotten_at'", (at,))

    @contextmanager
    def _locked(self) -> Iterator[sqlite3.Connection]:
        if os.getpid() != self._process:
            # SQLite's locks do not survive a fork: two processes would believe to hold the file.
            raise SpoolError(
                "The spool was opened before a fork.", remedy="Open one in each process."
            )
        try:
            with self._lock:
                yield self._connection
        except sqlite3.Error as error:
            raise SpoolError("The spool cannot be read or written.") from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._locked() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._refuse_if_moved(SpoolError)
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            self._refuse_if_moved(SpoolLostError)

    def _refuse_if_moved(self, kind: type[SpoolError]) -> None:
        """Refuse to settle into a file that nobody finds at its path: its nonces would be forgotten."""
        if self._files() != self._opened:
            raise kind(
                "The spool was deleted, moved or replaced while it is open.",
                remedy="Put it back, or restart the process.",
            )

    def _files(self) -> list[tuple[int, int]]:
        try:
            found = [os.stat(f"{self._real}{ending}") for ending in ("", "-wal")]  # noqa: PTH116  # on the path of each call
        except OSError:
            return []
        return [(one.st_dev, one.st_ino) for one in found]
