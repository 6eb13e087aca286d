"""Defines the columns of each view, and the row that each entry makes. No arguments, no tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final, TypeAlias

from delegation.canonical import b64u
from delegation.commands.work import Agent
from delegation.identity.principal import PREFIX, fingerprint
from delegation.lineage.analysis.findings import Dismissal
from delegation.lineage.analysis.owners import Handover, Owner
from delegation.lineage.analysis.risk import Risk
from delegation.lineage.analysis.timeline import Event
from delegation.lineage.approval import ApprovalEntry
from delegation.lineage.entry import DecisionEntry, LinkEntry, TaskEntry
from delegation.lineage.feed import Revocation
from delegation.lineage.finding import Finding

Cell: TypeAlias = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Table:
    """One view as a table.

    Args:
        columns: Their names.
        row: Makes the cells of one entry, one for each column.
    """

    columns: tuple[str, ...]
    row: Callable[[Any], tuple[Cell, ...]]


def _task(one: TaskEntry) -> tuple[Cell, ...]:
    return (
        one.id,
        one.title,
        one.owner,
        one.state,
        one.opened_at,
        one.deadline,
        _amounts(dict(one.spent)),
        one.parent,
        one.under,
        one.inferred,
    )


def _link(one: LinkEntry) -> tuple[Cell, ...]:
    grant = one.grant
    return (
        one.id,
        one.task,
        one.parent,
        one.under,
        one.depth,
        one.holder_name,
        one.claimed_name,
        one.registered,
        one.holder_fingerprint,
        one.owner,
        one.standing,
        one.ended_by,
        " ".join(grant.effects),
        " ".join(capability.tool.text for capability in grant.capabilities),
        " ".join(grant.audience),
        grant.purpose,
        grant.not_before,
        grant.expires_at,
        grant.delegations_left,
        _amounts(grant.budget),
        "; ".join(str(change) for change in one.changes),
        one.decisions.allowed,
        one.decisions.denied,
        one.recorded_at,
        " ".join(one.formats),
        one.inferred,
    )


def _event(one: tuple[int, Event]) -> tuple[Cell, ...]:
    number, event = one
    link, made, ending = event.link, event.decision, event.ending
    return (
        number,
        event.at,
        event.lane,
        None if link is None else link.id,
        None if link is None else link.fingerprint,
        None if event.parent is None else event.parent.id,
        None if made is None else made.id,
        None if made is None else made.tool,
        None if made is None else made.allowed,
        None if made is None else made.step,
        None if made is None else made.code,
        None if ending is None else ending.act,
        None if ending is None else ending.kind,
        None if ending is None else ending.id,
        None if ending is None else ending.by,
        None if ending is None else ending.reason,
        event.claimed_cause,
    )


def _handover(one: Handover) -> tuple[Cell, ...]:
    return (
        one.delegator,
        one.holder,
        one.is_root,
        len(one.links),
        one.active,
        " ".join(one.tools),
        " ".join(one.effects),
        one.until or None,
    )


def _owner(one: Owner) -> tuple[Cell, ...]:
    return (
        one.name,
        " ".join(one.agents),
        len(one.tasks),
        len(one.links),
        one.active,
        " ".join(one.tools),
        " ".join(one.effects),
        one.until or None,
        one.allowed,
        one.denied,
    )


def _agent(one: Agent) -> tuple[Cell, ...]:
    return (
        one.name,
        one.owner,
        " ".join(fingerprint(key) for key in one.keys),
        " ".join(PREFIX + b64u(key) for key in one.keys),
        one.registered_at,
        one.recertify_by,
    )


def _finding(one: tuple[Finding, Dismissal | None]) -> tuple[Cell, ...]:
    found, set_aside = one
    return (
        found.id,
        found.rule,
        found.severity,
        found.kind,
        found.subject,
        found.task,
        found.message,
        found.remedy,
        None if set_aside is None else set_aside.by,
        None if set_aside is None else set_aside.reason,
        None if set_aside is None else set_aside.at,
    )


def _risk(one: Risk) -> tuple[Cell, ...]:
    link = one.link
    return (
        one.score,
        one.sum,
        link.id,
        link.task,
        link.holder_name,
        link.claimed_name,
        link.holder_fingerprint,
        link.owner,
        link.grant.expires_at,
    )


def _ending(one: Revocation) -> tuple[Cell, ...]:
    return (
        one.epoch,
        one.act,
        one.subject.kind,
        one.subject.id,
        one.by,
        one.reason,
        one.at,
        one.effective_at,
    )


def _approval(one: ApprovalEntry) -> tuple[Cell, ...]:
    bound = one.binding
    return (
        one.id,
        one.state,
        bound.tool,
        bound.audience,
        one.task,
        bound.link,
        _amounts(one.cost),
        "; ".join(f"{rule.quorum} of {', '.join(rule.approvers)}" for rule in one.rules),
        "; ".join(f"{act.verdict} by {act.person} at {act.at}: {act.reason}" for act in one.acts),
        one.opened_by,
        one.opened_at,
        one.expires_at,
        one.ended_at,
        one.used_by,
    )


def _amounts(amounts: Mapping[str, int]) -> str:
    return " ".join(f"{unit}={amounts[unit]}" for unit in sorted(amounts))


LINKS: Final = Table(
    (
        "id", "task", "parent", "under", "depth", "holder", "claimed_name", "registered",
        "fingerprint", "owner", "standing", "ended_by", "effects", "tools", "audience", "purpose",
        "not_before", "expires_at", "delegations_left", "budget", "changes", "allowed", "denied",
        "recorded_at", "formats", "inferred",
    ),
    _link,
)  # fmt: skip
# Every field of the entry, and beside the tool whether it is one of ours.
_DECISION: Final = tuple(
    column
    for field in fields(DecisionEntry)
    for column in (("tool", "reserved") if field.name == "tool" else (field.name,))
)
TABLES: Final[dict[str, Table]] = {
    "lineage": LINKS,
    "links": LINKS,
    "tasks": Table(
        (
            "id", "title", "owner", "state", "opened_at", "deadline", "spent", "parent", "under",
            "inferred",
        ),
        _task,
    ),
    "decisions": Table(_DECISION, attrgetter(*_DECISION)),
    "timeline": Table(
        (
            "number", "at", "lane", "link", "fingerprint", "parent", "decision", "tool", "allowed",
            "step", "code", "act", "kind", "subject", "by", "reason", "claimed_cause",
        ),
        _event,
    ),
    "handovers": Table(
        ("delegator", "holder", "root", "links", "active", "tools", "effects", "until"), _handover
    ),
    "owners": Table(
        (
            "owner", "agents", "tasks", "links", "active", "tools", "effects", "until", "allowed",
            "denied",
        ),
        _owner,
    ),
    "agents": Table(
        ("name", "owner", "fingerprints", "keys", "registered_at", "recertify_by"), _agent
    ),
    "findings": Table(
        (
            "id", "rule", "severity", "kind", "subject", "task", "message", "remedy",
            "dismissed_by", "dismissed_reason", "dismissed_at",
        ),
        _finding,
    ),
    "risks": Table(
        (
            "score", "sum", "link", "task", "holder", "claimed_name", "fingerprint", "owner",
            "expires_at",
        ),
        _risk,
    ),
    "endings": Table(
        ("epoch", "act", "kind", "subject", "by", "reason", "at", "effective_at"), _ending
    ),
    "approvals": Table(
        (
            "id", "state", "tool", "audience", "task", "link", "cost", "rules", "answers",
            "opened_by", "opened_at", "expires_at", "ended_at", "used_by",
        ),
        _approval,
    ),
}  # fmt: skip
