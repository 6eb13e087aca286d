"""Opening child tasks in tests."""

from __future__ import annotations

from world import World

from delegation import Grant, Token
from delegation.commands.open_child import Opening, opening_request
from delegation.lineage.entry import TaskEntry


def open_below(
    world: World, token: Token, by: str, to: str, **fields: object
) -> tuple[TaskEntry, Token]:
    """Let a holder open a task under its link."""
    ceiling = fields.pop("ceiling", Grant())
    opening = Opening("Part", ceiling, world.key(to).public, **{"lasts": 100, **fields})  # type: ignore[arg-type]
    access = opening_request(world.tracker.issuer, opening)
    proof = world.key(by).prove(token, access, at=world.at)
    return world.tracker.open_child_task(token, proof, opening)
