"""Accounts for a decision: its steps with their values, and the causes that holders claim."""

from __future__ import annotations

from dataclasses import fields
from typing import Final

from delegation.authority.ids import DecisionId
from delegation.commands.named import found, no_nul
from delegation.commands.questions import Moment
from delegation.commands.work import DecisionDetail, Reader
from delegation.lineage.analysis.steps import Account, step_values
from delegation.lineage.entry import DecisionEntry

MOST_CAUSES: Final = 16  # claimed causes that are followed upwards
_FEW: Final = 100  # later decisions that are listed


def account(reader: Reader, when: Moment, decision: DecisionId | str) -> Account:
    """Return a decision's steps with their values, and what its holders claim about causes.

    Raises:
        NotFoundError: There is none.
    """
    known = reader.decision(DecisionId(no_nul("decision", decision)))
    detail = found("decision", decision, known)
    made = detail.decision
    chain = tuple(reader.ancestors(made.links[-1], at=when.at)) if made.links else ()
    before, note = _causes(reader, made.claimed_cause)
    steps = step_values(
        made,
        detail.access,
        chain,
        reader.catalogue(),
        epoch=detail.epoch,
        revision=detail.catalogue,
    )
    after = tuple(reader.caused(made.id, made.task, limit=_FEW))
    return Account(steps, chain, before, after, note)


def _causes(reader: Reader, cause: str | None) -> tuple[tuple[DecisionEntry, ...], str]:
    seen: dict[str, DecisionEntry] = {}
    while cause is not None:
        if cause in seen:
            return tuple(seen.values()), "The claims run in a circle."
        if len(seen) >= MOST_CAUSES:
            return tuple(seen.values()), f"More than {MOST_CAUSES} causes are claimed."
        if "\x00" in cause or (detail := reader.decision(DecisionId(cause))) is None:
            return tuple(seen.values()), "A claimed cause is not recorded here."
        seen[cause] = entry_of(detail)
        cause = detail.decision.claimed_cause
    return tuple(seen.values()), ""


def entry_of(detail: DecisionDetail) -> DecisionEntry:
    """Return a decision as listings show it."""
    made = detail.decision
    denial = made.denial
    placed = {
        "sequence": detail.sequence,
        "link": made.links[-1] if made.links else None,
        "step": None if denial is None else denial.step,
        "code": None if denial is None else denial.code,
        "message": "" if denial is None else denial.message,
        "denied_link": None if denial is None else denial.link,
    }
    own = {field.name for field in fields(DecisionEntry)} - placed.keys()
    return DecisionEntry(**placed, **{name: getattr(made, name) for name in own})  # type: ignore[arg-type]  # by name
