"""Values as answers carry them, written and read in one place so that both sides agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.chain import Link
from delegation.authority.explain import Change
from delegation.authority.grant import Grant
from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.authority.resource_labels import ResourceLabels
from delegation.canonical import Json, b64u, unb64u
from delegation.errors import MalformedError
from delegation.judge.limits import Limits
from delegation.lineage.entry import Counts, DecisionEntry, Lineage, LinkEntry, TaskEntry


def task_json(task: TaskEntry) -> dict[str, Json]:
    """Return a task as an answer carries it."""
    return {
        "id": task.id,
        "title": task.title,
        "owner": task.owner,
        "state": task.state,
        "opened_at": task.opened_at,
        "deadline": task.deadline,
        "inferred": task.inferred,
        "ceiling": task.ceiling.to_json(),
        "under": task.under,
        "spent": dict(task.spent),
        "parent": task.parent,
        "idle": task.idle,
        "limits": task.limits.to_json(),
        "broken_until": task.broken_until,
        "pinned": task.pinned,
    }


def read_task(body: Mapping[str, Any]) -> TaskEntry:
    """Return the task that an answer carries.

    Raises:
        MalformedError: It carries none.
    """
    try:
        return TaskEntry(
            id=TaskId(body["id"]),
            title=body["title"],
            owner=body["owner"],
            state=body["state"],
            opened_at=body["opened_at"],
            deadline=body["deadline"],
            inferred=body["inferred"],
            ceiling=Grant.from_json(body["ceiling"]),
            under=body["under"],
            spent=tuple(body["spent"].items()),
            parent=body["parent"],
            idle=body["idle"],
            limits=Limits.from_json(body["limits"]),
            broken_until=body["broken_until"],
            pinned=body["pinned"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise MalformedError("A task", wanted="as the service writes it") from error


def link_json(link: LinkEntry) -> dict[str, Json]:
    """Return a link as an answer carries it."""
    return {
        "id": link.id,
        "task": link.task,
        "parent": link.parent,
        "under": link.under,
        "depth": link.depth,
        "holder_name": link.holder_name,
        "claimed_name": link.claimed_name,
        "holder_fingerprint": link.holder_fingerprint,
        "owner": link.owner,
        "registered": link.registered,
        "inferred": link.inferred,
        "grant": link.grant.to_json(),
        "changes": [{"field": c.field, "before": c.before, "after": c.after} for c in link.changes],
        "recorded_at": link.recorded_at,
        "standing": link.standing,
        "ended_by": link.ended_by,
        "decisions": {"allowed": link.decisions.allowed, "denied": link.decisions.denied},
        "formats": list(link.formats),
    }


def read_link(body: Mapping[str, Any]) -> LinkEntry:
    """Return the link that an answer carries.

    Raises:
        MalformedError: It carries none.
    """
    try:
        return LinkEntry(
            id=LinkId(body["id"]),
            task=TaskId(body["task"]),
            parent=body["parent"],
            under=body["under"],
            depth=body["depth"],
            holder_name=body["holder_name"],
            claimed_name=body["claimed_name"],
            holder_fingerprint=body["holder_fingerprint"],
            owner=body["owner"],
            registered=body["registered"],
            inferred=body["inferred"],
            grant=Grant.from_json(body["grant"]),
            changes=tuple(
                Change(change["field"], change["before"], change["after"])
                for change in body["changes"]
            ),
            recorded_at=body["recorded_at"],
            standing=body["standing"],
            ended_by=body["ended_by"],
            decisions=Counts(body["decisions"]["allowed"], body["decisions"]["denied"]),
            formats=tuple(body["formats"]),
        )
    except (KeyError, TypeError) as error:
        raise MalformedError("A link", wanted="as the service writes it") from error


def decision_entry_json(entry: DecisionEntry) -> dict[str, Json]:
    """Return a listed decision as an answer carries it."""
    return {
        "sequence": entry.sequence,
        "id": entry.id,
        "at": entry.at,
        "task": entry.task,
        "link": entry.link,
        "tool": entry.tool,
        "allowed": entry.allowed,
        "step": entry.step,
        "code": entry.code,
        "message": entry.message,
        "denied_link": entry.denied_link,
        "claimed_cause": entry.claimed_cause,
    }


def read_decision_entry(body: Mapping[str, Any]) -> DecisionEntry:
    """Return the listed decision that an answer carries.

    Raises:
        MalformedError: It carries none.
    """
    try:
        return DecisionEntry(**{**body, "id": DecisionId(body["id"])})
    except (KeyError, TypeError) as error:
        raise MalformedError("A decision", wanted="as the service writes it") from error


def lineage_json(lineage: Lineage) -> dict[str, Json]:
    """Return a task's lineage as an answer carries it."""
    return {
        "task": task_json(lineage.task),
        "links": [link_json(link) for link in lineage.links],
        "decisions": [decision_entry_json(entry) for entry in lineage.decisions],
        "child_tasks": [task_json(task) for task in lineage.below],
    }


def read_lineage(body: Mapping[str, Any]) -> Lineage:
    """Return the lineage that an answer carries.

    Raises:
        MalformedError: It carries none.
    """
    try:
        return Lineage(
            read_task(body["task"]),
            tuple(map(read_link, body["links"])),
            tuple(map(read_decision_entry, body["decisions"])),
            tuple(map(read_task, body["child_tasks"])),
        )
    except (KeyError, TypeError) as error:
        raise MalformedError("A lineage", wanted="as the service writes it") from error


def payload_json(link: Link) -> dict[str, Json]:
    """Return a link of an inspected token, as its payload states it."""
    return {
        "id": link.id,
        "parent": link.parent,
        "holder_name": link.holder_name,
        "holder_key": b64u(link.holder_key),
        "grant": link.grant.to_json(),
    }


def catalogue_json(catalogue: Catalogue) -> dict[str, Json]:
    """Return a catalogue with its whole history."""
    return {
        "revision": catalogue.revision,
        "tools": [
            {"revision": revision, "tool": tool.to_json()}
            for name in sorted(catalogue.history)
            for revision, tool in catalogue.history[name]
        ],
        "resources": [
            {"revision": revision, "resource": entry.to_json()}
            for pattern in sorted(catalogue.resources)
            for revision, entry in catalogue.resources[pattern]
        ],
    }


def read_catalogue(body: Mapping[str, Any]) -> Catalogue:
    """Return the catalogue that an answer carries.

    Raises:
        MalformedError: It carries none.
    """
    history: dict[str, tuple[tuple[int, Tool], ...]] = {}
    try:
        for entry in body["tools"]:
            tool = Tool.from_json(entry["tool"])
            history[tool.name] = (*history.get(tool.name, ()), (entry["revision"], tool))
        resources: dict[str, tuple[tuple[int, ResourceLabels], ...]] = {}
        for entry in body["resources"]:
            named = ResourceLabels.from_json(entry["resource"])
            before = resources.get(named.pattern.text, ())
            resources[named.pattern.text] = (*before, (entry["revision"], named))
        return Catalogue(body["revision"], history, resources)
    except (KeyError, TypeError) as error:
        raise MalformedError("A catalogue", wanted="as the service writes it") from error


def read_key(text: str) -> bytes:
    """Return the 32 bytes of `ed25519:<base64url>`.

    Raises:
        MalformedError: The text is no key.
    """
    return unb64u(text.removeprefix("ed25519:"), what="key")
