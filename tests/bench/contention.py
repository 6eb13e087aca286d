"""Siblings that spend from one ledger, beside as many that spend from ledgers of their own."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench import load
from bench.http_checks import turn
from bench.processes import Served, service
from bench.rates import Turn, beside, filled
from bench.row import Row, bounded
from bench.scene import ACCESS, CEILING, DESK, ISSUER, LASTS, TOOLS, Held
from delegation import Grant, HolderKey
from delegation.tracker import Tracker

APART = "siblings with a ledger each"
SHARED = "siblings with one ledger"
SPENT = "of twice as many calls as the ledger holds"
_WIDE = 10**9


@dataclass(frozen=True, slots=True)
class Family:
    """Leaves and the ledger above them.

    Args:
        held: The leaves.
        task: Whose ledger it is; of leaves apart, nobody's.
    """

    held: Sequence[Held]
    task: str = ""


def rows(
    stores: dict[str, tuple[str, int]], *, calls: int, rounds: int, siblings: Sequence[int]
) -> list[Row]:
    """Return the rows of each engine.

    Args:
        stores: Name of each engine: the URL of an empty database, and workers of its service.
        calls: Bodies signed for one turn.
        rounds: Turns of each.
        siblings: How many call at once.
    """
    result: list[Row] = []
    for engine, (url, workers) in stores.items():
        with contextlib.ExitStack() as stack:
            folder = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="delegation-bench-"))
            )
            ring = folder / "ring.json"
            tracker = stack.enter_context(Tracker.open(url, ring_file=ring, issuer=ISSUER))
            for tool in TOOLS:
                tracker.add_tool(tool)
            key = "Bearer " + tracker.create_api_key("desk", "service", [DESK])
            server = stack.enter_context(service(url, ring, ISSUER, workers=workers))
            desk = Desk(tracker, server, key, folder)
            for count in siblings:
                result += desk.rates(engine, workers, count, calls, rounds)
                result.append(desk.overspent(engine, workers, count, calls))
    return result


@dataclass(frozen=True, slots=True)
class Desk:
    """A served store."""

    tracker: Tracker
    server: Served
    key: str
    folder: Path

    def rates(self, engine: str, workers: int, count: int, calls: int, rounds: int) -> list[Row]:
        """Return calls in a second of both kinds of siblings, in turns."""
        apart = Family([self.family(1, _WIDE).held[0] for _ in range(count)])
        families = {APART: apart, SHARED: self.family(count, _WIDE)}
        taken: dict[str, list[Turn]] = {APART: [], SHARED: []}
        for number in range(-1, rounds):
            for what, family in families.items():
                bodies = self.bodies(family.held, calls)
                made = turn(self.server, bodies, self.key, seconds=1 + (number >= 0), clients=count)
                if number >= 0:
                    taken[what].append(made)
        row = Row("contention", APART, engine, depth=2, workers=workers, clients=count)
        return [
            filled(row, taken[APART]),
            beside(replace(row, what=SHARED), taken[SHARED], APART, taken[APART]),
        ]

    def overspent(self, engine: str, workers: int, count: int, calls: int) -> Row:
        """Return what was spent beyond a ledger that holds half of what is asked of it.

        Raises:
            RuntimeError: More or less than the ledger was allowed.
        """
        limit = max(1, calls // 20)
        family = self.family(count, limit)
        # Each is sent once, to the last: not for a time, as the rates are.
        bodies = self.bodies(family.held, 2 * limit)
        load.run(self.server.url, bodies, self.key, seconds=50, clients=count, whole=True)
        with self.tracker._store._database.reading() as connection:
            ask = connection.exec_driver_sql
            used = ask(
                f"SELECT used FROM counter WHERE id = '{family.task}' AND unit = 'calls'"
            ).scalar_one()
            allowed = ask(
                f"SELECT count(*) FROM decision WHERE task = '{family.task}' AND step IS NULL"
            ).scalar_one()
        if not allowed == used == limit:
            raise RuntimeError(f"{engine}: {allowed} allowed and {used} charged of {limit}")
        row = Row(
            "contention",
            SPENT,
            engine,
            depth=2,
            workers=workers,
            clients=count,
            overspent=allowed - limit,
        )
        return bounded(row, "<= 0 overspent")

    def bodies(self, held: Sequence[Held], calls: int) -> Path:
        """Write so many calls of all the leaves in turns."""
        access, bodies = ACCESS.to_json(), self.folder / "bodies.jsonl"
        with bodies.open("w") as out:
            for number in range(calls):
                one = held[number % len(held)]
                body = {"token": one.token.text, "proof": one.prove(), "access": access}
                out.write(json.dumps(body, separators=(",", ":")) + "\n")
        return bodies

    def family(self, count: int, limit: int) -> Family:
        """Open a task whose ledger holds so many calls, and hand its root on to so many leaves."""
        ceiling = Grant(
            CEILING.capabilities, audience=[DESK], purpose="desk", delegations_left=2,
            budget={"calls": limit},
        )  # fmt: skip
        task = self.tracker.open_task(
            "Many", owner="ana@acme.example", ceiling=ceiling, lasts=LASTS
        )
        boss = HolderKey.generate("boss")
        root = self.tracker.issue(task, to=boss.public)
        leaves = [HolderKey.generate(f"agent-{n}") for n in range(count)]
        held = [
            Held(root.delegate(by=boss, to=leaf.public, grant=Grant()), leaf) for leaf in leaves
        ]
        return Family(held, task.id)
