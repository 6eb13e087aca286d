"""Helpers of the writer's tests: queue a call, hold the writer back, read a number."""

from __future__ import annotations

import random
import threading
from concurrent.futures import Future

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from world import World

from delegation import Access
from delegation.records.settling import writer


def scalar(world: World, statement: str) -> int:
    """Return one number from the database."""
    with world.tracker._store._database.reading() as connection:
        return connection.execute(text(statement)).scalar_one()


def begin(
    world: World, token, name: str, key: str | None = None, access: Access | None = None
) -> Future:
    """Prove a call and queue it."""
    wanted = access or world.access()
    proof = world.key(name).prove(token, wanted, at=world.at)
    return world.tracker.begin_check(token, proof, wanted, client="svc", idempotency_key=key)


def held_back(world: World, monkeypatch) -> threading.Event:
    """Hold the writer before its first transaction, so that what comes piles up."""
    gate = threading.Event()
    inner = writer.DecisionWriter._write

    def waiting(self, *batch):
        gate.wait(90)
        return inner(self, *batch)

    monkeypatch.setattr(writer.DecisionWriter, "_write", waiting)
    return gate


class Faults:
    """Breaks batches before COMMIT and loses the answer after it, by a seeded chance."""

    def __init__(self, monkeypatch, seed: int, before: float, after: float) -> None:
        chance = random.Random(seed)
        inner = writer.DecisionWriter._attempt
        self.before = self.after = 0

        def attempt(this, *batch):
            if chance.random() < before:
                self.before += 1
                raise OperationalError("lost", None, Exception("connection lost"))
            outcomes = inner(this, *batch)
            if chance.random() < after:
                self.after += 1
                raise writer._DoubtfulError
            return outcomes

        monkeypatch.setattr(writer.DecisionWriter, "_attempt", attempt)
