"""Writes decisions as OCSF events: API Activity with the profile `ai_operation`.

The profile's `delegation` object names the leaf and the link above it; a chain's root has no field
there, so it stands in `unmapped`, with all that OCSF has no name for. Where the caller's machine
would stand the holder does: nobody told the service an address that it could believe.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from delegation.authority.grant import Effect
from delegation.export.manifest import Manifest
from delegation.export.rows import listed
from delegation.lineage.entry import Called, DecisionEntry, LinkEntry

VERSION: Final = "1.9.0-dev"  # the first with `delegation`; the released 1.8.0 has none
PROFILE: Final = "ai_operation"
_CLASS: Final = 6003
_ACTIVITIES: Final[Mapping[str, tuple[int, str]]] = {
    "read": (2, "Read"),
    "write": (3, "Update"),
    "delete": (4, "Delete"),
}
_UNKNOWN: Final = (0, "Unknown")
_OTHER: Final = (99, "Other")


def ocsf_events(calls: Iterable[Called], issuer: str, manifest: Manifest) -> Iterator[str]:
    """Yield one JSON object: `export` with the manifest, and `events`, one a line.

    Args:
        calls: In commit order.
        issuer: Who issued the roots.
        manifest: What the export states.
    """
    return listed("events", (event(call, issuer, manifest.version) for call in calls), manifest)


def event(call: Called, issuer: str, version: str) -> dict[str, Any]:
    """Return one event. The order of its members is fixed."""
    made = call.decision
    activity, activity_name = _activity(call.effect)
    outcome = "allowed" if made.allowed else "denied"
    leaf = call.chain[-1] if call.chain else None
    body: dict[str, Any] = {
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": 6,
        "category_name": "Application Activity",
        "class_uid": _CLASS,
        "class_name": "API Activity",
        "type_uid": _CLASS * 100 + activity,
        "type_name": f"API Activity: {activity_name}",
        "time": made.at * 1000,
        "severity_id": 1 if made.allowed else 3,
        "severity": "Informational" if made.allowed else "Medium",
        "status_id": 1 if made.allowed else 2,
        "status": "Success" if made.allowed else "Failure",
        "status_code": made.code or outcome,
        "status_detail": made.message or outcome,
        "metadata": {
            "version": VERSION,
            "profiles": [PROFILE],
            "product": {"name": "delegation", "vendor_name": "delegation", "version": version},
            "uid": made.id,
            "sequence": made.sequence,
        },
        "api": {"operation": made.tool or "unknown"},
        "actor": _actor(made, leaf),
        "src_endpoint": _endpoint(leaf),
        "unmapped": _unmapped(call),
    }
    if leaf is not None:
        body["ai_agent"] = _agent(leaf)
        body["delegation"] = _delegation(leaf, issuer)
    return body


def _unmapped(call: Called) -> dict[str, Any]:
    made = call.decision
    said = {
        "task": made.task,
        "link": made.link,
        "root_uid": call.chain[0].id if call.chain else None,
        "chain": [link.id for link in call.chain] or None,
        "step": made.step,
        "denied_link": made.denied_link,
        "claimed_cause": made.claimed_cause,
    }
    return {name: value for name, value in said.items() if value is not None}


def _activity(effect: Effect | None) -> tuple[int, str]:
    return _UNKNOWN if effect is None else _ACTIVITIES.get(effect, _OTHER)


def _actor(made: DecisionEntry, leaf: LinkEntry | None) -> dict[str, Any]:
    by = "delegation" if made.allowed else f"step {made.step}"
    why = made.code or made.link or made.id
    granted = {"decision": "allowed" if made.allowed else "denied"}
    actor: dict[str, Any] = {
        "authorizations": [{**granted, "policy": {"name": by, "uid": why}}],
        "app_name": "unproven" if leaf is None else _name(leaf),
    }
    if leaf is not None:  # the principal: the human or service that answers for the agent
        actor["user"] = {"name": leaf.owner, "uid": leaf.owner}
    return actor


def _endpoint(leaf: LinkEntry | None) -> dict[str, Any]:
    if leaf is None:
        return {"name": "unproven"}
    return {"name": _name(leaf), "uid": leaf.holder_fingerprint}


def _agent(leaf: LinkEntry) -> dict[str, Any]:
    uid = leaf.holder_name if leaf.registered else ""
    return {
        "uid": uid or leaf.holder_fingerprint,
        "name": _name(leaf),
        "instance_uid": leaf.id,
        "type_id": 0,
    }


def _delegation(leaf: LinkEntry, issuer: str) -> dict[str, Any]:
    said: dict[str, Any] = {
        "uid": leaf.id,
        "issuer_uid": issuer,
        "created_time": leaf.recorded_at * 1000,
        "expiration_time": leaf.grant.expires_at * 1000,
        "scopes": sorted({capability.tool.text for capability in leaf.grant.capabilities}),
    }
    if leaf.above is not None:  # for a child task's root: the link under which it was opened
        said["parent_uid"] = leaf.above
    return said


def _name(leaf: LinkEntry) -> str:
    """Return what the holder is called, as far as the registry says; never the delegator's claim."""
    name = leaf.holder_name if leaf.registered else ""
    return name or f"unnamed {leaf.holder_fingerprint}"
