"""Describes a decision: allowed or denied, with the trail of the fourteen steps that led to it.

The numbers and names of the steps are those of docs/explanation/verification.md, once and for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.authority.refusal import Refusal
from delegation.canonical import Json
from delegation.shown import shown

STEPS: Final[Mapping[int, str]] = MappingProxyType(
    {
        1: "shape",
        2: "key",
        3: "container",
        4: "links",
        5: "narrowing",
        6: "proof",
        7: "window",
        8: "capability",
        9: "policy",
        10: "standing",
        11: "flow",
        12: "budget",
        13: "approval",
        14: "record",
    }
)
_LINE: Final = 200  # characters of a line for people
LAST_UNPROVEN_STEP: Final = 6  # up to here nobody has shown to hold anything

Outcome: TypeAlias = Literal["passed", "failed", "not_reached", "not_configured"]


@dataclass(frozen=True, slots=True)
class Denial:
    """A denial of one call: the step, the code, the limit and the remedy.

    Args:
        step: 1 to 14.
        code: Stable name, one heading in docs/reference/errors.md.
        message: One sentence for a human.
        link: The link that set the limit which denies, None where no link is concerned.
        depth: That link's place in the chain, 0 for the root.
        caveat: Dotted path of the caveat in that link's grant.
        offered: What the call offered.
        allowed: What would have been within.
        remedy: What to do about it, one sentence.
        allowed_in_words: The same as `allowed`, as one would say it; empty where it says nothing.
    """

    step: int
    code: str
    message: str
    link: LinkId | None = None
    depth: int | None = None
    caveat: str = ""
    offered: Json = None
    allowed: Json = None
    remedy: str = ""
    allowed_in_words: str = ""

    @classmethod
    def at(
        cls, step: int, refusal: Refusal, *, link: LinkId | None = None, depth: int | None = None
    ) -> Denial:
        """Return the denial that a refusal is at this step and link."""
        return cls(
            step,
            refusal.code,
            refusal.message,
            link,
            depth,
            refusal.field,
            refusal.offered,
            refusal.allowed,
            refusal.remedy,
            refusal.allowed_in_words,
        )

    def to_json(self) -> dict[str, Json]:
        """Return the denial's JSON, as the service answers it."""
        return {
            "step": self.step,
            "name": STEPS[self.step],
            "code": self.code,
            "message": self.message,
            "link": self.link,
            "depth": self.depth,
            "caveat": self.caveat,
            "offered": self.offered,
            "allowed": self.allowed,
            "allowed_in_words": self.allowed_in_words,
            "remedy": self.remedy,
        }


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of the trail.

    Args:
        number: 1 to 14.
        outcome: `not_configured` says that nothing was checked, which is not the same as passed.
    """

    number: int
    outcome: Outcome

    @property
    def name(self) -> str:
        """The step's name."""
        return STEPS[self.number]


UNASKED: Final = frozenset({9})
"""Steps that nothing is configured for: recorded as such, never as passed."""


@lru_cache(maxsize=256)
def trail(
    failed: int | None, *, passed_to: int | None = None, unasked: frozenset[int] = UNASKED
) -> tuple[Step, ...]:
    """Return the trail of a decision.

    Args:
        failed: The step that denied, None if none did.
        passed_to: The last step that was really looked at and passed, where steps were skipped on
            the way to the one that failed: a check that was not made is never shown as passed.
        unasked: Steps that nothing was configured for.
    """
    last = len(STEPS) if failed is None else failed - 1
    last = last if passed_to is None else min(last, passed_to)

    def outcome(number: int) -> Outcome:
        if number == failed:
            return "failed"
        if number > last:
            return "not_reached"
        return "not_configured" if number in unasked else "passed"

    return tuple(Step(number, outcome(number)) for number in STEPS)


@dataclass(frozen=True, slots=True)
class Decision:
    """A recorded decision on one call. True only if the call is allowed.

    A field with a label is told by it on the decision's page.

    Args:
        id: Names the record; a later call may name it as its cause.
        at: When it was made, Unix seconds.
        denial: Why it was denied; None if it was allowed.
        tool: The tool as the access named it; empty when the access had no shape.
        task: The task; None when no token was verified.
        links: Ids of the whole verified chain, root first.
        holder: Fingerprint of the leaf's holder key; empty when unproven.
        arguments: Canonical arguments: only these may be executed. Empty when denied.
        cost: What was charged, by unit, `calls` included. Empty when denied.
        reserved: Units of it that the service settles with its outcome, at no more than that.
        valid_until: The answer must not be acted on from this second on; 0 when denied.
        steps: The trail.
        claimed_cause: Id of the decision that the holder names as the cause: a claim.
        sequence: Commit order in the store; 0 until recorded.
        approval: The request for approval that a denial at step 13 opened or names, or whose
            consent an allowed call used up.
    """

    id: DecisionId
    at: int
    denial: Denial | None
    tool: str = ""
    task: TaskId | None = None
    links: tuple[LinkId, ...] = ()
    holder: str = field(default="", metadata={"label": "Holder's key"})
    arguments: Mapping[str, Json] = field(default_factory=dict)
    cost: Mapping[str, int] = field(default_factory=dict)
    reserved: tuple[str, ...] = ()
    valid_until: int = 0
    steps: tuple[Step, ...] = ()
    claimed_cause: str | None = None
    sequence: int = 0
    approval: str | None = None

    @property
    def allowed(self) -> bool:
        """Whether the call may be made."""
        return self.denial is None

    def __bool__(self) -> bool:
        """Return `allowed`, so that `if tracker.check(...)` is safe to write."""
        return self.denial is None

    @property
    def is_proven(self) -> bool:
        """Whether the holder's proof verified; unproven denials enter no agent's history."""
        return self.denial is None or self.denial.step > LAST_UNPROVEN_STEP

    def __str__(self) -> str:
        """Return the decision in a few lines, for people."""
        if self.denial is None:
            return f"allowed {self.tool} ({self.id})"
        denial = self.denial
        where = "" if denial.depth is None else f" at link {denial.depth}"
        caveat = f" [{denial.caveat}]" if denial.caveat else ""
        said = {
            "offered": "" if denial.offered is None else _line(shown(denial.offered)),
            "allowed": _line(denial.allowed_in_words),
            "remedy": denial.remedy,
            "approval": self.approval or "",
        }
        lines = [f"\n  {word}: {text}" for word, text in said.items() if text]
        return (
            f"denied {self.tool or 'a call'} at step {denial.step}, {STEPS[denial.step]}: "
            f"{denial.code}{where}{caveat}. {denial.message}{''.join(lines)}"
        )

    def to_json(self) -> dict[str, Json]:
        """Return the decision's JSON, as `POST /v1/check` answers it."""
        trail = steps_json([step.outcome for step in self.steps])
        return {**self.head_json(), "steps": trail, **self.tail_json()}

    def tail_json(self) -> dict[str, Json]:
        """Return the members that stand behind the trail."""
        return {"claimed_cause": self.claimed_cause, "approval": self.approval}

    def head_json(self) -> dict[str, Json]:
        """Return the members that stand before the trail."""
        return {
            "allowed": self.allowed,
            "decision": self.id,
            "at": self.at,
            "task": self.task,
            "links": list(self.links),
            "tool": self.tool,
            "holder": self.holder,
            "arguments": dict(self.arguments),
            "cost": dict(self.cost),
            "reserved": list(self.reserved),
            "valid_until": self.valid_until,
            "denial": None if self.denial is None else self.denial.to_json(),
        }


def _line(text: str) -> str:
    return text if len(text) <= _LINE else f"{text[: _LINE - 1]}…"


def steps_json(outcomes: Sequence[Outcome]) -> list[Json]:
    """Return a trail's JSON; it begins at step 1 and leaves none out."""
    return [
        {"step": number, "name": STEPS[number], "outcome": outcome}
        for number, outcome in enumerate(outcomes, start=1)
    ]
