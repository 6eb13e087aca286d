"""Decisions as answers carry them, read back into values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.judge.decision import Decision, Denial, Step
from delegation.tracker.work import DecisionDetail, OutcomeReport


def read_decision(body: Mapping[str, Any]) -> Decision:
    """Return the decision that an answer carries.

    A client acts on it, so it must say the same thing twice: `allowed` and the absence of a denial.

    Raises:
        MalformedError: It carries none, or contradicts itself.
    """
    try:
        said = body["denial"]
        if body["allowed"] is not (said is None):
            raise MalformedError("A decision", wanted="one that does not contradict itself")
        denial = None
        if said is not None:
            denial = Denial(**{name: value for name, value in said.items() if name != "name"})
        return Decision(
            id=DecisionId(body["decision"]),
            at=body["at"],
            denial=denial,
            tool=body["tool"],
            task=None if body["task"] is None else TaskId(body["task"]),
            links=tuple(map(LinkId, body["links"])),
            holder=body["holder"],
            arguments=body["arguments"],
            cost=body["cost"],
            valid_until=body["valid_until"],
            steps=tuple(Step(step["step"], step["outcome"]) for step in body["steps"]),
            claimed_cause=body["claimed_cause"],
            sequence=body.get("sequence", 0),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise MalformedError("A decision", wanted="as the service writes it") from error


def decision_detail_json(detail: DecisionDetail) -> dict[str, Json]:
    """Return a recorded decision with everything that was kept of it."""
    told = detail.outcome
    return {
        **detail.decision.to_json(),
        "sequence": detail.sequence,
        "access": None if detail.access is None else dict(detail.access),
        "epoch": detail.epoch,
        "catalogue": detail.catalogue,
        "outcome": None
        if told is None
        else {"state": told.state, "detail": told.detail, "by": told.by, "at": told.at},
    }


def read_decision_detail(body: Mapping[str, Any]) -> DecisionDetail:
    """Return the recorded decision that an answer carries.

    Raises:
        MalformedError: It carries none, or contradicts itself.
    """
    decision = read_decision(body)
    try:
        told = body["outcome"]
        return DecisionDetail(
            decision,
            body["sequence"],
            body["access"],
            body["epoch"],
            body["catalogue"],
            None if told is None else OutcomeReport(decision.id, **told),
        )
    except (KeyError, TypeError) as error:
        raise MalformedError("A decision", wanted="as the service writes it") from error
