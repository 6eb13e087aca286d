"""Answers reviewers' questions: one snapshot is read, then a pure function of `lineage` answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar, get_args

from delegation.authority.amounts import amounts_of
from delegation.authority.fields import matching_text
from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.canonical import b64u, unb64u
from delegation.commands.named import found, no_nul, task_id
from delegation.commands.retry import tried_again
from delegation.commands.revoke import BY, REASON
from delegation.commands.work import DecisionDetail, Reader, Store
from delegation.errors import MalformedError, NotFoundError
from delegation.identity.principal import fingerprint
from delegation.judge.standing import own_subject
from delegation.judge.subject import EVERYTHING, OF_TOOLS, Subject, SubjectKind, tools_of
from delegation.lineage.analysis.ability import HolderAbility, ability
from delegation.lineage.analysis.blast import Survival, survival
from delegation.lineage.analysis.compare import Comparison
from delegation.lineage.analysis.compare import compare as compared
from delegation.lineage.analysis.findings import Dismissal, Findings, sort_out
from delegation.lineage.analysis.owners import Handover
from delegation.lineage.analysis.owners import handovers as handed_over
from delegation.lineage.analysis.risk import Risk, ranked
from delegation.lineage.entry import Lineage, LinkEntry, TaskEntry
from delegation.lineage.filter import TaskFilter
from delegation.lineage.finding import Finding
from delegation.lineage.revocation_effect import holding as holding_of
from delegation.lineage.search import MAX_TEXT, Hit
from delegation.lineage.survey import Counted, Ground, Registered, Survey

MOST_LINKS: Final = 5000  # links that one question looks at; what is left out is said
_FEW: Final = 100
_HITS: Final = 20
T = TypeVar("T")
Answer = Callable[..., Any]
_FINGERPRINT: Final = re.compile(r"[a-z2-7]{4}-[a-z2-7]{4}-[a-z2-7]{4}")


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant to look at.

    Args:
        at: Unix seconds.
        past: Whether it is a past one: what was recorded later is left out.
    """

    at: int
    past: bool = False


@dataclass(frozen=True, slots=True)
class Holding:
    """What one holder holds, and the ground on which it is judged."""

    survey: Survey
    agent: Registered | None
    keys: tuple[bytes, ...]
    links: tuple[LinkEntry, ...]


def child_tasks(
    reader: Reader, when: Moment, task: TaskEntry | TaskId | str
) -> Sequence[TaskEntry]:
    """Return the tasks that agents opened below a task; it raises NotFoundError."""
    name = task_id(task)
    found("task", name, reader.task(name, at=when.at))
    return reader.child_tasks(name, at=when.at, past=when.past)


def lineage(reader: Reader, when: Moment, task: TaskEntry | TaskId | str) -> Lineage:
    """Return a task's links and decisions with those of the tasks below it; it raises NotFoundError."""
    name = task_id(task)
    return found("task", name, reader.lineage(name, at=when.at, past=when.past))


def recorded(reader: Reader, when: Moment, link: LinkId | str) -> LinkEntry:
    """Return a recorded link; it raises NotFoundError."""
    return found("link", link, reader.link(LinkId(link), at=when.at, past=when.past))


def descendants(
    reader: Reader, when: Moment, link: LinkId | str, *, limit: int
) -> Sequence[LinkEntry]:
    """Return the links below a link, parents before children; it raises NotFoundError."""
    recorded(reader, when, link)
    return reader.descendants(LinkId(link), limit=limit, at=when.at, past=when.past)


def decision(reader: Reader, _: Moment, decision: DecisionId | str) -> DecisionDetail:
    """Return a decision with the money among its arguments; it raises NotFoundError."""
    detail = found("decision", decision, reader.decision(DecisionId(decision)))
    made, sent = detail.decision, (detail.access or {}).get("arguments")
    arguments = made.arguments or (sent if isinstance(sent, dict) else None)
    amounts = amounts_of(reader.catalogue(), made.tool, detail.catalogue, arguments)
    return replace(detail, amounts=amounts)


def survey_of(reader: Reader, ground: Ground, when: Moment) -> Survey:
    """Return the survey of a ground."""
    return reader.survey(ground, at=when.at, past=when.past, most=MOST_LINKS)


def holding(reader: Reader, holder: str, when: Moment) -> Holding:
    """Return the links of an agent, a key, or a single link.

    Args:
        reader: A snapshot.
        holder: A registered agent's name, a link's id, a key (`ed25519:` and base64url, or that
            alone), or a key's whole fingerprint. A registered name comes first.
        when: The instant.

    Raises:
        NotFoundError: There is none, or there was none then.
    """
    no_nul("holder", holder)
    agents = survey_of(reader, Ground(), when).known.agents
    agent = next((one for one in agents if one.name == holder), None)
    if agent is not None:
        survey = survey_of(reader, Ground(keys=agent.keys), when)
        own = [link for link in survey.links if link.registered and link.holder_name == agent.name]
        return Holding(survey, agent, agent.keys, tuple(own))
    if holder.startswith("lnk_"):
        survey = survey_of(reader, Ground(link=holder), when)
        link = found("link", holder, survey.by_id.get(LinkId(holder)))
        return Holding(survey, None, (survey.known.keys[link.id],), (link,))
    keys = _keys(reader, holder)
    survey = survey_of(reader, Ground(keys=keys), when)
    held = tuple(link for link in survey.links if survey.known.keys[link.id] in keys)
    owned = [one for one in agents if set(keys) <= set(one.keys)]
    return Holding(survey, owned[0] if owned else None, keys, held)


def _keys(reader: Reader, text: str) -> tuple[bytes, ...]:
    if _FINGERPRINT.fullmatch(text):
        # Sixty bits are for eyes: whoever makes two keys with one fingerprint is shown with both.
        keys = tuple(reader.keys_of(text, most=_FEW))
        if keys:
            return keys
    else:
        try:
            key = unb64u(text.removeprefix("ed25519:"), what="key")
        except MalformedError:
            key = b""
        if len(key) == 32:  # noqa: PLR2004  # an Ed25519 key
            return (key,)
    raise NotFoundError("holder", text[:64])


def handovers(reader: Reader, when: Moment, *, task: TaskId | str | None) -> Counted[Handover]:
    """Return who delegated what to whom, aggregated; of open tasks unless one is named."""
    ground = Ground(is_open=task is None, task=task and no_nul("task", task))
    return handed_over(survey_of(reader, ground, when))


def of_open(answer: Answer) -> Answer:
    """Return what asks a rule of `lineage` about all open tasks."""
    ground = Ground(is_open=True)
    return lambda reader, when, **more: answer(survey_of(reader, ground, when), **more)


def of_link(answer: Answer) -> Answer:
    """Return what asks a rule of `lineage` about a recorded link; it raises NotFoundError."""

    def asked(reader: Reader, when: Moment, link: LinkId | str) -> Any:
        survey = survey_of(reader, Ground(link=no_nul("link", link)), when)
        return answer(survey, found("link", link, survey.by_id.get(LinkId(link))))

    return asked


def of_holder(answer: Answer) -> Answer:
    """Return what asks a rule of `lineage` about what a holder holds; it raises NotFoundError."""

    def asked(reader: Reader, when: Moment, holder: str, **more: Any) -> Any:
        held = holding(reader, holder, when)
        return answer(held.survey, held.links, **more)

    return asked


def risks(reader: Reader, when: Moment, *, limit: int) -> Counted[Risk]:
    """Return the riskiest links of open tasks, the highest score first; see docs/reference/findings.md."""
    survey = survey_of(reader, Ground(is_open=True), when)
    return Counted(ranked(survey)[:limit], survey.extent)


def compare(reader: Reader, when: Moment, *, vs: int, task: TaskId | str | None) -> Comparison:
    """Return what changed from an instant to a later one.

    Args:
        reader: A snapshot.
        when: The later instant.
        vs: The earlier one, Unix seconds.
        task: Only this task; else those open at either instant.

    Raises:
        MalformedError: The earlier instant is not before the later one.
        NotFoundError: There was no such task then.
    """
    if task is not None:
        no_nul("task", task)
    if not 0 <= vs < when.at:
        raise MalformedError("vs", wanted="an instant before the one it is compared with")
    if task is not None:
        found("task", task, reader.task(TaskId(task), at=when.at))
    ground = Ground(is_open=task is None, task=task)
    then = survey_of(reader, ground, Moment(vs, past=True))
    also = replace(ground, also_open_at=vs if task is None else None)
    return compared(then, survey_of(reader, also, when))


def find(reader: Reader, _: Moment, text: str) -> Sequence[Hit]:
    """Return what a text names: ids, agents, keys by fingerprint, holders' names, tasks.

    Raises:
        MalformedError: It has more than 128 characters.
    """
    if len(text) > MAX_TEXT:
        raise MalformedError("The text", wanted=f"at most {MAX_TEXT} characters")
    return reader.search(text, limit=_HITS)


def could_do(reader: Reader, when: Moment, holder: str) -> HolderAbility:
    """Return what a holder could do at an instant, link by link.

    Raises:
        NotFoundError: There is no such holder, or there was none then.
    """
    held = holding(reader, holder, when)
    agent = held.agent
    return HolderAbility(
        "key" if agent is None or agent.name != holder else "agent",
        "" if agent is None else agent.name,
        "" if agent is None else agent.owner,
        tuple(b64u(key) for key in held.keys),
        tuple(fingerprint(key) for key in held.keys),
        0 if agent is None else agent.registered_at,
        tuple(ability(held.survey, link) for link in held.links),
        when.at,
        held.survey.is_complete,
        held.survey.extent,
    )


def survivors(reader: Reader, when: Moment, kind: SubjectKind, id: str) -> Survival:  # noqa: A002  # the word of the wire
    """Return what revoking a subject would come to now; nothing is changed.

    Raises:
        MalformedError: The kind is another one, or the key is no key.
        NotFoundError: There is no such link, task, agent, owner, tool or system; a key need not have
            been seen.
    """
    subject = Subject(kind, no_nul(kind, id))
    ground = Ground(is_open=True)
    match subject.kind:
        case "link":
            found("link", subject.id, reader.link(LinkId(subject.id), at=when.at))
            ground = Ground(link=subject.id, whole=True)
        case "task":
            found("task", subject.id, reader.task(TaskId(subject.id), at=when.at))
            ground = Ground(task=subject.id)
        case "agent":
            agents = survey_of(reader, Ground(), when).known.agents
            named = next((one for one in agents if one.name == subject.id), None)
            agent = found("agent", subject.id, named)
            ground = Ground(keys=agent.keys, whole=True)
        case "key":
            ground = Ground(keys=(unb64u(subject.id, what="id"),), whole=True)
        case "owner":
            ground = _of_owner(reader, subject.id, when)
        case _ if kind in OF_TOOLS:
            subject = own_subject(reader.catalogue(), subject)
            if not tools_of(reader.catalogue(), subject):
                raise NotFoundError(subject.kind, subject.id)
        case "everything" if subject == EVERYTHING:
            pass
        case _:
            raise MalformedError("kind", wanted=f"one of {', '.join(get_args(SubjectKind))}")
    ending = holding_of(reader.changes(subject), at=when.at)
    return survival(survey_of(reader, ground, when), subject, ending)


def _of_owner(reader: Reader, owner: str, when: Moment) -> Ground:
    agents = survey_of(reader, Ground(), when).known.agents
    keys = tuple(key for one in agents if one.owner == owner for key in one.keys)
    is_known = any(one.owner == owner for one in agents) or reader.tasks(
        TaskFilter(owner), after=None, limit=1, at=when.at
    )
    if not is_known:
        raise NotFoundError("owner", owner)
    return Ground(keys=keys, owner=owner, whole=True)


@dataclass(frozen=True, slots=True)
class Exposure:
    """What to look at first: findings, and the riskiest link with its ancestors, root first."""

    findings: Findings
    top: Risk | None
    path: tuple[LinkEntry, ...]


def exposure(reader: Reader, when: Moment) -> Exposure:
    """Return what to look at first in all open tasks, from one survey."""
    survey = survey_of(reader, Ground(is_open=True), when)
    top = next(iter(ranked(survey)), None)
    path = () if top is None else survey.chain(top.link.id)
    return Exposure(sort_out(survey, reader.dismissals()), top, path)


def findings(reader: Reader, when: Moment) -> Findings:
    """Return what the rules find in all open tasks, with the dismissed apart."""
    return sort_out(survey_of(reader, Ground(is_open=True), when), reader.dismissals())


@tried_again
def dismiss(store: Store, finding: str, *, by: str, reason: str, at: int) -> Dismissal:
    """Record that a finding was looked at and stands; other facts make another finding.

    Args:
        store: Where it is recorded.
        finding: The finding's id; it must hold now.
        by: Who dismisses it.
        reason: Why, 1 to 500 characters.
        at: Unix seconds.

    Raises:
        MalformedError: The reason is empty or too long.
        NotFoundError: There is no such finding now.
    """
    matching_text("by", by, BY, "1 to 128 characters without control characters")
    matching_text("reason", reason, REASON, "at most 500 characters without control characters")
    if not reason.strip():
        raise MalformedError("reason", wanted="1 to 500 characters: somebody will read it")
    with store.write() as work:
        held = findings(work, Moment(at))
        known: Iterable[Finding] = (*held.open, *(one for one, _ in held.dismissed))
        one = found("finding", finding[:64], next((o for o in known if o.id == finding), None))
        return work.dismiss(Dismissal(one.id, one.rule, one.subject, by, reason, at))
