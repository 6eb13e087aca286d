"""What would survive if a subject were revoked: what ends with it, what goes on beside it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from delegation.authority.ids import LinkId, TaskId
from delegation.authority.systems import tools_of
from delegation.canonical import b64u
from delegation.judge.facts import EVERYTHING, Subject
from delegation.lineage.analysis.blast import ORDER
from delegation.lineage.entry import LinkEntry
from delegation.lineage.extent import UNSAID, Extent
from delegation.lineage.feed import Revocation
from delegation.lineage.survey import Survey


@dataclass(frozen=True, slots=True)
class Survival:
    """What revoking a subject would come to now; nothing was changed.

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
    by_tool = subject.kind in {"tool", "system"}
    under: dict[str, LinkEntry] = {}
    line = survey.line(LinkId(subject.id)) if subject.kind == "link" else frozenset()
    for link in survey.links:
        is_below = not by_tool and link.above in under
        if link.id in line or _is_named(survey, link, subject) or is_below:
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


def _grants(survey: Survey, link: LinkEntry, subject: Subject) -> bool:
    return any(
        capability.tool.matches(tool)
        for tool in tools_of(survey.catalogue, *subject)
        for capability in link.grant.capabilities
    )


def _is_named(survey: Survey, link: LinkEntry, subject: Subject) -> bool:
    match subject.kind:
        case "task":
            return link.task == subject.id
        case "key":
            return b64u(survey.known.keys.get(link.id, b"")) == subject.id
        case "agent":
            held = {k for a in survey.known.agents if a.name == subject.id for k in a.keys}
            return survey.known.keys.get(link.id) in held
        case "owner":
            owned = {k for a in survey.known.agents if a.owner == subject.id for k in a.keys}
            task = survey.known.tasks.get(link.task)
            is_theirs = task is not None and task.owner == subject.id
            return is_theirs or survey.known.keys.get(link.id) in owned
        case "tool" | "system":
            return _grants(survey, link, subject)
    return subject == EVERYTHING
