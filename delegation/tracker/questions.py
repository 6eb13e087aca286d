"""Questions that take many links at once, oversight among them; each answer comes from one snapshot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import BinaryIO, Final

from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.commands import questions
from delegation.commands.questions import Exposure, Moment
from delegation.commands.reconcile import reconcile
from delegation.commands.tighten import Question, assert_guardrails, tighten
from delegation.errors import MalformedError
from delegation.identity.keyring import PublicRing
from delegation.judge.facts import Subject, SubjectKind
from delegation.lineage.analysis.ability import HolderAbility, LinkAbility, Unused, ability, unused
from delegation.lineage.analysis.blast import Blast, Survival, blast
from delegation.lineage.analysis.compare import Comparison, compare
from delegation.lineage.analysis.findings import Dismissal, Findings
from delegation.lineage.analysis.owners import Handover, Owner, handovers, owners
from delegation.lineage.analysis.pathway import Ways, ways
from delegation.lineage.analysis.risk import Risk, ranked
from delegation.lineage.analysis.steps import Account
from delegation.lineage.entry import TaskEntry
from delegation.lineage.guardrails import Assessment, Guardrail, parse_guardrails
from delegation.lineage.mediation import Reconciliation
from delegation.lineage.search import MAX_TEXT, Hit
from delegation.lineage.survey import Counted, Ground, Survey
from delegation.lineage.tightening import MINIMUM, Tightening, TightenKind
from delegation.tracker.review import Review, found, task_id

FEW: Final = 20


class Questions(Review):
    """The questions of docs/reviewer-guide.md; part of `Tracker`."""

    def now(self) -> int:
        """Return this tracker's clock, Unix seconds."""
        return self._clock()

    def _moment(self, at: int | None) -> Moment:
        return Moment(self._clock() if at is None else at, at is not None)

    def handovers(
        self, *, task: TaskId | str | None = None, at: int | None = None
    ) -> Counted[Handover]:
        """Return who delegated what to whom, aggregated; of open tasks unless one is named."""
        ground = Ground(is_open=task is None, task=task and questions.no_nul("task", task))
        with self._store.read() as reader:
            return handovers(questions.survey_of(reader, ground, self._moment(at)))

    def owners(self, *, at: int | None = None) -> Counted[Owner]:
        """Return who answers for which open tasks, registered agents and links."""
        with self._store.read() as reader:
            return owners(questions.survey_of(reader, Ground(is_open=True), self._moment(at)))

    def could_do(self, holder: str, *, at: int | None = None) -> HolderAbility:
        """Return what a holder could do, link by link.

        Args:
            holder: A registered agent's name, a key, its fingerprint, or a link's id.
            at: A past instant, Unix seconds.

        Raises:
            NotFoundError: There is no such holder, or there was none then.
        """
        with self._store.read() as reader:
            return questions.could_do(reader, holder, self._moment(at))

    def reach(self, link: LinkId | str, *, at: int | None = None) -> LinkAbility:
        """Return what a link could do: tools, arguments, resources, and what is unknown.

        Raises:
            NotFoundError: There is no such link, or there was none then.
        """
        survey = self._around(link, self._moment(at))
        return ability(survey, survey.by_id[LinkId(link)])

    def ways(self, holder: str, tool: str, *, at: int | None = None) -> Ways:
        """Return how a holder could reach a tool, or why not; the holder as in `could_do`.

        Raises:
            NotFoundError: There is no such holder, or there was none then.
        """
        with self._store.read() as reader:
            held = questions.holding(reader, holder, self._moment(at))
        return ways(held.survey, held.links, tool)

    def blast(self, holder: str) -> Blast:
        """Return what a thief of a holder's keys and tokens could do now; the holder as in `could_do`.

        Raises:
            NotFoundError: There is no such holder.
        """
        with self._store.read() as reader:
            held = questions.holding(reader, holder, self._moment(None))
        return blast(held.survey, held.links)

    def unused(self, link: LinkId | str) -> Unused:
        """Return what a link grants that was never used, with the grant without it as code.

        Raises:
            NotFoundError: There is no such link.
        """
        survey = self._around(link, self._moment(None))
        return unused(survey, survey.by_id[LinkId(link)])

    def findings(self) -> Findings:
        """Return what the rules of docs/findings.md find in all open tasks."""
        with self._store.read() as reader:
            return questions.findings(reader, self._moment(None))

    def dismiss(self, finding: str, *, by: str, reason: str) -> Dismissal:
        """Record that a finding stands; see `commands.questions.dismiss`."""
        return questions.dismiss(self._store, finding, by=by, reason=reason, at=self._clock())

    def risks(self, *, limit: int = FEW) -> Counted[Risk]:
        """Return the riskiest links of open tasks, the highest score first; see docs/findings.md."""
        with self._store.read() as reader:
            survey = questions.survey_of(reader, Ground(is_open=True), self._moment(None))
        return Counted(ranked(survey)[:limit], survey.extent)

    def exposure(self) -> Exposure:
        """Return findings and the riskiest link with all above it, from one survey: a home page."""
        with self._store.read() as reader:
            return questions.exposure(reader, self._moment(None))

    def compare(
        self, *, vs: int, at: int | None = None, task: TaskId | str | None = None
    ) -> Comparison:
        """Return what changed between two instants.

        Args:
            vs: The earlier instant, Unix seconds.
            at: The later one; the present if left out.
            task: Only this task; else those open at either instant.

        Raises:
            MalformedError: The earlier instant is not before the later one.
        """
        later = self._moment(at)
        if task is not None:
            questions.no_nul("task", task)
        if not 0 <= vs < later.at:
            raise MalformedError("vs", wanted="an instant before the one it is compared with")
        earlier = Moment(vs, past=True)
        with self._store.read() as reader:
            if task is not None:
                found("task", task, reader.task(TaskId(task), at=later.at))
            ground = Ground(is_open=task is None, task=task)
            then = questions.survey_of(reader, ground, earlier)
            also = replace(ground, also_open_at=vs if task is None else None)
            now = questions.survey_of(reader, also, later)
        return compare(then, now)

    def survivors(self, kind: SubjectKind, id: str) -> Survival:  # noqa: A002  # the word of the wire
        """Return what revoking a subject would come to now; see `commands.questions.survivors`."""
        with self._store.read() as reader:
            return questions.survivors(reader, Subject(kind, id), self._moment(None))

    def account(self, decision: DecisionId | str) -> Account:
        """Return a decision's fourteen steps with their values, and its claimed causes.

        Raises:
            NotFoundError: There is none.
        """
        questions.no_nul("decision", decision)
        with self._store.read() as reader:
            detail = found("decision", decision, reader.decision(DecisionId(decision)))
            return questions.account(reader, detail, self._moment(None))

    def find(self, text: str) -> Sequence[Hit]:
        """Return what a text names: ids, agents, keys by fingerprint, holders' names, tasks.

        Raises:
            MalformedError: It has more than 128 characters.
        """
        if len(text) > MAX_TEXT:
            raise MalformedError("The text", wanted=f"at most {MAX_TEXT} characters")
        with self._store.read() as reader:
            return reader.search(text, limit=FEW)

    def _around(self, link: LinkId | str, when: Moment) -> Survey:
        questions.no_nul("link", link)
        with self._store.read() as reader:
            survey = questions.survey_of(reader, Ground(link=link), when)
        found("link", link, survey.by_id.get(LinkId(link)))
        return survey


class Oversight(Review, ABC):
    """Questions over whole chains and histories; every answer comes from one snapshot."""

    @abstractmethod
    def public_ring(self) -> PublicRing:
        """Return the issuer's public keys."""

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
