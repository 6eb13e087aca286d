"""Answers questions about many links at once, oversight among them, each from one snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from delegation.authority.ids import TaskId
from delegation.commands import questions
from delegation.commands.named import task_id
from delegation.commands.questions import Exposure
from delegation.commands.reconcile import reconcile
from delegation.commands.tighten import Question, assert_guardrails, tighten
from delegation.lineage.analysis.findings import Dismissal
from delegation.lineage.entry import TaskEntry
from delegation.lineage.guardrails import Assessment, Guardrail, parse_guardrails
from delegation.lineage.mediation import Reconciliation
from delegation.lineage.tightening import MINIMUM, Tightening, TightenKind
from delegation.operations import questions as declared
from delegation.tracker.review import Review


class Questions(Review, declared.Questions):
    """The questions of docs/how-to/reviewer-guide.md, as `operations.questions` declares them."""

    def now(self) -> int:
        """Return this tracker's clock, Unix seconds."""
        return self._clock()

    def dismiss(self, finding: str, *, by: str, reason: str) -> Dismissal:  # type: ignore[override]  # a tracker is told who
        """Record that a finding stands; see `commands.questions.dismiss`."""
        return questions.dismiss(self._store, finding, by=by, reason=reason, at=self._clock())

    def exposure(self) -> Exposure:
        """Return findings and the riskiest link with all above it, from one survey: a home page."""
        with self._store.read() as reader:
            return questions.exposure(reader, self._moment(None))

    def assert_guardrails(
        self,
        guardrails: Sequence[Guardrail] | str,
        *,
        task: TaskEntry | TaskId | str | None = None,
        ended: bool = False,
    ) -> Assessment:
        """Return what becomes of guardrails; see `commands.tighten`. True only if all hold.

        Args:
            guardrails: The rules, or the TOML that states them.
            task: Only the root task of this one, with its child tasks.
            ended: Whether links that no longer stand are looked at as well.

        Raises:
            MalformedError: The TOML is not well formed; it names the place.
            NotFoundError: There is no such task.
        """
        rules = parse_guardrails(guardrails) if isinstance(guardrails, str) else guardrails
        return assert_guardrails(
            self._store,
            rules,
            task=None if task is None else task_id(task),
            ended=ended,
            at=self._clock(),
        )

    def tighten(
        self,
        kind: TightenKind,
        id: str,  # noqa: A002  # the word of the wire
        *,
        since: int | None = None,
        minimum: int = MINIMUM,
        ignore: int = 0,
        with_budget: bool = False,
    ) -> Sequence[Tightening]:
        """Propose narrower grants from recorded use, with evidence; see `commands.tighten.tighten`.

        Args:
            kind: `link`, `agent` for each link that it holds, or `task` for the ceiling.
            id: The link's or task's id, the agent's registered name.
            since: Only calls made at this instant or later, Unix seconds.
            minimum: How many calls must be there.
            ignore: Leave out what occurs in no more calls than this; they are listed as refused.
            with_budget: Whether to lower budgets to what was used.

        Raises:
            MalformedError: A number is out of its bounds, or too many calls are asked for.
            NotFoundError: There is no such link, agent or task.
        """
        question = Question(since, minimum, ignore, with_budget)
        return tighten(self._store, kind, id, question, at=self._clock())

    def reconcile(
        self, log: BinaryIO, *, skew: int = 5, since: int | None = None, until: int | None = None
    ) -> Reconciliation:
        """Hold a service's tool log against the record; see `commands.reconcile.reconcile`."""
        return reconcile(self._store, self.public_ring(), log, skew=skew, since=since, until=until)
