"""Erases arguments, salts and proofs of old decisions; the log's leaves stay."""

from __future__ import annotations

from typing import Final, Protocol

from delegation.errors import MalformedError

MIN_DAYS: Final = 190  # six months and some days: what rules for logs of high-risk systems ask for
DAY: Final = 24 * 3600
MIN_SECONDS: Final = MIN_DAYS * DAY


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
