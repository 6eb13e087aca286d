"""Bounds the polls and streams that one API key holds open in this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from typing import ClassVar

from fastapi import Request

from delegation.errors import ForbiddenError


class TooManyPollsError(ForbiddenError):
    """An API key holds as many polls and streams open as it may (429).

    Args:
        most: How many.
    """

    code: ClassVar[str] = "key_too_many_polls"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"This API key holds {most} polls and streams open at this worker; more are not kept.",
            remedy="End some, give each application a key of its own, or raise "
            "DELEGATION_MAX_POLLS_PER_KEY.",
        )


class HeldOpen:
    """Polls and streams by key.

    Args:
        most: Of one key.
    """

    def __init__(self, most: int) -> None:
        """Begin with none."""
        self._most = most
        self._held: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """How many there are."""
        return self._held.total()

    def is_full(self, key: str) -> bool:
        """Return whether another one of this key is too many."""
        return self._held[key] >= self._most

    @contextmanager
    def place(self, key: str, *, waits: bool = True) -> Iterator[None]:
        """Hold one for a key while the block runs; what does not wait needs none.

        Raises:
            TooManyPollsError: It holds as many as it may.
        """
        if not waits:
            yield
            return
        if self.is_full(key):
            raise TooManyPollsError(self._most)
        self._held[key] += 1
        try:
            yield
        finally:
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]

    async def stream(self, key: str, events: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
        """Yield the events of a stream, which holds a place for a key until it ends."""
        with self.place(key):
            async with aclosing(events):
                async for event in events:
                    yield event


def held_open(request: Request) -> HeldOpen:
    """Return the polls and streams of this process."""
    found: HeldOpen = request.app.state.held_open
    return found
