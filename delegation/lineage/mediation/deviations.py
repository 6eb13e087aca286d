"""Compares each execution with its decision, and looks for each decision in the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

from delegation.authority.ids import DecisionId
from delegation.errors import DelegationError
from delegation.identity.receipt import Receipt
from delegation.lineage.mediation.tool_log import Execution, UnreadableLineError

FindingKind: TypeAlias = Literal[
    "unreadable",  # the line is not understood
    "no_decision",  # nothing allowed it, or nothing that is recorded
    "denied",  # it was executed although it was denied
    "other_tool",
    "other_audience",
    "other_arguments",
    "too_early",  # before it was allowed
    "too_late",  # after its answer had expired
    "twice",  # one decision, executed more than once
    "receipt",  # its receipt does not verify, or is another's
    "arguments_unknown",  # they are erased, and no receipt says them
    "not_executed",  # allowed, and no line says that it was executed
]
KINDS: Final[tuple[FindingKind, ...]] = get_args(FindingKind)
BYPASSES: Final = frozenset(KINDS) - {"arguments_unknown", "not_executed"}
MOST_LISTED: Final = 1000  # findings of one kind that are listed; all are counted


@dataclass(frozen=True, slots=True)
class Recorded:
    """A decision, as far as executions are held against it.

    Args:
        id: The decision.
        at: When it was made, Unix seconds.
        tool: Its tool.
        audience: The service that it is for.
        allowed: Whether it allows.
        valid_until: Its answer must not be acted on from then on.
        digest: Digest of its canonical arguments; None when they are erased.
        catalogue: The catalogue revision that it was made by.
    """

    id: DecisionId
    at: int
    tool: str
    audience: str
    allowed: bool
    valid_until: int
    digest: str | None
    catalogue: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not fit.

    Args:
        kind: What it is.
        line: Number of the log's line; 0 for a decision without one.
        decision: The decision that the line or the record names; empty when none.
        tool: The tool.
        message: One sentence.
    """

    kind: FindingKind
    line: int
    decision: str
    tool: str
    message: str


Verify: TypeAlias = Callable[[Execution], Receipt]
"""Returns what an execution's receipt states for its digest and instant, or raises an error of ours."""


@dataclass(slots=True)
class Reconciliation:
    """Everything that was found; filled while log and records are read.

    Args:
        skew: How many seconds a service's clock may differ.
        lines: How many lines were read.
        decisions: How many decisions were looked for.
        counts: How many findings there are of each kind.
        findings: At most 1,000 of each kind, in order.
        audiences: The services that wrote the log.
        first: The earliest execution, Unix seconds; 0 without any.
        last: The latest.
    """

    skew: int = 5
    lines: int = 0
    decisions: int = 0
    counts: Counter[FindingKind] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    audiences: set[str] = field(default_factory=set)
    first: int = 0
    last: int = 0
    _seen: set[DecisionId] = field(default_factory=set)

    @property
    def is_bypassed(self) -> bool:
        """Whether anything was executed that was not allowed as it was executed."""
        return any(self.counts[kind] for kind in BYPASSES)

    def unreadable(self, line: int, error: UnreadableLineError) -> None:
        """Take in a line that is not understood."""
        self.lines += 1
        self._add("unreadable", line, "", "", str(error))

    def executed(self, done: Execution, recorded: Recorded | None, verify: Verify) -> None:
        """Take in an execution.

        Args:
            done: The execution.
            recorded: The decision that it names, if it is recorded.
            verify: Verifies receipts.
        """
        self.lines += 1
        self.audiences.add(done.audience)
        self.first = min(self.first or done.at, done.at)
        self.last = max(self.last, done.at)
        if recorded is None:
            said = "names no decision" if done.decision is None else "names one not recorded here"
            self._of(done, "no_decision", f"It {said}.")
            return
        if recorded.id in self._seen:
            self._of(done, "twice", "Its decision was acted on in an earlier line.")
        self._seen.add(recorded.id)
        if not recorded.allowed:
            self._of(done, "denied", "It was executed although it was denied.")
            return
        if done.tool != recorded.tool:
            self._of(done, "other_tool", f"{recorded.tool} was allowed.")
        if done.audience != recorded.audience:
            self._of(done, "other_audience", "Another service was allowed to execute it.")
        if done.at + self.skew < recorded.at:
            early = recorded.at - done.at
            self._of(done, "too_early", f"It began {early} seconds before it was allowed.")
        if done.at - self.skew >= recorded.valid_until:
            late = done.at - recorded.valid_until
            self._of(done, "too_late", f"It began {late} seconds after its answer had expired.")
        vouched = done.receipt is not None and self._receipt(done, recorded, verify)
        if recorded.digest is None and not vouched:
            self._of(done, "arguments_unknown", "The recorded arguments are erased.")
        elif recorded.digest is not None and done.digest != recorded.digest:
            self._of(done, "other_arguments", "Other arguments were allowed.")

    def _receipt(self, done: Execution, recorded: Recorded, verify: Verify) -> bool:
        """Return whether the receipt vouches for this very execution."""
        try:
            said = verify(done)
        except DelegationError as error:
            self._of(done, "receipt", f"Its receipt does not verify: {error}")
            return False
        if (said.decision, said.tool, said.audience) != (
            recorded.id,
            recorded.tool,
            recorded.audience,
        ):
            self._of(done, "receipt", "Its receipt is for another decision, tool or service.")
            return False
        return True

    def decided(self, recorded: Recorded) -> None:
        """Look for an allowed decision in the log that was read."""
        self.decisions += 1
        if recorded.id not in self._seen:
            self._add("not_executed", 0, recorded.id, recorded.tool, "No line says so.")

    def _of(self, done: Execution, kind: FindingKind, message: str) -> None:
        self._add(kind, done.line, done.decision or "", done.tool, message)

    def _add(self, kind: FindingKind, line: int, decision: str, tool: str, message: str) -> None:
        self.counts[kind] += 1
        if self.counts[kind] <= MOST_LISTED:
            self.findings.append(Finding(kind, line, decision, tool, message))

    def to_counts(self) -> Mapping[FindingKind, int]:
        """Return the number of findings of each kind that there is."""
        return {kind: self.counts[kind] for kind in KINDS if self.counts[kind]}
