"""Reads a canonical moment or day exactly, for tests that compare readers with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def nanoseconds(text: str) -> int:
    """Return how many nanoseconds after 1970 a canonical moment, or a day in UTC, begins."""
    day, _, fraction = text.removesuffix("Z").partition(".")
    moment = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(seconds=1) * 10**9 + int(f"{fraction:0<9}")
