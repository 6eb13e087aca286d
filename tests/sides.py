"""A service, and a verifier elsewhere with a spool; time moves when a test says so."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
from service import Service
from wire import handler
from world import World

from delegation import Tool
from delegation.client import AsyncClient
from delegation.integrations.in_process import InProcessVerifier
from delegation.integrations.spool import Spool


class Sides:
    """A service, and a verifier elsewhere with a spool; time moves when a test says so."""

    def __init__(self, folder: Path, *, fallback: str = "service", **spool: int) -> None:
        self.world = World()
        self.tracker = self.world.tracker
        self.tracker.add_tool(
            Tool("crm.read", effect="read", system="crm", arguments={"id": "opaque"})
        )
        self.task = self.world.task = self.world.open(budget={})
        self.service = Service(self.world)
        self.inner = handler(self.service)
        self.sent: list[str] = []
        self.is_down = False
        self.boot = 1000.0
        self.spool = Spool(folder / "spool.db", **spool)
        self.verifier = self.start(fallback)

    def start(self, fallback: str = "service") -> InProcessVerifier:
        """Return another verifier on the same spool, without its background work."""
        client = AsyncClient(
            "http://testserver",
            api_key=self.service.keys["service"],
            transport=httpx2.MockTransport(self._handle),
            attempts=1,
        )
        verifier = InProcessVerifier(
            client,
            spool=self.spool,
            fallback=fallback,
            clock=lambda: self.world.at,
            boot_clock=lambda: self.boot,
        )
        verifier.local.follow = lambda: None
        return verifier

    def _handle(self, request):
        self.sent.append(request.url.path)
        if self.is_down:
            raise httpx2.ConnectError("down")
        return self.inner(request)

    def check(self, token, by: str = "a", access=None, verifier=None, proof=None, **fields):
        """Prove a call and ask the verifier."""
        wanted = access or self.world.access()
        made = proof or self.world.key(by).prove(token, wanted, at=self.world.at)
        asked = (verifier or self.verifier).check(token.text, made, wanted, **fields)
        return asyncio.run(asked)

    def poll(self) -> None:
        """Poll once."""
        asyncio.run(self.verifier.local.follower.poll())

    def report(self) -> int:
        """Report what waits."""
        return asyncio.run(self.verifier.local.report())
