"""A root task's history: what its calls, and those of its child tasks, were and who made them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from delegation.authority.ids import DecisionId


class Actor(NamedTuple):
    """Who made a call, as far as anybody answers for it.

    Args:
        agent: The registered agent that is nearest on the line of authority, the holder itself first; empty
            where none is registered.
        owner: That agent's owner, else the task's.
    """

    agent: str
    owner: str


class Seen(NamedTuple):
    """How often one actor did one thing, and the decision that first allowed it."""

    times: int
    first: DecisionId


History: TypeAlias = Mapping[str, Mapping[Actor, Seen]]  # by mark, see `authority.term`


@dataclass(frozen=True, slots=True)
class Trace:
    """What an allowed call leaves in its task's history.

    Args:
        marks: What it was: its tool, effect, system, domain and labels.
        actor: Who made it.
    """

    marks: tuple[str, ...]
    actor: Actor
