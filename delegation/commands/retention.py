"""Erases arguments, salts and proofs of old decisions; the log's leaves stay.

What is erased is gone for good, so no clock is believed by itself. A service never erases at its start,
and its erasing follows the clock by a day an hour at most, from the newest record on: one that is
ahead for an hour costs one day of evidence, not all of it; a store that was idle for a month is
erased some thirty hours later. Whoever erases by hand says so if the newest record is older than a day.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Final, Literal, Protocol, Self, TypeAlias

from delegation.authority.explain import instant
from delegation.commands.readiness import Reason
from delegation.errors import MalformedError, OutsideError

MIN_DAYS: Final = 190  # six months and some days: what rules for logs of high-risk systems ask for
DAY: Final = 24 * 3600
MIN_SECONDS: Final = MIN_DAYS * DAY
AHEAD: Final = DAY  # by which a clock may be past the newest record and be believed
SPEED: Final = 24  # days in which the time of erasing goes on in one day, at most
By: TypeAlias = Literal["retention", "command"]
_LOG: Final = logging.getLogger("delegation.retention")


class ClockAheadError(OutsideError):
    """The clock is further past the newest record than erasing believes; nothing was erased.

    Args:
        seconds: How far.
    """

    code: ClassVar[str] = "clock_ahead"

    def __init__(self, seconds: int) -> None:
        super().__init__(
            f"The clock is {seconds // 86400} days past the newest record, so nothing was erased: "
            "a clock that is wrong once would erase evidence for good.",
            remedy="If the clock is right and the store was idle, say so: --clock-is-right.",
        )


@dataclass(frozen=True, slots=True)
class Erasure:
    """One round of erasing, as it is recorded with it.

    Args:
        at: When, by the clock of whoever erased, Unix seconds.
        before: Decisions made before this instant lost their arguments.
        by: `retention`, the setting, or `command`.
        count: Of how many decisions.
    """

    at: int
    before: int
    by: By
    count: int


@dataclass(slots=True)
class Erasing:
    """What came of erasing in one process; read without a lock, for metrics.

    Args:
        done: Runs that went through.
        failed: Runs that ended with an error.
        refused: Runs that were held back, since the clock is not to be believed as it is.
        erased: Decisions whose arguments and proofs were erased.
    """

    done: int = 0
    failed: int = 0
    refused: int = 0
    erased: int = 0

    @contextmanager
    def run(self) -> Iterator[Self]:
        """Count what a block does as one run."""
        refused = self.refused
        try:
            yield self
        except Exception:
            self.failed += 1
            raise
        self.done += self.refused == refused


class ErasingStore(Protocol):
    """A store from which arguments can be erased."""

    def erase(self, *, before: int, most: int, at: int, by: By) -> int:
        """Erase arguments, salts and proofs of decisions made before an instant, oldest first.

        Args:
            before: Unix seconds.
            most: How many decisions at most, so that calls are decided meanwhile.
            at: Now, Unix seconds; recorded with what was erased.
            by: Who erases; recorded, too.

        Returns:
            How many were erased.
        """

    def erasable(self, before: int) -> int:
        """Return of how many decisions as much would be erased."""

    def erasures(self) -> list[Erasure]:
        """Return all rounds that erased something, oldest first."""

    def newest_decision(self) -> int:
        """Return when the newest decision was made, Unix seconds; 0 for none."""

    def erasing_time(self, at: int | None = None) -> int:
        """Return how far the time of erasing is, 0 if it was never set; set it if one is given."""


def erase(  # what is recorded of it
    store: ErasingStore,
    *,
    before: int,
    at: int,
    by: By = "command",
    is_clock_right: bool = False,
    most: int = 1000,
) -> int:
    """Erase what may be erased of old decisions; return of how many.

    What stays: who asked for which tool under which links, the outcome, the digests, the leaf. So
    lineage, explanations and the log's verification work as before.

    Args:
        store: Where they are recorded.
        before: Decisions made before this instant lose their arguments, Unix seconds.
        at: Now, Unix seconds.
        by: Who erases.
        is_clock_right: Whether somebody says that the clock is right although nothing was recorded
            for more than a day.
        most: Decisions in one transaction.

    Raises:
        MalformedError: `before` is less than 190 days ago.
        ClockAheadError: The newest record is more than a day older than the clock.
        StoreUnavailableError: The store does not answer; what was erased until then stays erased.
    """
    if before > at - MIN_SECONDS:
        raise MalformedError("before", wanted=f"at least {MIN_DAYS} days ago")
    newest = store.newest_decision()
    if newest and at - newest > AHEAD and not is_clock_right:
        raise ClockAheadError(at - newest)
    count = 0
    while True:
        erased = store.erase(before=before, most=most, at=at, by=by)
        count += erased
        if erased < most:
            return count


class Retention:
    """The rounds of one process: the first one says what is due, each later one erases it.

    Args:
        store: Where decisions are recorded.
        days: Age at which they lose their arguments.
        clock: Returns Unix seconds.
        monotonic: Returns seconds that only grow.
    """

    def __init__(
        self,
        store: ErasingStore,
        days: int,
        clock: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look at nothing yet."""
        self._store, self._seconds = store, days * DAY
        self._clock, self._monotonic = clock, monotonic
        self._base: tuple[int, float] | None = None  # the time of erasing when it was looked at
        self.behind = 0  # seconds by which the time of erasing is behind the clock

    def round(self) -> int:
        """Erase what is due, and return of how many decisions; the first time, only say so."""
        at, now, newest = self._clock(), self._monotonic(), self._store.newest_decision()
        if not newest:
            return 0
        is_first = self._base is None
        held = self._store.erasing_time() or min(newest, at)
        # One that is past the clock was set by a wrong one: it goes back, but not before the records.
        held = max(min(held, at), min(held, newest))
        # Of several processes each counts from where it was at its own last round.
        reached, since = self._base or (held, now)
        sure = max(held, min(at, reached + int(SPEED * (now - since))))
        self._base = self._store.erasing_time(sure), now
        sure = min(sure, at)
        self.behind = at - sure
        before = sure - self._seconds
        if is_first:
            _LOG.info(
                "in an hour, arguments, salts and proofs of %d decisions made before %s are erased",
                self._store.erasable(before),
                instant(before),
            )
            return 0
        count = erase(self._store, before=before, at=at, by="retention", is_clock_right=True)
        if count:
            _LOG.warning(
                "erased arguments, salts and proofs of %d decisions made before %s",
                count,
                instant(before),
            )
        if self.is_held_back:
            _LOG.warning(
                "the clock says %s, %d days past what this service has seen: erasing follows by a "
                "day an hour; if the clock is wrong, set it right now",
                instant(at),
                self.behind // DAY,
            )
        return count

    @property
    def is_held_back(self) -> bool:
        """Whether the clock is further ahead than erasing believes."""
        return self.behind > AHEAD

    def reasons(self) -> list[Reason]:
        """Return that the clock is further ahead than erasing believes; calls are decided."""
        if not self.is_held_back:
            return []
        return [
            Reason(
                "clock_ahead",
                "The clock is more than a day past what was seen, so erasing is held back.",
                "If the clock is wrong, set it right now: old evidence is erased by a day an hour. "
                "If the store was idle, nothing is to be done.",
                blocks=False,
            )
        ]
