"""A verifier in a process of its own: settles calls without pause and says when each was acted on.

Run as a program with one JSON argument; prints one JSON line for each call.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from pathlib import Path

import warm

from delegation import Access, HolderKey, Token
from delegation.client import AsyncClient
from delegation.integrations.boottime import boottime
from delegation.integrations.in_process import InProcessVerifier
from delegation.integrations.spool import Spool
from delegation.judge.in_process import InProcessDecision

_ROOT = Path(__file__).parents[1]
BOUND = 1.0
SEED = bytes(range(32))


class Outside:
    """One verifier process and what it said so far."""

    def __init__(self, told: dict[str, str]) -> None:
        env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")]),
        }
        reading, writing = os.pipe()
        self.process = warm.Program([__file__, json.dumps(told)], _ROOT, writing, env)
        os.close(writing)
        self._out = os.fdopen(reading)
        self.said: list[dict] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._out:
            self.said.append(json.loads(line))

    def wait_for(self, wanted, what: str) -> None:
        """Wait until it said something of the kind, in bounded time."""
        for _ in range(1800):
            if any(wanted(one) for one in list(self.said)):
                return
            time.sleep(0.05)
        raise AssertionError(f"never said: {what}; {self.said[-3:]}")

    def acted(self) -> list[float]:
        """Return the instants at which it acted on an allowance."""
        return [one["acted"] for one in list(self.said) if one["acted"] is not None]

    def end(self) -> None:
        """End this process, and no other."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(90)
        self._reader.join(90)
        self._out.close()


async def run(told: dict) -> None:
    """Settle calls until this process is ended."""
    client = AsyncClient(told["url"], api_key=told["api_key"], attempts=1)
    verifier = InProcessVerifier(client, spool=Spool(told["spool"]), fallback="refuse")
    holder = HolderKey("a", bytes.fromhex(told["seed"]))
    access = Access("files.read", {"path": "/a"}, told["audience"], purpose="desk")
    async with AsyncClient(told["url"], api_key=told["api_key"], timeout=90) as patient:
        token = Token.read(told["token"], await patient.public_ring())
    while True:
        proof = holder.prove(token, access)
        try:
            decision = await verifier.check(told["token"], proof, access)
        except Exception as error:  # noqa: BLE001  # told to the test, which knows what may happen
            said = {"acted": None, "code": type(error).__name__, "id": ""}
        else:
            # As a guard does: the clock is read, and the answer acted on at that very instant or not.
            now = boottime()
            is_acted = (
                isinstance(decision, InProcessDecision)
                and bool(decision)
                and decision.is_fresh(now)
            )
            code = None if decision.denial is None else decision.denial.code
            said = {"acted": now if is_acted else None, "code": code, "id": decision.id}
        said["replica"] = verifier.local.follower.replica
        print(json.dumps(said), flush=True)
        await asyncio.sleep(0.002)


if __name__ == "__main__":
    asyncio.run(run(json.loads(sys.argv[1])))
