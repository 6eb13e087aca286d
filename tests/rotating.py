"""Load on services whose keys are rotated meanwhile: what anybody is refused is kept."""

from __future__ import annotations

import asyncio
import itertools
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from world import DESK, PAY, READ

from delegation import Access, Grant, HolderKey, Token, Tracker
from delegation.authority.approval import ApprovalRule
from delegation.authority.pattern import tool_pattern
from delegation.cli.log import AskedSource
from delegation.client import AsyncClient, Client
from delegation.integrations.in_process import InProcessVerifier
from delegation.integrations.spool import Spool
from delegation.transparency.audit import audit
from delegation.transparency.checkpoint import LogKey

CEILING = Grant([READ], audience=[DESK], delegations_left=2)
CONSENT = ApprovalRule((tool_pattern("pay.*"),), ("finance",), 1)
CALL = Access("files.read", {"path": "/a"}, DESK)


@dataclass
class Place:
    """What a service is reached by, and the copy of the ring that it reads.

    Args:
        url: Of the service.
        ring: Its copy.
    """

    url: str
    ring: Path


@dataclass
class Load:
    """Threads that work until they are told to stop; each failure is kept with what did it.

    Args:
        store: The store's URL.
        places: The services.
        keys: Secrets of API keys by role; `approver-N` are people.
        folder: For spools.
    """

    store: str
    places: Sequence[Place]
    keys: dict[str, str]
    folder: Path
    done: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    kept: list[tuple[Token, HolderKey]] = field(default_factory=list)
    log_keys: dict[str, LogKey] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._clients = ExitStack()
        works: list[Callable[[int], Callable[[], None]]] = [self._calling, self._auditing]
        self._threads = [
            threading.Thread(target=self._run, args=(f"{work.__name__} {n}", work, n), daemon=True)
            for n in range(len(self.places))
            for work in works
        ]
        self._threads.append(threading.Thread(target=self._verifying, daemon=True))
        self._threads.append(
            threading.Thread(
                target=self._run, args=("consenting", self._consenting, 0), daemon=True
            )
        )

    def __enter__(self) -> Self:
        """Begin."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, and wait until all have."""
        self._stop.set()
        for thread in self._threads:
            thread.join(120)
        self._clients.close()

    def _client(self, place: Place, key: str) -> Client:
        return self._clients.enter_context(Client(place.url, api_key=self.keys[key]))

    def _run(self, name: str, make: Callable[[int], Callable[[], None]], number: int) -> None:
        try:
            step = make(number)
            while not self._stop.is_set():
                step()
                self.done[name] += 1
        except Exception:  # noqa: BLE001  # whatever it was is the failure
            self.failed.append(f"{name}: {traceback.format_exc()}")

    def _note(self, what: str, decision: object) -> None:
        denial = getattr(decision, "denial", None)
        if denial is not None:
            self.failed.append(f"{what}: denied at {denial.step} {denial.code}: {denial.message}")

    def _calling(self, number: int) -> Callable[[], None]:
        """Issue at one service, delegate offline, call at all; what was issued long ago, too."""
        here = self._client(self.places[number], "operator")
        all_of_them = [self._client(place, "service") for place in self.places]
        forms = itertools.cycle(["biscuit", "macaroon"])

        def step() -> None:
            boss, worker = HolderKey.generate("boss"), HolderKey.generate("worker")
            task = here.open_task("T", owner="ana@acme.example", ceiling=CEILING, lasts=900)
            root = here.issue(task, to=boss.public, format=next(forms))
            leaf = root.delegate(by=boss, to=worker.public, grant=Grant())
            if len(self.kept) < 40 or self.done[f"_calling {number}"] % 10 == 0:
                self.kept.append((leaf, worker))
            olds = [self.kept[0], self.kept[self.done[f"_calling {number}"] % len(self.kept)]]
            for token, key in [(leaf, worker), *olds]:
                for client in all_of_them:
                    self._note("a call", client.check(token, key.prove(token, CALL), CALL))
                    self.done["calls"] += 1

        return step

    def _consenting(self, _: int) -> Callable[[], None]:
        """Make calls that need consent at one service, have people grant them at another."""
        operator = self._client(self.places[0], "operator")
        desks = [self._client(place, "service") for place in self.places]
        names = [name for name in self.keys if name.startswith("approver")]
        people = itertools.cycle([self._client(self.places[-1], name) for name in names])
        ceiling = Grant(
            [PAY], audience=[DESK], needs_approval=[CONSENT], budget={"usd_cents": 9000}
        )
        wanted = Access("pay.refund", {"order": "o1", "amount": 3}, DESK, max_cost={"usd_cents": 3})

        def step() -> None:
            boss = HolderKey.generate("boss")
            task = operator.open_task("T", owner="ana@acme.example", ceiling=ceiling, lasts=900)
            root = operator.issue(task, to=boss.public)
            asked = desks[0].check(root, boss.prove(root, wanted), wanted)
            next(people).grant_approval(asked.approval, reason="ok")
            self._note("consent", desks[-1].check(root, boss.prove(root, wanted), wanted))
            self._stop.wait(0.5)  # a person answers twenty a minute

        return step

    def _auditing(self, number: int) -> Callable[[], None]:
        """Verify the log whole with a copy of the ring, and with each key that was ever told alone."""
        place = self.places[number]
        client = self._client(place, "reviewer")

        def step() -> None:
            with Tracker.open(self.store, ring_file=place.ring) as tracker:
                status = tracker.log_status()
                source = AskedSource(tracker)
                if status.signed:
                    found = audit(source, status.keys, issuer_keys=tracker.public_ring())
                    self.failed += [f"log verify: {f.code} {f.message}" for f in found.findings]
                    self.failed += [f"records: {f.code}" for f in tracker.compare_log()]
                self.failed += [f"log: {status.stopped}"] if status.stopped else []
            told = client.log_status()
            self.log_keys.update({key.text: key for key in told.keys})
            if told.signed:
                head = client.log_checkpoint()
                first = next(iter(self.log_keys.values()))
                if not head.is_signed_by([first]):
                    self.failed.append("who holds the first key alone believes the log no more")
            self._stop.wait(0.5)

        return step

    def _verifying(self) -> None:
        """Verify in processes of services: one that follows, and one that keeps keys for a while."""
        try:
            asyncio.run(self._verify())
        except Exception:  # noqa: BLE001
            self.failed.append(f"verifying: {traceback.format_exc()}")

    async def _verify(self) -> None:
        clients = [AsyncClient(p.url, api_key=self.keys["service"]) for p in self.places]
        spool = Spool(self.folder / "spool.db")
        verifiers = [
            InProcessVerifier(clients[-1], spool=spool),
            InProcessVerifier(clients[0]),
        ]
        while not self._stop.is_set():
            for token, key in self.kept[-3:] + self.kept[:1]:
                for verifier in verifiers:
                    self._note(
                        "in process", await verifier.check(token.text, key.prove(token, CALL), CALL)
                    )
                    self.done["in process"] += 1
            await asyncio.sleep(0.05)
        for verifier in verifiers:
            await verifier.close()
        for client in clients:
            await client.close()
