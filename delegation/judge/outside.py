"""Settling outside the store: what must be known for it, and which calls may be settled so at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from delegation.authority.ids import LinkId
from delegation.judge.facts import AgentFact, TaskFact


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a link, as its payload states it."""

    key: bytes
    name: str


@dataclass(frozen=True, slots=True)
class RootStanding:
    """What a verifier outside the store must know to apply step 10 itself.

    Args:
        root: The root, recorded when it was issued.
        tasks: Its task, then the tasks above it, nearest first.
        agents_by_key: The registered agent of each asked holder key that has one.
        agents_by_name: The registered agent of each asked name that has one.
        needs_service: Why only the service can settle calls under it; empty if nothing speaks
            against settling them elsewhere.
        epoch: The newest change that this answer holds.
    """

    root: LinkId
    tasks: tuple[TaskFact, ...]
    agents_by_key: Mapping[bytes, AgentFact]
    agents_by_name: Mapping[str, AgentFact]
    needs_service: tuple[str, ...]
    epoch: int
