"""Keeps the tamper-evident log up to date, compares it with the records, erases old evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final

from delegation.authority.fields import integer
from delegation.commands.log import LogStatus
from delegation.commands.retention import MIN_DAYS, Erasing, Erasure, Retention, erase
from delegation.tracker.health import Health
from delegation.transparency.audit import Finding

LOG_SECONDS: Final = 0.5  # between two looks: a checkpoint is less than a second behind
ERASE_SECONDS: Final = 3600.0
JOURNAL_SECONDS: Final = 1.0  # until what another process ended stands in this one's journal, too


class LogReview(Health):
    """The log's questions and commands. A service keeps it up to date; without one, `update_log` does.

    What is answered is under the newest checkpoint: up to a second of records may not be yet.
    """

    @cached_property
    def erasing(self) -> Erasing:
        """What came of erasing old evidence in this process."""
        return Erasing()

    def update_log(self) -> LogStatus:
        """Give what was recorded its place, sign, write tiles; return how far the log is.

        Raises:
            LogStoppedError: What was signed before is not the beginning of what there is now.
        """
        self._log.update(at=self._clock())
        return self._log.status()

    def keep_log(self, *, retain_days: int = 0, required: bool = False) -> None:
        """Keep the log up to date in a thread of this process until `close`.

        Args:
            retain_days: Erase arguments, salts and proofs of decisions that are older, once an hour
                and never at once; at least 190, or 0 to keep them for ever.
            required: Whether `readiness` is red while nothing can be signed; else it says that the
                log is stopped, and calls are decided.

        Raises:
            MalformedError: `retain_days` is something between.
        """
        log, store, clock = self._log, self._store, self._clock
        self._log_blocks = required
        store.keep("log", LOG_SECONDS, lambda: log.update_if_due(at=clock()), at_end=True)
        store.keep(
            "journal", JOURNAL_SECONDS, lambda: store.follow_endings(at=clock()), at_end=True
        )
        if retain_days:
            integer("retain_days", retain_days, MIN_DAYS)
            retention = Retention(store, retain_days, clock)
            self.probe_readiness(retention.reasons)

            def erase_old() -> None:
                with self.erasing.run() as run:
                    run.erased += retention.round()
                    run.refused += retention.is_held_back

            store.keep("retention", ERASE_SECONDS, erase_old)

    def watch_schema(self, changed: Callable[[], object]) -> None:
        """Look in a thread of this process whether another release changed the schema, until `close`.

        Whatever writes looks by itself, and from then on everything is refused with `SchemaChangedError`.

        Args:
            changed: Called from that thread within a second, perhaps more than once.
        """
        self._store.watch_schema(changed)

    def log_status(self) -> LogStatus:
        """Return how far the log is, and with which keys it is signed."""
        return self._log.status()

    def compare_log(self) -> Sequence[Finding]:
        """Compare every record with its leaf; return what differs."""
        return self._log.compare(at=self._clock())

    def rebuild_log(self) -> int:
        """Write all tiles again from the database; return how many."""
        return self._log.rebuild(at=self._clock())

    def restart_log(self) -> str:
        """Begin a new log, under a new name, with all that is recorded; return its name."""
        return self._log.restart()

    def erase(self, *, before: int, is_clock_right: bool = False) -> int:
        """Erase arguments, salts and proofs of old decisions; see `commands.retention.erase`."""
        at = self._clock()
        return erase(self._store, before=before, at=at, is_clock_right=is_clock_right)

    def erasable(self, *, before: int) -> int:
        """Return of how many decisions `erase` would erase something; nothing is erased."""
        return self._store.erasable(before)

    def erasures(self) -> Sequence[Erasure]:
        """Return all rounds of erasing that erased something, oldest first."""
        return self._store.erasures()
