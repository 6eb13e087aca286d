"""Telling what became of a call, as a value; see `client.calls`."""

from __future__ import annotations

from collections.abc import Mapping

from delegation.authority.ids import DecisionId
from delegation.client.calls import Call, nothing, part
from delegation.tracker.work import OutcomeState


def report_outcome(
    decision: DecisionId | str,
    state: OutcomeState,
    *,
    detail: str = "",
    cost: Mapping[str, int] | None = None,
) -> Call[None]:
    """Say what became of a call that this service was allowed to execute."""
    told = {} if cost is None else {"cost": dict(cost)}
    return Call(
        "POST",
        f"/v1/decisions/{part(decision)}/outcome",
        nothing,
        body={"state": state, "detail": detail, **told},
        is_repeatable=True,
    )
