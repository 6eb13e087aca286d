"""Measures the loss by stolen links, and the effect that revoking a subject would have."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from delegation.authority.ids import LinkId, TaskId
from delegation.canonical import b64u
from delegation.judge.subject import (
    EVERYTHING,
    OF_TOOLS,
    Subject,
    agent_subjects,
    grants,
    link_subjects,
    task_subjects,
    tools_of,
)
from delegation.lineage.analysis.ability import ability
from delegation.lineage.entry import LinkEntry
from delegation.lineage.feed import Revocation
from delegation.lineage.survey import UNSAID, Extent, Registered, Survey

ORDER = ("read", "write", "delete", "admin", "actuate")


@dataclass(frozen=True, slots=True)
class Exposed:
    """One tool within the radius.

    Args:
        tool: The tool.
        effect: Its effect.
        sensitivity: 0 to 3.
        resources: Patterns of what it could touch.
        links: Stolen links that reach it.
        until: First second at which none of them does any more, Unix seconds.
        used: Calls that were ever allowed with one of the stolen links as the leaf.
        last_at: When the last call of it was decided; 0 if none was.
    """

    tool: str
    effect: str
    sensitivity: int
    resources: tuple[str, ...]
    links: tuple[LinkId, ...]
    until: int
    used: int
    last_at: int


@dataclass(frozen=True, slots=True)
class Blast:
    """The loss if a holder's keys were stolen.

    Args:
        stolen: Links that the thief could present, those that do not stand included.
        active: Those that stand.
        below: Links below them that stand: they hold no more, but end with them.
        tasks: Tasks that are touched.
        tools: What could be called, the most harmful effect first.
        spendable: For each unit that is bounded what could still be spent.
        unbounded: Units that nothing on some way bounds; `calls` unless each way bounds them.
        delegations: How many further links the thief could make below one another.
        until: First second at which nothing holds any more, Unix seconds; 0 when nothing does.
        outside: Tools that were used under these links and are not reachable any more.
        extent: How many of these links, and those below, were looked at, of how many.
    """

    stolen: tuple[LinkId, ...]
    active: tuple[LinkId, ...]
    below: tuple[LinkId, ...]
    tasks: tuple[TaskId, ...]
    tools: tuple[Exposed, ...]
    spendable: Mapping[str, int]
    unbounded: tuple[str, ...]
    delegations: int
    until: int
    outside: tuple[str, ...]
    extent: Extent = UNSAID


def blast(survey: Survey, stolen: Iterable[LinkEntry]) -> Blast:
    """Return what whoever has these links' keys and tokens could do at the survey's instant.

    A thief holds no authority of links below: they were narrowed by and for others. Policy outside,
    flow and approvals may still stop calls; they are not counted on.

    Args:
        survey: The ground; it has the links with their ancestors and all below them.
        stolen: The links.
    """
    links = tuple(stolen)
    could = [ability(survey, link) for link in links]
    active = [one.link for one in could if one.abilities]
    standing = [link for link in links if link.standing == "active"]
    own = {link.id for link in links}
    below = {one.id: one for link in standing for one in survey.below(link.id) if one.id not in own}
    tools: dict[str, list[tuple[LinkId, int, str, int, tuple[str, ...]]]] = {}
    for one in could:
        for each in one.abilities:
            row = (one.link.id, one.until, each.effect, each.sensitivity, each.resources)
            tools.setdefault(each.tool, []).append(row)
    used = used_by(survey, links)
    exposed = [
        Exposed(
            tool,
            rows[0][2],
            max(row[3] for row in rows),
            tuple(sorted({pattern for row in rows for pattern in row[4]})),
            tuple(dict.fromkeys(row[0] for row in rows)),
            max(row[1] for row in rows),
            *used.get(tool, (0, 0)),
        )
        for tool, rows in tools.items()
    ]
    exposed.sort(key=lambda one: (-ORDER.index(one.effect), -one.sensitivity, one.tool))
    units, unbounded = spendable(survey, active)
    return Blast(
        tuple(link.id for link in links),
        tuple(link.id for link in standing),
        tuple(one.id for one in below.values() if one.standing == "active"),
        tuple(sorted({link.task for link in links})),
        tuple(exposed),
        units,
        unbounded,
        max((link.grant.delegations_left for link in active), default=0),
        max((one.until for one in could if one.abilities), default=0),
        tuple(sorted(tool for tool, (n, _) in used.items() if n and tool not in tools)),
        survey.extent,
    )


def used_by(survey: Survey, links: Iterable[LinkEntry]) -> dict[str, tuple[int, int]]:
    """Return for each tool that was called how often it was allowed, and when it was last called."""
    found: dict[str, tuple[int, int]] = {}
    for link in links:
        for use in survey.known.uses.get(link.id, ()):
            count, last = found.get(use.tool, (0, 0))
            found[use.tool] = (count + use.allowed, max(last, use.last_at))
    return found


def spendable(survey: Survey, links: Iterable[LinkEntry]) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return what holders of these links could spend together, and the units without a bound.

    Links of one chain share what is above them, so their sums are cut at every shared ancestor and
    at the task's ledger.
    """
    seeds = tuple(links)
    if not seeds:
        return {}, ()
    wanted = {link.id for link in seeds}
    chains = [survey.chain(link.id) for link in seeds]
    tasks = [survey.known.tasks[t] for t in dict.fromkeys(c[0].task for c in chains)]
    units = sorted(
        {"calls"}
        | {unit for chain in chains for link in chain for unit in link.grant.budget}
        | {unit for task in tasks for unit in task.ceiling.budget}
        | {
            unit
            for tool in survey.catalogue.tools
            if _is_held(tool.name, seeds)
            for unit in tool.cost
        }
    )
    amounts: dict[str, int] = {}
    unbounded: list[str] = []
    for unit in units:
        total: int | None = 0
        for task in tasks:
            mine = [chain for chain in chains if chain[0].task == task.id]
            ledger = dict(task.spent)
            most = task.ceiling.budget.get(unit)
            left = None if most is None else max(0, most - ledger.get(unit, 0))
            roots = {chain[0].id: chain[0] for chain in mine}.values()
            flows = [_flow(survey, root, wanted, mine, unit) for root in roots]
            total = _plus(total, _least(left, _sum(flows)))
        if total is None:
            unbounded.append(unit)
        else:
            amounts[unit] = total
    return amounts, tuple(unbounded)


def _is_held(tool: str, links: tuple[LinkEntry, ...]) -> bool:
    return any(c.tool.matches(tool) for link in links for c in link.grant.capabilities)


def _flow(
    survey: Survey,
    link: LinkEntry,
    wanted: set[LinkId],
    chains: list[tuple[LinkEntry, ...]],
    unit: str,
) -> int | None:
    most = link.grant.budget.get(unit)
    used = survey.known.spent.get(link.id, {}).get(unit, 0)
    left = None if most is None else max(0, most - used)
    if link.id in wanted:  # whoever holds it can spend all of it, without those below
        return left
    through = [chain for chain in chains if len(chain) > link.depth and chain[link.depth] is link]
    nexts = {chain[link.depth + 1].id: chain[link.depth + 1] for chain in through}
    return _least(left, _sum([_flow(survey, one, wanted, through, unit) for one in nexts.values()]))


def _sum(amounts: list[int | None]) -> int | None:
    total: int | None = 0
    for amount in amounts:
        total = _plus(total, amount)
    return total


def _plus(one: int | None, two: int | None) -> int | None:
    return None if one is None or two is None else one + two


def _least(one: int | None, two: int | None) -> int | None:
    if one is None:
        return two
    return one if two is None else min(one, two)


@dataclass(frozen=True, slots=True)
class Survival:
    """The effect that revoking a subject would have now; nothing was changed.

    Args:
        subject: What would be revoked.
        ends: Active links that would end: those that it names, a link's line of renewals, and all
            below them, also in tasks that were opened under them. Of a tool or a system: those that
            grant it, and would go on without it.
        survives: Active links of the same tasks that would go on.
        holders: Fingerprints of the holders that would lose a link.
        effects: Effects that end with them, the mildest first.
        tasks: Tasks that are touched.
        gone: Links under the subject that it has ended already and that would stand without that;
            of a tool or a system, those that grant it while it is ended.
        is_complete: Whether every link was looked at.
        digest: Names exactly these ending links, so that a form can say what it showed.
        ending: The change that ends the subject now; None while it stands.
        extent: How many links were looked at, of how many.
    """

    subject: Subject
    ends: tuple[LinkEntry, ...]
    survives: tuple[LinkEntry, ...]
    holders: tuple[str, ...]
    effects: tuple[str, ...]
    tasks: tuple[TaskId, ...]
    gone: tuple[LinkEntry, ...]
    is_complete: bool
    digest: str
    ending: Revocation | None = None
    extent: Extent = UNSAID


def survival(survey: Survey, subject: Subject, ending: Revocation | None = None) -> Survival:
    """Return what would end with a subject, and what would go on.

    Args:
        survey: All links of every task that the subject touches.
        subject: What would be revoked or suspended; a key as base64url of its 32 bytes.
        ending: The change that ends it already, if one does.
    """
    by_tool = subject.kind in OF_TOOLS
    tools = tools_of(survey.catalogue, subject) if by_tool else ()
    agents = {key: agent for agent in survey.known.agents for key in agent.keys}
    under: dict[str, LinkEntry] = {}
    line = survey.line(LinkId(subject.id)) if subject.kind == "link" else frozenset()
    for link in survey.links:
        is_below = not by_tool and link.above in under
        if (
            link.id in line
            or grants(link.grant, tools)
            or subject in _holding_up(survey, link, agents)
            or is_below
        ):
            under[link.id] = link
    stand = tuple(link for link in under.values() if link.standing == "active")
    ends = () if by_tool and ending is not None else stand
    tasks = tuple(sorted({link.task for link in under.values()}))
    stays = tuple(
        link
        for link in survey.links
        if link.standing == "active" and link.id not in under and link.task in tasks
    )
    named = "\n".join(sorted(link.id for link in ends))
    return Survival(
        subject,
        ends,
        stays,
        tuple(sorted({link.holder_fingerprint for link in ends})),
        tuple(sorted({e for link in ends for e in link.grant.effects}, key=ORDER.index)),
        tasks,
        tuple(link for link in stand if link not in ends)
        if by_tool
        else tuple(
            link
            for link in under.values()
            if link.standing in {"revoked", "suspended"}
            and link.ended_by == subject.id
            and survey.until(link) > survey.at
        ),
        survey.is_complete,
        hashlib.sha256(named.encode()).hexdigest(),
        ending,
        survey.extent,
    )


def _holding_up(
    survey: Survey, link: LinkEntry, agents: Mapping[bytes, Registered]
) -> set[Subject]:
    """Return the subjects with which a link ends by itself, whatever is above it."""
    key, task = survey.known.keys.get(link.id, b""), survey.known.tasks.get(link.task)
    found = {EVERYTHING, *link_subjects(link.id, b64u(key))}
    found.update(task_subjects(link.task, "" if task is None else task.owner))
    if key in agents:
        found.update(agent_subjects(agents[key].name, agents[key].owner))
    return found
