"""Says why a call is not settled in this process, and how it is denied where nobody else is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from delegation.authority.refusal import Refusal
from delegation.judge.decision import Denial
from delegation.judge.settle import RECORD_STEP


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Why a call is not settled here; no denial, since another may settle it."""

    reason: str


def stale() -> Denial:
    """Return the denial of a call while nobody knows here how it stands now."""
    return Denial.at(
        10,
        Refusal(
            "stale",
            "What is known of revocations is too old to allow anything.",
            remedy="Prove and send the call again.",
        ),
    )


def unkept(code: str) -> Denial:
    """Return the denial of a call whose decision could not be kept here.

    Args:
        code: What stood in the way.
    """
    refusal = Refusal(
        code, "No decision can be kept here at present.",
        remedy="Try again, or let the service settle the call.",
    )  # fmt: skip
    return Denial.at(RECORD_STEP, refusal)


def not_settled(elsewhere: Elsewhere) -> Denial:
    """Return the denial of a call that only the service could settle, where it is not asked.

    Args:
        elsewhere: Why.
    """
    reasons: Mapping[str, str] = {
        "stale": "stale",
        "behind": "stale",
        "unreachable": "stale",
        "spool_full": "spool_full",
        "spool_unavailable": "spool_unavailable",
        "clock_behind": "clock_behind",
    }
    if (code := reasons.get(elsewhere.reason)) == "stale":
        return stale()
    if code is not None:
        return unkept(code)
    refusal = Refusal(
        "not_settled_here",
        "Only the service can settle such a call.",
        "",
        elsewhere.reason,
        None,
        "Use a verifier that asks the service.",
    )
    return Denial.at(10, refusal)
