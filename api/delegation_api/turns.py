"""Takes turns among the clients of one worker: bounds the requests of one while others wait.

Whoever showed a key or a session needs no turn. So a crowd of cheap requests from one address delays
that address: another one's request waits behind a few of them, not behind all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol

from starlette.types import Scope

AT_ONCE: Final = 16  # requests of one client without a key
PROXY_SHARE: Final = 4  # a trusted proxy that names nobody is so many clients
CONNECTION: Final = "delegation.connection"  # where a request's scope has what it came on


class Knowing(Protocol):
    """A connection that can be told whose it is."""

    def recognise(self) -> None:
        """Hear that its client showed a key or a session."""


def recognise(scope: Scope) -> None:
    """Say of a request that its key or session is a live one, whatever it may do."""
    connection: Knowing | None = scope.get(CONNECTION)
    if connection is not None:
        connection.recognise()


class Turns:
    """Workers and waiters, by client."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._clients: dict[object, str] = {}  # of each connection that has a turn
        self._at_work: Counter[str] = Counter()
        self._waits_for: dict[object, str] = {}
        self._waiting: dict[str, dict[object, Callable[[], None]]] = {}

    def take(self, one: object, client: str, begin: Callable[[], None]) -> None:
        """Call `begin` now, or when it is the turn of this connection.

        Args:
            one: A connection; it has or awaits one turn at a time.
            client: As it is counted; empty for a trusted proxy that names nobody.
            begin: What begins the work; not called if the connection gives its turn back before.
        """
        if one in self._clients:
            begin()
        elif self._at_work[client] < AT_ONCE * (1 if client else PROXY_SHARE):
            self._clients[one] = client
            self._at_work[client] += 1
            begin()
        else:
            self._waits_for[one] = client
            self._waiting.setdefault(client, {})[one] = begin

    def give(self, one: object) -> None:
        """Give a turn back, or no longer wait for one; nothing if it has none."""
        client = self._clients.pop(one, None)
        if client is None:
            self._forget(one)
            return
        self._at_work[client] -= 1
        if not self._at_work[client]:
            del self._at_work[client]
        waiting = self._waiting.get(client)
        if waiting:
            following = next(iter(waiting))
            begin = waiting[following]
            self._forget(following)
            self.take(following, client, begin)

    def excuse(self, one: object) -> None:
        """Let a connection do without a turn, the one that it has or awaits."""
        client = self._waits_for.get(one)
        if client is None:
            self.give(one)
            return
        begin = self._waiting[client][one]
        self._forget(one)
        begin()

    def _forget(self, one: object) -> None:
        client = self._waits_for.pop(one, None)
        if client is not None:
            waiting = self._waiting[client]
            del waiting[one]
            if not waiting:
                del self._waiting[client]
