"""A task that is about to be recorded."""

from __future__ import annotations

from dataclasses import dataclass

from delegation.authority.chain import Chain
from delegation.authority.grant import Grant
from delegation.authority.ids import TaskId
from delegation.judge.limits import Limits


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task as it is opened.

    Args:
        id: Its id.
        title: What it is about.
        owner: The accountable human or service.
        ceiling: Complete grant; the most that any token of it may hold, and its ledger.
        opened_at: Unix seconds.
        deadline: Unix seconds.
        inferred: Whether it is rebuilt from a record rather than observed.
        idle: Seconds without an allowed call after which it is over; None for never.
        limits: What its opener sets lower than the service; None for nothing.
        under: The opener's chain, when an agent opens it.
    """

    id: TaskId
    title: str
    owner: str
    ceiling: Grant
    opened_at: int
    deadline: int
    inferred: bool
    idle: int | None = None
    limits: Limits | None = None
    under: Chain | None = None
