"""Bounds the connections of one worker: how many, by whom, and for how long without a word.

Room is made by the client with the most connections, whatever they do: first by those that cost
nobody an answer. Those on which a key or a session was recognised come last, and never while they are
answered. When these have taken all there are, some places are left for whoever ends something.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from collections import Counter
from dataclasses import dataclass
from typing import Final, Protocol

from delegation_api.client_address import Trusted
from delegation_api.metrics import Metrics
from delegation_api.settings import Settings
from delegation_api.turns import PROXY_SHARE, Turns

_LOG: Final = logging.getLogger("delegation.port")
SWEEP_SECONDS: Final = 0.5
TAKEN_BYTES: Final = 16 * 1024  # what a reader takes in `send_seconds`, or it is no reader
LANE: Final = 64  # connections beyond the bound, of which only what is urgent is answered
LINGERING: Final = 64  # refused ones that are kept for a moment, so that their refusal arrives
RESERVED_FILES: Final = 64 + LANE + LINGERING  # 64 for the database, logs and our own sockets
_AT_ONCE: Final = 32  # one part in so many is cut together, so that a flood costs few passes


@dataclass(frozen=True, slots=True)
class PortBounds:
    """What one connection, one client and all together may take.

    Args:
        head_seconds: Seconds from accept, or the first byte after an answer, to the last header byte.
        body_seconds: Seconds from there to the last byte of the body.
        send_seconds: Seconds in which a client must take at least 16 KiB of what waits for it.
        max_target: Bytes of a request's target.
        max_head: Bytes of its whole head.
        max_headers: Header fields in it.
        max_body: Bytes of its body.
        max_connections: Connections at once.
        max_per_client: Connections or, behind a proxy, requests at once of one client.
    """

    head_seconds: float
    body_seconds: float
    send_seconds: float
    max_target: int
    max_head: int
    max_headers: int
    max_body: int
    max_connections: int
    max_per_client: int

    @classmethod
    def of(cls, settings: Settings) -> PortBounds:
        """Return the bounds in settings, with no more connections than this process may open."""
        return cls(
            max_connections=affordable(settings.max_connections),
            **{
                name: getattr(settings, name) for name in cls.__slots__ if name != "max_connections"
            },
        )


def affordable(wanted: int) -> int:
    """Return how many connections there are descriptors for, after asking for as many as allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = wanted + RESERVED_FILES
    if soft != resource.RLIM_INFINITY and soft < need:
        soft = need if hard == resource.RLIM_INFINITY else min(need, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= need:
        return wanted
    most = max(1, soft - RESERVED_FILES)
    _LOG.warning("only %d connections: this process may open %d files", most, soft)
    return most


class Held(Protocol):
    """A connection, as far as it is counted."""

    address: str  # as it is counted; empty for a trusted proxy
    since: float  # since when it is in its present state
    awaits: str  # `head`, `body`, `answer` or `idle`
    closing: bool

    @property
    def group(self) -> str:
        """The client whose connection it is now; empty for a trusted proxy's that carries nobody."""

    @property
    def cost(self) -> int | None:
        """What it costs to end it for somebody else's sake; None: too much."""

    def cut(self, kind: str) -> None:
        """End it now, without an answer."""

    def drop(self) -> None:
        """End it now, after its refusal."""

    def look(self, now: float) -> None:
        """End it if its time is up."""


# What it costs to end a connection, by its state; `more` is asking on before the answer came.
COSTS: Final = {"head": 0, "body": 1, "more": 2, "idle": 3, "answer": 4}
KNOWN: Final = 5  # added for those on which a key or a session was recognised


class Connections:
    """All connections of one worker.

    Args:
        bounds: What they may take.
        trusted: Proxies, whose own address is never counted.
        metrics: Where refusals are counted.
    """

    def __init__(self, bounds: PortBounds, trusted: Trusted, metrics: Metrics) -> None:
        """Begin with none."""
        self.bounds = bounds
        self.trusted = trusted
        self.turns = Turns()
        self._metrics = metrics
        self._held: dict[Held, None] = {}
        self._lane: dict[Held, None] = {}
        self._lingering: dict[Held, None] = {}
        self._by_address: Counter[str] = Counter()
        self._asking: Counter[str] = Counter()
        self._sweeper: asyncio.TimerHandle | None = None
        metrics.watch("delegation_connections_open", lambda: len(self._held))
        metrics.watch("delegation_connections_limit", lambda: bounds.max_connections)

    def refused(self, kind: str) -> None:
        """Count a refusal."""
        self._metrics.refuse(kind)

    def enter(self, one: Held) -> str:
        """Take a connection; return how it is to be refused, once it has asked, empty if not."""
        self._held[one] = None
        if self._sweeper is None:
            self._sweep()
        refusal = ""
        if one.address:
            self._by_address[one.address] += 1
            if self._by_address[one.address] > self.bounds.max_per_client:
                own = [h for h in self._held if h.address == one.address and h is not one]
                # Whoever has too many open may wait: what it waits for is not cut.
                free = [h for h in own if h.cost not in {None, COSTS["answer"]}]
                refusal = self._make_room("client", free)
        if not refusal and self._crowd > self.bounds.max_connections:
            ordinary = [held for held in self._held if held not in self._lane]
            refusal = self._make_room("connections", self._heaviest(one, ordinary))
            if refusal:
                self.enter_lane(one)
        return refusal

    @property
    def _crowd(self) -> int:
        return len(self._held) - len(self._lane) - len(self._lingering)

    def enter_lane(self, one: Held) -> bool:
        """Give a connection that is refused a reserved place, where only what is urgent is answered.

        Those in the lane make room for one another as all do: a crowd that fills it makes it for itself.

        Returns:
            Whether it has one: not if all others there are known and are being answered.
        """
        if one not in self._lane:
            if len(self._lane) >= LANE and self._make_room(
                "connections", self._heaviest(one, list(self._lane))
            ):
                return False
            self._lane[one] = None
        return True

    def linger(self, one: Held) -> None:
        """Let a refused connection wait until its client has the refusal; the oldest goes for the newest."""
        self._lane.pop(one, None)
        self._lingering[one] = None
        if len(self._lingering) > LINGERING:
            oldest = next(iter(self._lingering))
            del self._lingering[oldest]
            oldest.drop()

    def leave(self, one: Held) -> None:
        """Forget a connection."""
        self.turns.give(one)
        self._lane.pop(one, None)
        self._lingering.pop(one, None)
        if self._held.pop(one, True) is None and one.address:
            _less(self._by_address, one.address)

    def begin(self, client: str) -> bool:
        """Count a request of a client that a proxy names; return whether it is one too many."""
        self._asking[client] += 1
        return self._asking[client] > self.bounds.max_per_client

    def end(self, client: str) -> None:
        """Forget a request of such a client."""
        _less(self._asking, client)

    def _make_room(self, kind: str, among: list[Held]) -> str:
        """Cut who can be cut at least cost; return the kind of refusal if nobody can."""
        costs = {held: cost for held in among if (cost := held.cost) is not None}
        if not costs:
            return kind
        least = min(costs.values())
        first = sorted((h for h, cost in costs.items() if cost == least), key=lambda h: h.since)
        for victim in first[: max(1, len(costs) // _AT_ONCE)]:
            victim.cut(kind)
        return ""

    def _heaviest(self, newest: Held, among: list[Held]) -> list[Held]:
        """Return the connections of the client with the most among these that can be cut.

        Those of known clients are counted and cut only when there are no others. A proxy's that
        carry nobody weigh less than they are, and between equals they stay.
        """
        groups: dict[tuple[bool, str], list[Held]] = {}
        for held in among:
            cost = held.cost
            if cost is not None and held is not newest:
                groups.setdefault((cost < KNOWN, held.group), []).append(held)

        def weight(of: tuple[bool, str]) -> tuple[bool, float, bool]:
            is_strange, client = of
            return is_strange, len(groups[of]) / (1 if client else PROXY_SHARE), bool(client)

        return groups[max(groups, key=weight)] if groups else []

    def _sweep(self) -> None:
        now = time.monotonic()
        for held in list(self._held):
            held.look(now)
        self._sweeper = None
        if self._held:
            loop = asyncio.get_running_loop()
            self._sweeper = loop.call_later(SWEEP_SECONDS, self._sweep)


def _less(counts: Counter[str], name: str) -> None:
    counts[name] -= 1
    if counts[name] <= 0:
        del counts[name]
