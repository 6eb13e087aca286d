"""Erases arguments, salts and proofs of old decisions; the log's leaves stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol, Self

from delegation.errors import MalformedError

MIN_DAYS: Final = 190  # six months and some days: what rules for logs of high-risk systems ask for
DAY: Final = 24 * 3600
MIN_SECONDS: Final = MIN_DAYS * DAY


@dataclass(slots=True)
class Erasing:
    """What came of erasing in one process; read without a lock, for metrics.

    Args:
        done: Runs that went through.
        failed: Runs that ended with an error.
        refused: Runs that were not begun, since the clock is not to be believed.
        erased: Decisions whose arguments and proofs were erased.
    """

    done: int = 0
    failed: int = 0
    refused: int = 0
    erased: int = 0

    @contextmanager
    def run(self) -> Iterator[Self]:
        """Count what a block does as one run."""
        try:
            yield self
        except Exception:
            self.failed += 1
            raise
        self.done += 1


class ErasingStore(Protocol):
    """A store from which arguments can be erased."""

    def erase(self, *, before: int, most: int) -> int:
        """Erase arguments, salts and proofs of decisions made before an instant, oldest first.

        Args:
            before: Unix seconds.
            most: How many decisions at most, so that calls are decided meanwhile.

        Returns:
            How many were erased.
        """


def erase(store: ErasingStore, *, before: int, at: int, most: int = 1000) -> int:
    """Erase what may be erased of old decisions; return of how many.

    What stays: who asked for which tool under which links, the outcome, the digests, the leaf. So
    lineage, explanations and the log's verification work as before.

    Args:
        store: Where they are recorded.
        before: Decisions made before this instant lose their arguments, Unix seconds.
        at: Now, Unix seconds.
        most: Decisions in one transaction.

    Raises:
        MalformedError: `before` is less than 190 days ago.
        StoreUnavailableError: The store does not answer; what was erased until then stays erased.
    """
    if before > at - MIN_SECONDS:
        raise MalformedError("before", wanted=f"at least {MIN_DAYS} days ago")
    count = 0
    while True:
        erased = store.erase(before=before, most=most)
        count += erased
        if erased < most:
            return count
