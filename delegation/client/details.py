"""What only reviewers and operators read: one decision in full, and the list of API keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from delegation.authority.ids import DecisionId
from delegation.messages.verdict import read_decision
from delegation.tracker.work import ApiKey, DecisionDetail, OutcomeReport


def read_detail(body: Mapping[str, Any]) -> DecisionDetail:
    """Return the decision that an answer carries, with everything that was kept of it.

    Raises:
        MalformedError: It carries none, or contradicts itself.
        KeyError: A member is missing.
    """
    said = body["outcome"]
    decision = DecisionId(body["decision"])
    outcome = None
    if said is not None:
        outcome = OutcomeReport(decision, said["state"], said["detail"], said["by"], said["at"])
    return DecisionDetail(
        decision=read_decision(body),
        sequence=body["sequence"],
        access=body["access"],
        epoch=body["epoch"],
        catalogue=body["catalogue"],
        outcome=outcome,
    )


def read_api_keys(body: Mapping[str, Any]) -> Sequence[ApiKey]:
    """Return the API keys of a listing.

    Raises:
        KeyError: A member is missing.
    """
    return [
        ApiKey(
            name=one["name"],
            role=one["role"],
            audiences=tuple(one["audiences"]),
            created_at=one["created_at"],
            is_revoked=one["is_revoked"],
        )
        for one in body["api_keys"]
    ]
