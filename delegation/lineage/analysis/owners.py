"""Lists accountable owners, and handovers from delegators to holders."""

from __future__ import annotations

from dataclasses import dataclass

from delegation.authority.ids import LinkId, TaskId
from delegation.lineage.entry import LinkEntry
from delegation.lineage.survey import Counted, Survey, called


@dataclass(frozen=True, slots=True)
class Owner:
    """What one human or service answers for.

    Args:
        name: The owner, as tasks and the registry name them.
        agents: Registered agents of theirs, by name.
        tasks: Tasks of theirs that the answer looked at.
        links: Links that they answer for, in recorded order: held by an agent of theirs, or below
            one by holders that nobody registered, or in their own task without any.
        active: How many of those stand.
        tools: Tool patterns of those that stand.
        effects: Effects that those allow.
        until: First second at which none of those holds any more; 0 when none stands.
        allowed: Calls that were allowed with them as the leaf.
        denied: Calls that were denied with them as the leaf.
    """

    name: str
    agents: tuple[str, ...]
    tasks: tuple[TaskId, ...]
    links: tuple[LinkId, ...]
    active: int
    tools: tuple[str, ...]
    effects: tuple[str, ...]
    until: int
    allowed: int
    denied: int


def owners(survey: Survey) -> Counted[Owner]:
    """Return every owner of what was looked at and of the registry, by name.

    Owners are compared as they are written: two spellings are two owners.
    """
    agents: dict[str, list[str]] = {}
    for agent in survey.known.agents:
        agents.setdefault(agent.owner, []).append(agent.name)
    tasks: dict[str, list[TaskId]] = {}
    for task in survey.known.tasks.values():
        tasks.setdefault(task.owner, []).append(task.id)
    links: dict[str, list[LinkEntry]] = {}
    for link in survey.links:
        links.setdefault(link.owner, []).append(link)
    return Counted(
        (
            _owner(survey, name, agents.get(name, []), tasks.get(name, []), links.get(name, []))
            for name in sorted(agents.keys() | tasks.keys() | links.keys())
        ),
        survey.extent,
    )


def _owner(
    survey: Survey, name: str, agents: list[str], tasks: list[TaskId], links: list[LinkEntry]
) -> Owner:
    active = [link for link in links if link.standing == "active"]
    return Owner(
        name,
        tuple(sorted(agents)),
        tuple(sorted(tasks)),
        tuple(link.id for link in links),
        len(active),
        tuple(sorted({c.tool.text for link in active for c in link.grant.capabilities})),
        tuple(sorted({effect for link in active for effect in link.grant.effects})),
        max((survey.until(link) for link in active), default=0),
        sum(link.decisions.allowed for link in links),
        sum(link.decisions.denied for link in links),
    )


@dataclass(frozen=True, slots=True)
class Handover:
    """All that one holder handed to another.

    Args:
        delegator: What the delegator is called; the accountable owner for a root.
        holder: What the holder is called.
        is_root: Whether the service issued it for the owner.
        links: The links, in the order they were recorded.
        active: How many of them stand.
        tools: Tool patterns of those that stand.
        effects: Effects that those allow.
        until: First second at which none of those holds any more; 0 when none stands.
    """

    delegator: str
    holder: str
    is_root: bool
    links: tuple[LinkId, ...]
    active: int
    tools: tuple[str, ...]
    effects: tuple[str, ...]
    until: int


def handovers(survey: Survey) -> Counted[Handover]:
    """Return who delegated what to whom, aggregated, by delegator and holder.

    Holders are told apart by key and by name: two keys are never one holder, whatever they are
    called.
    """
    groups: dict[tuple[str, str, bool, str, str], list[LinkEntry]] = {}
    for link in survey.links:
        # The root of a child task comes from the agent that opened it.
        above = None if link.above is None else survey.by_id.get(link.above)
        by = link.owner if above is None else called(above)
        mark = "" if above is None else above.holder_fingerprint
        key = (by, called(link), above is None, mark, link.holder_fingerprint)
        groups.setdefault(key, []).append(link)
    rows = (
        _handover(survey, key[0], key[1], links, is_root=key[2])
        for key, links in sorted(groups.items())
    )
    return Counted(rows, survey.extent)


def _handover(
    survey: Survey, by: str, to: str, links: list[LinkEntry], *, is_root: bool
) -> Handover:
    active = [link for link in links if link.standing == "active"]
    return Handover(
        by,
        to,
        is_root,
        tuple(link.id for link in links),
        len(active),
        tuple(sorted({c.tool.text for link in active for c in link.grant.capabilities})),
        tuple(sorted({effect for link in active for effect in link.grant.effects})),
        max((survey.until(link) for link in active), default=0),
    )
