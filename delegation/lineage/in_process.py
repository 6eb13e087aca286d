"""Describes decisions made outside the store and reported later, and any conflict with them."""

from __future__ import annotations

from dataclasses import dataclass

from delegation.authority.ids import DecisionId


@dataclass(frozen=True, slots=True)
class InProcessEntry:
    """Where a recorded decision was really made.

    Args:
        decision: The record.
        by: The API key of the verifier that made it.
        epoch: The newest change of standing that it said to know.
        reported_at: When the service was told, Unix seconds of the service.
        conflict_step: The step at which the service would have denied it; None if it would not.
        conflict_code: That denial's code.
        conflict: That denial's sentence.
    """

    decision: DecisionId
    by: str
    epoch: int
    reported_at: int
    conflict_step: int | None = None
    conflict_code: str | None = None
    conflict: str = ""
