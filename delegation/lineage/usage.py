"""When something was last used: the newest call with it as the leaf, or as the leaf's holder."""

from __future__ import annotations

from dataclasses import dataclass

from delegation.authority.ids import DecisionId
from delegation.judge.facts import Subject


@dataclass(frozen=True, slots=True)
class LastUse:
    """The newest call that a link, an agent or a key made.

    Args:
        subject: The link, agent or key.
        decision: The call; None if it made none.
        at: When, Unix seconds; 0 if never.
        allowed: Whether it was allowed.
    """

    subject: Subject
    decision: DecisionId | None
    at: int
    allowed: bool
