"""Explains the fourteen steps of a recorded decision with the values that each looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from delegation.authority.catalogue import Catalogue
from delegation.authority.explain import instant
from delegation.canonical import Json
from delegation.judge.decision import Decision, Outcome
from delegation.lineage.entry import DecisionEntry, LinkEntry
from delegation.lineage.survey import called


@dataclass(frozen=True, slots=True)
class StepValue:
    """One step of a decision.

    Args:
        number: 1 to 14.
        name: The step's name.
        outcome: What came of it.
        values: What it looked at, in short sentences; empty for a step that was not reached.
    """

    number: int
    name: str
    outcome: Outcome
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """A decision accounted for: its steps, and what its holders claim led to it and came of it.

    Args:
        steps: The fourteen steps with their values.
        chain: The recorded chain, root first; empty when none was proven.
        before: Decisions that were named as causes, the nearest first. Claims.
        after: Decisions that name this one as their cause. Claims.
        note: What is odd about the claims; empty when nothing is.
    """

    steps: tuple[StepValue, ...]
    chain: tuple[LinkEntry, ...]
    before: tuple[DecisionEntry, ...]
    after: tuple[DecisionEntry, ...]
    note: str


def step_values(
    decision: Decision,
    access: Mapping[str, Json] | None,
    chain: Sequence[LinkEntry],
    catalogue: Catalogue,
    *,
    epoch: int,
    revision: int,
) -> tuple[StepValue, ...]:
    """Return the steps with their values, from what was kept of the decision.

    Args:
        decision: As it was recorded.
        access: The call as it was sent; None when it was erased or had no shape.
        chain: The recorded chain, root first; empty when none was proven.
        catalogue: The catalogue; the tool is looked up at `revision`.
        epoch: The newest revocation that was known.
        revision: The catalogue revision in force.
    """
    told = _Told(decision, access or {}, chain, catalogue, epoch, revision)
    return tuple(
        StepValue(
            step.number,
            step.name,
            step.outcome,
            tuple(told.of(step.number)) if step.outcome in {"passed", "failed"} else (),
        )
        for step in decision.steps
    )


@dataclass(frozen=True, slots=True)
class _Told:
    decision: Decision
    access: Mapping[str, Json]
    chain: Sequence[LinkEntry]
    catalogue: Catalogue
    epoch: int
    revision: int

    def of(self, number: int) -> Iterable[str]:
        made, chain = self.decision, self.chain
        leaf = chain[-1].grant if chain else None
        purpose = self.access.get("purpose") or "none"
        match number:
            case 1:
                yield f"tool {made.tool}" if made.tool else "no tool could be read"
            case 2:
                yield "the issuer's key is in the ring and lives"
            case 3:
                yield (
                    f"formats this chain was seen in: {', '.join(chain[-1].formats) or 'none'}"
                    if (chain)
                    else "container"
                )
            case 4:
                yield f"{len(made.links)} links, each signed by the holder above it"
            case 5:
                yield f"{len(made.links)} grants, each within the one above it"
            case 6:
                yield f"signed by the holder's key {made.holder}"
            case 7 if leaf is not None:
                yield f"holds from {instant(leaf.not_before)} to {instant(leaf.expires_at)}"
                yield f"decided at {instant(made.at)}"
                yield f"for {self.access.get('audience', 'a service that is not kept')}"
                yield f"granted to {', '.join(leaf.audience) or 'none'}"
            case 8 if leaf is not None:
                yield from self._capability(purpose)
            case 10:
                yield f"revocations known up to epoch {self.epoch}"
                yield f"{len(chain)} links, their holders and their task"
            case 11 if leaf is not None:
                yield f"{len(leaf.flow)} flow rules"
            case 12:
                charged = ", ".join(f"{n} {unit}" for unit, n in sorted(made.cost.items()))
                yield f"charged: {charged or 'nothing'}"
                for link in chain:
                    for unit, most in link.grant.budget.items():
                        yield f"link {link.depth}, {called(link)}: at most {most} {unit}"
            case 13 if leaf is not None:
                yield f"{len(leaf.needs_approval)} approval rules"
            case 14:
                yield f"decision {made.id}"
            case _:
                return

    def _capability(self, purpose: Json) -> Iterable[str]:
        made, grant = self.decision, self.chain[-1].grant
        tool = self.catalogue.tool(made.tool, self.revision)
        if tool is not None:
            yield f"effect {tool.effect}, granted {', '.join(grant.effects) or 'none'}"
            yield f"sensitivity {tool.sensitivity}, at most {grant.max_sensitivity}"
        matching = [c.tool.text for c in grant.capabilities if c.tool.matches(made.tool)]
        yield f"capabilities for it: {', '.join(matching) or 'none'}"
        yield f"purpose {purpose}, granted {grant.purpose or 'any'}"
        yield f"catalogue revision {self.revision}"
