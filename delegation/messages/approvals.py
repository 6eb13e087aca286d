"""Requests for approval as answers carry them. What agents wrote stands apart, under `from_agents`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from delegation.authority.approval import ApprovalRule
from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.canonical import Json, b64u
from delegation.errors import MalformedError
from delegation.hidden import Hidden
from delegation.identity.approval import Binding
from delegation.lineage.approval import (
    ApprovalAct,
    ApprovalEntry,
    ApprovalStatus,
    EarlierRefusal,
)
from delegation.messages.values import link_json, read_link


def hidden_json(found: Iterable[Hidden]) -> list[Json]:
    """Return what is not seen in a value's texts: where, how much of what, and what it spells."""
    return [
        {
            "where": one.where,
            "count": one.count,
            "kinds": list(one.kinds),
            "spells": one.spells or None,
        }
        for one in found
    ]


def status_json(status: ApprovalStatus) -> dict[str, Json]:
    """Return what a waiting agent, or the service that it called, may know of a request."""
    return {
        "id": status.id,
        "state": status.state,
        "tool": status.tool,
        "link": status.link,
        "audience": status.audience,
        "opened_by": status.opened_by,
        "opened_at": status.opened_at,
        "expires_at": status.expires_at,
        "used_by": status.used_by,
        "statement": status.statement or None,
    }


def read_status(body: Mapping[str, Any]) -> ApprovalStatus:
    """Return how a request stands, as an answer carries it.

    Raises:
        MalformedError: It carries nothing of the kind.
    """
    try:
        return ApprovalStatus(
            id=body["id"],
            state=body["state"],
            tool=body["tool"],
            link=LinkId(body["link"]),
            audience=body["audience"],
            opened_by=DecisionId(body["opened_by"]),
            opened_at=body["opened_at"],
            expires_at=body["expires_at"],
            used_by=body["used_by"],
            statement=body["statement"] or "",
        )
    except (KeyError, TypeError) as error:
        raise MalformedError("A request", wanted="as the service writes it") from error


def approval_json(entry: ApprovalEntry) -> dict[str, Json]:
    """Return a request as those read it who answer it.

    `would_approve` is ours; arguments, purpose, cause and the names inside `link` were chosen by
    agents and are shown as text, never followed.
    """
    return {
        **status_json(entry.status),
        "sequence": entry.sequence,
        "task": entry.task,
        "binding": b64u(entry.binding.digest()),
        "bound": entry.binding.to_json(),
        "would_approve": entry.summary(),
        "rules": [rule.to_json() for rule in entry.rules],
        "cost": dict(entry.cost),
        "resources": list(entry.resources),
        "from_agents": {
            "arguments": None if entry.arguments is None else dict(entry.arguments),
            "purpose": entry.purpose,
            "claimed_cause": entry.claimed_cause,
        },
        "amounts": dict(entry.amounts),
        "hidden": hidden_json(entry.hidden),
        "refused_before": [
            {
                "request": one.request,
                "link": one.link,
                "task": one.task,
                "audience": one.audience,
                "person": one.person,
                "reason": one.reason,
                "at": one.at,
            }
            for one in entry.refused_before
        ],
        "under": None if entry.link is None else link_json(entry.link),
        "acts": [
            {
                "person": act.person,
                "roles": list(act.roles),
                "key": act.key,
                "verdict": act.verdict,
                "reason": act.reason,
                "at": act.at,
                "counts": act.counts,
            }
            for act in entry.acts
        ],
        "ended_at": entry.ended_at,
    }


def read_approval(body: Mapping[str, Any]) -> ApprovalEntry:
    """Return the request that an answer carries.

    Raises:
        MalformedError: It carries none.
    """
    try:
        bound = body["bound"]
        said = body["from_agents"]
        return ApprovalEntry(
            id=body["id"],
            sequence=body["sequence"],
            state=body["state"],
            binding=Binding(**{**bound, "link": LinkId(bound["link"])}),
            rules=tuple(map(ApprovalRule.from_json, body["rules"])),
            task=TaskId(body["task"]),
            link=None if body["under"] is None else read_link(body["under"]),
            arguments=said["arguments"],
            purpose=said["purpose"],
            claimed_cause=said["claimed_cause"],
            cost=body["cost"],
            resources=tuple(body["resources"]),
            amounts=body.get("amounts", {}),
            opened_by=DecisionId(body["opened_by"]),
            opened_at=body["opened_at"],
            expires_at=body["expires_at"],
            acts=tuple(
                ApprovalAct(**{**act, "roles": tuple(act["roles"])}) for act in body["acts"]
            ),
            statement=body["statement"] or "",
            ended_at=body["ended_at"],
            used_by=body["used_by"],
            refused_before=tuple(EarlierRefusal(**one) for one in body["refused_before"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise MalformedError("A request", wanted="as the service writes it") from error
