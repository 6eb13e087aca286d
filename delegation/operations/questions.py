"""Declares reviewers' questions over many links at once. Only a dismissal changes anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.commands import account, questions
from delegation.errors import NotFoundError
from delegation.identity.roles import READERS
from delegation.judge.subject import SubjectKind
from delegation.lineage.analysis.ability import HolderAbility, LinkAbility, Unused, ability, unused
from delegation.lineage.analysis.blast import Blast, Survival, blast
from delegation.lineage.analysis.compare import Comparison
from delegation.lineage.analysis.findings import Dismissal, Findings
from delegation.lineage.analysis.owners import Handover, Owner, owners
from delegation.lineage.analysis.pathway import Ways, ways
from delegation.lineage.analysis.risk import Risk
from delegation.lineage.analysis.steps import Account
from delegation.lineage.entry import TaskEntry
from delegation.lineage.guardrails import Assessment
from delegation.lineage.search import MAX_TEXT, Hit
from delegation.lineage.survey import Counted
from delegation.lineage.tightening import MINIMUM, Tightening, TightenKind
from delegation.operations.operation import get, post
from delegation.operations.parameters import MAX_NUMBER, At, Name, Told


class Questions:
    """Questions of reviewers."""

    @get("/v1/handovers", READERS, member="handovers", does=questions.handovers)
    def handovers(self, *, task: TaskId | str | None = None, at: At = None) -> Counted[Handover]:
        """Return who delegated what to whom, aggregated; of open tasks unless one is named."""

    @get("/v1/owners", READERS, member="owners", does=questions.of_open(owners))
    def owners(self, *, at: At = None) -> Counted[Owner]:
        """Return who answers for which open tasks, registered agents and links."""

    @get("/v1/holders", READERS, refuses=(NotFoundError,), does=questions.could_do)
    def could_do(self, holder: Name, *, at: At = None) -> HolderAbility:
        """Return what a holder could do: an agent's name, a key, its fingerprint, or a link's id.

        Raises:
            NotFoundError: There is no such holder, or there was none then.
        """

    @get("/v1/links/{link}/reach", READERS, does=questions.of_link(ability))
    def reach(self, link: LinkId | str, *, at: At = None) -> LinkAbility:
        """Return what a link could do: tools, arguments, resources, and what is unknown.

        Raises:
            NotFoundError: There is no such link, or there was none then.
        """

    @get("/v1/links/{link}/unused", READERS, does=questions.of_link(unused))
    def unused(self, link: LinkId | str) -> Unused:
        """Return what a link grants that was never used, with the grant without it as code.

        Raises:
            NotFoundError: There is no such link.
        """

    @get("/v1/ways", READERS, refuses=(NotFoundError,), does=questions.of_holder(ways))
    def ways(self, holder: Name, tool: Name, *, at: At = None) -> Ways:
        """Return how a holder could reach a tool, or why not.

        Raises:
            NotFoundError: There is no such holder as in `could_do`, or there was none then.
        """

    @get("/v1/blast", READERS, refuses=(NotFoundError,), does=questions.of_holder(blast))
    def blast(self, holder: Name) -> Blast:
        """Return what a thief of a holder's keys and tokens could do now.

        Raises:
            NotFoundError: There is no such holder as in `could_do`.
        """

    @get("/v1/findings", READERS, does=questions.findings)
    def findings(self) -> Findings:
        """Return what the rules of docs/reference/findings.md find in all open tasks."""

    @post("/v1/findings/{finding}/dismiss", READERS, status=201, is_repeatable=True)
    def dismiss(
        self, finding: str, *, reason: Annotated[str, Told(min_length=1, max_length=500)]
    ) -> Dismissal:
        """Record that a finding was looked at and stands."""

    @get("/v1/risks", READERS, member="risks", does=questions.risks)
    def risks(self, *, limit: Annotated[int, Told(ge=1, le=200)] = 20) -> Counted[Risk]:
        """Return the riskiest links of open tasks, the highest score first, with the formula."""

    @get("/v1/compare", READERS, refuses=(NotFoundError,), does=questions.compare)
    def compare(
        self,
        *,
        vs: Annotated[int, Told(ge=0, le=MAX_NUMBER)],
        at: At = None,
        task: TaskId | str | None = None,
    ) -> Comparison:
        """Return what changed from the instant `vs` to the instant `at`, Unix seconds.

        Args:
            vs: The earlier instant, Unix seconds.
            at: The later one; the present if left out.
            task: Only this task; else those open at either instant.

        Raises:
            MalformedError: The earlier instant is not before the later one.
            NotFoundError: There was no such task then.
        """

    @get("/v1/survivors", READERS, refuses=(NotFoundError,), does=questions.survivors)
    def survivors(self, kind: SubjectKind, id: Name) -> Survival:  # noqa: A002  # the word of the wire
        """Return what revoking a subject would come to now; nothing is changed.

        Raises:
            MalformedError: The kind is another one, or the key is no key.
            NotFoundError: There is no such subject; a key need not have been seen.
        """

    @get("/v1/decisions/{decision}/account", READERS, does=account.account)
    def account(self, decision: DecisionId | str) -> Account:
        """Return a decision's fourteen steps with their values, and its claimed causes.

        Raises:
            NotFoundError: There is none.
        """

    @get("/v1/find", READERS, member="hits", does=questions.find)
    def find(
        self, text: Annotated[str, Told(name="q", min_length=1, max_length=MAX_TEXT)]
    ) -> Sequence[Hit]:
        """Return what a text names: ids, agents, keys by fingerprint, holders' names, tasks.

        Raises:
            MalformedError: It has more than 128 characters.
        """


class Oversight:
    """Operations on whole chains and histories."""

    @post(
        "/v1/guardrails",
        READERS,
        body="GuardrailsBody",
        is_repeatable=True,
        only_asks=True,
        written=Assessment,
        refuses=(NotFoundError,),
    )
    def assert_guardrails(
        self,
        guardrails: Annotated[
            str, Told("TOML, see docs/how-to/guardrails.md.", max_length=262_144)
        ],
        *,
        task: Annotated[TaskEntry | TaskId | str | None, Told(max_length=64)] = None,
        ended: bool = False,
    ) -> dict[str, Any]:
        """Return what becomes of each guardrail, as JSON; `holds` is true only if all hold."""

    @post(
        "/v1/tighten",
        READERS,
        member="proposals",
        is_repeatable=True,
        only_asks=True,
        written=tuple[Tightening, ...],
        refuses=(NotFoundError,),
    )
    def tighten(
        self,
        kind: TightenKind,
        id: Annotated[str, Told(max_length=2048)],  # noqa: A002  # the word of the wire
        *,
        since: Annotated[int | None, Told("Unix seconds.", ge=0, le=MAX_NUMBER)] = None,
        minimum: Annotated[int, Told(ge=0, le=2**31)] = MINIMUM,
        ignore: Annotated[int, Told(ge=0, le=2**31)] = 0,
        with_budget: bool = False,
    ) -> Sequence[dict[str, Any]]:
        """Propose narrower grants from recorded use, with their evidence, as JSON."""
