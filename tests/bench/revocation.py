"""How long after a revocation anything is still allowed under what it ended, wherever it is checked.

Counted from the instant at which the revocation was *sent*: its commit is later, so no figure is
better than the truth.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import Served, service
from bench.row import Row, bounded, rounded
from bench.scene import ACCESS, CEILING, DESK, ISSUER, LASTS, TOOLS, Held
from delegation import Grant, HolderKey
from delegation.client import AsyncClient
from delegation.errors import ServiceError
from delegation.integrations.boottime import boottime
from delegation.integrations.in_process import InProcessVerifier
from delegation.integrations.spool import Spool
from delegation.judge.lease import BOUND
from delegation.tracker import Tracker

VERIFIER = "last allowance of an in-process verifier"
REPLICA = "last allowance of a service that reads in its transaction"
FEED = "news at who waits for them on the feed"
BARRIER = "answer to who waits until it holds everywhere"
FROZEN = "the same, the service that a verifier polls stopped"
_FLOOR = f"the bound of {BOUND:g} s"
# Who waits is answered 1.2 bounds after the commit at the latest. A service that is stopped with a
# transaction open keeps that commit waiting for three seconds, until PostgreSQL ends it.
_REACH = {BARRIER: "<= 1.2", FROZEN: "<= 4.5"}
_VERIFIERS = 2


@dataclass(slots=True)
class Seen:
    """What one round came to, in seconds of this machine's clock.

    Args:
        taken: Seconds from sending the revocation, by what was waited for.
        late: Allowances by a service that were asked for after the revocation was answered.
    """

    taken: dict[str, list[float]] = field(default_factory=dict)
    late: int = 0

    def note(self, what: str, seconds: float) -> None:
        """Keep one figure."""
        self.taken.setdefault(what, []).append(max(0.0, seconds))


def rows(stores: dict[str, str], *, rounds: int, frozen: int) -> list[Row]:
    """Return the rows of each engine.

    On SQLite one service does all: several that share a file are not supported. On PostgreSQL one
    of two revokes, and everything else happens at the other.

    Args:
        stores: Name of each engine, and the URL of an empty database.
        rounds: Revocations.
        frozen: Further ones, with a service stopped meanwhile; on PostgreSQL only.
    """
    result: list[Row] = []
    for engine, url in stores.items():
        with contextlib.ExitStack() as stack:
            folder = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="delegation-bench-"))
            )
            ring, services = folder / "ring.json", 1 if engine == "SQLite" else 2
            with Tracker.open(url, ring_file=ring, issuer=ISSUER) as tracker:
                held, keys = _prepared(tracker, rounds + frozen)
            servers = [stack.enter_context(service(url, ring, ISSUER)) for _ in range(services)]
            seen = asyncio.run(
                _rounds(servers, keys, held, folder, rounds, frozen if services > 1 else 0)
            )
            if seen.late:
                raise RuntimeError(f"{engine}: {seen.late} calls were allowed after the commit")
            result += _rows(engine, services, seen)
    return result


def _prepared(tracker: Tracker, count: int) -> tuple[list[Held], dict[str, str]]:
    """Return as many leaves, without a ledger above them, and the API keys."""
    for tool in TOOLS:
        tracker.add_tool(tool)
    ceiling = Grant(CEILING.capabilities, audience=[DESK], purpose="desk", delegations_left=2)
    task = tracker.open_task("Many", owner="ana@acme.example", ceiling=ceiling, lasts=LASTS)
    boss, leaf = HolderKey.generate("boss"), HolderKey.generate("leaf")
    root = tracker.issue(task, to=boss.public)
    held = [Held(root.delegate(by=boss, to=leaf.public, grant=Grant()), leaf) for _ in range(count)]
    roles = {"operator": (), "service": (DESK,)}
    return held, {role: tracker.create_api_key(role, role, seen) for role, seen in roles.items()}


def _rows(engine: str, services: int, seen: Seen) -> list[Row]:
    found = []
    for what, times in seen.taken.items():
        p99 = sorted(times)[min(len(times) - 1, len(times) * 99 // 100)]
        row = Row(
            "revocation", what, engine, workers=services, median_us=rounded(statistics.median(times) * 1e6),
            p99_us=rounded(p99 * 1e6), floor=_FLOOR, ratio_to_floor=rounded(p99 / BOUND),
        )  # fmt: skip
        found.append(bounded(row, _REACH.get(what, "<= 1.0")))
    return found


async def _rounds(
    servers: Sequence[Served],
    keys: dict[str, str],
    held: Sequence[Held],
    folder: Path,
    rounds: int,
    frozen: int,
) -> Seen:
    seen, here, there = Seen(), servers[0].url, servers[-1].url
    async with contextlib.AsyncExitStack() as stack:

        async def client(url: str, role: str, *, patient: bool = True) -> AsyncClient:
            options = {"timeout": 30.0} if patient else {"timeout": 2.0, "attempts": 1}
            made = AsyncClient(url, api_key=keys[role], **options)
            return await stack.enter_async_context(made)

        operator, watcher = await client(here, "operator"), await client(there, "operator")
        caller = await client(there, "service")
        verifiers = []
        for number in range(_VERIFIERS):
            spool = Spool(folder / f"spool-{number}.db")
            verifiers.append(
                InProcessVerifier(
                    await client(there, "service", patient=False), spool=spool, fallback="refuse"
                )
            )
        for number in range(rounds + frozen):
            stopped = servers[-1] if number >= rounds else None
            await _round(seen, held[number], operator, watcher, caller, verifiers, stopped)
        for one in verifiers:
            if one.local is not None:
                await one.local.close()
    return seen


async def _round(
    seen: Seen,
    held: Held,
    operator: AsyncClient,
    watcher: AsyncClient,
    caller: AsyncClient,
    verifiers: Sequence[InProcessVerifier],
    stopped: Served | None,
) -> None:
    """Let calls run, revoke, and wait until nobody allows any more."""
    answered: list[float] = []
    begun = [asyncio.Event() for _ in range(len(verifiers) + (stopped is None))]
    loops = [_verifying(one, held, is_on) for one, is_on in zip(verifiers, begun, strict=False)]
    if stopped is None:
        loops.append(_calling(caller, held, answered, begun[-1]))
    running = [asyncio.create_task(loop) for loop in loops]
    for is_on in begun:  # each is allowed something first
        await asyncio.wait_for(is_on.wait(), 60)
    epoch = (await operator.feed(limit=1)).newest
    waiting = asyncio.create_task(_told(watcher, epoch)) if stopped is None else None
    await asyncio.sleep(0.05)
    if stopped is not None:
        for pid in stopped.processes():
            os.kill(pid, signal.SIGSTOP)
    sent = boottime()
    # Every other one waits: its own calls at the service would be in its way.
    waits = stopped is not None or len(seen.taken.get(FEED, ())) % 2 == 1
    try:
        done = await operator.revoke("link", held.token.id, reason="bench", wait=waits)
        answered.append(boottime())
        lasts = await asyncio.gather(*running)
    finally:
        if stopped is not None:
            for pid in stopped.processes():
                os.kill(pid, signal.SIGCONT)
    if waits:
        seen.note(FROZEN if stopped else BARRIER, answered[0] - sent)
        if done.barrier is None:
            raise RuntimeError("nobody waited")
    for last, _ in lasts[: len(verifiers)]:
        seen.note(VERIFIER + (", its service stopped" if stopped else ""), last - sent)
    if stopped is None:
        last, late = lasts[-1]
        seen.note(REPLICA, last - sent)
        seen.late += late
    if waiting is not None:
        seen.note(FEED, await waiting - sent)


async def _verifying(
    verifier: InProcessVerifier, held: Held, is_on: asyncio.Event
) -> tuple[float, int]:
    """Have calls settled until one is denied; return when the last allowance was acted on."""
    last = 0.0
    while True:
        try:
            decision = await verifier.check(held.token.text, held.prove(), ACCESS)
        except ServiceError:  # its keys were old, and the service that has new ones is stopped
            if last:
                return last, 0
            continue
        now = boottime()
        denial = decision.denial
        if denial is None and decision.is_fresh(now):
            last = now
            is_on.set()
        elif last and denial is not None and denial.code in {"link_revoked", "stale"}:
            return last, 0
        await asyncio.sleep(0.001)


async def _calling(
    caller: AsyncClient, held: Held, answered: list[float], is_on: asyncio.Event
) -> tuple[float, int]:
    """Have calls checked by a service; return when the last was allowed, and how many too late."""
    last, late = 0.0, 0
    while True:
        begun = boottime()
        if await caller.check(held.token, held.prove(), ACCESS):
            last = boottime()
            is_on.set()
            late += bool(answered) and begun > answered[0]
        elif last:
            return last, late


async def _told(watcher: AsyncClient, epoch: int) -> float:
    """Wait on the feed; return when the change came."""
    while True:
        if (await watcher.feed(after=epoch, wait=5.0)).epoch > epoch:
            return boottime()
