"""Decisions as answers carry them, read back into values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.hidden import hidden_in
from delegation.judge.decision import Decision, Denial, Step
from delegation.judge.facts import CounterKey
from delegation.judge.reservation import Reservation
from delegation.lineage.local import LocalEntry
from delegation.messages.approvals import hidden_json
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
            reserved=tuple(body["reserved"]),
            valid_until=body["valid_until"],
            steps=tuple(Step(step["step"], step["outcome"]) for step in body["steps"]),
            claimed_cause=body["claimed_cause"],
            approval=body["approval"],
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
        "hidden": hidden_json(hidden_in(dict(detail.access or {}))),
        "evidence": detail.evidence,
        "amounts": dict(detail.amounts),
        "epoch": detail.epoch,
        "catalogue": detail.catalogue,
        "outcome": None
        if told is None
        else {"state": told.state, "detail": told.detail, "by": told.by, "at": told.at},
        "local": None if detail.local is None else _local_json(detail.local),
        "reservations": [
            {
                "unit": one.unit,
                "amount": one.amount,
                "counters": [list(key) for key in one.counters],
                "expires_at": one.expires_at,
                "settled": one.settled,
                "by": one.by,
                "at": one.at,
            }
            for one in detail.reservations
        ],
    }


def _local_json(entry: LocalEntry) -> dict[str, Json]:
    return {
        "by": entry.by,
        "epoch": entry.epoch,
        "reported_at": entry.reported_at,
        "conflict_step": entry.conflict_step,
        "conflict_code": entry.conflict_code,
        "conflict": entry.conflict,
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
            local=None if body["local"] is None else LocalEntry(decision.id, **body["local"]),
            reservations=tuple(_reservation(decision.id, one) for one in body["reservations"]),
            evidence=body.get("evidence", "kept"),
            amounts=body.get("amounts", {}),
        )
    except (KeyError, TypeError) as error:
        raise MalformedError("A decision", wanted="as the service writes it") from error


def _reservation(decision: DecisionId, body: Mapping[str, Any]) -> Reservation:
    counters = tuple(CounterKey(*key) for key in body["counters"])
    return Reservation(decision, **{**body, "counters": counters})
