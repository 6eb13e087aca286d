"""Prepares the model behind every drawing: nodes, edges and counts, as JSON. Never token bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from delegation.authority.explain import instant
from delegation.authority.ids import LinkId
from delegation.cancellation import look
from delegation.canonical import Json
from delegation.graph.names import MAX_WHOLE, claim, clean, holder
from delegation.lineage.entry import Lineage, LinkEntry, Standing, TaskEntry

STANDING_WORDS: Final[dict[Standing, str]] = {
    "active": "active",
    "revoked": "revoked",
    "expired": "expired",
    "task_closed": "task closed",
    "suspended": "suspended",
}


def edges(lineage: Lineage) -> tuple[tuple[LinkId, LinkId], ...]:
    """Return (link above, link) of all recorded links, in recorded order.

    The root of a child task hangs below the link under which that was opened.
    """
    known = {link.id for link in lineage.links}
    return tuple(
        (link.above, link.id)
        for link in lineage.links
        if link.above is not None and link.above in known
    )


def graph_json(lineage: Lineage) -> dict[str, Json]:
    """Return the lineage as nodes, edges and counts. Names are as recorded, not cleaned."""
    return {
        "task": _task(lineage.task),
        "child_tasks": [
            {**_task(task), "parent": task.parent, "under": task.under} for task in lineage.below
        ],
        "counts": dict(counts(lineage)),
        "nodes": [_node(link) for link in lineage.links],
        "edges": [{"parent": parent, "child": child} for parent, child in edges(lineage)],
    }


def _task(task: TaskEntry) -> dict[str, Json]:
    return {
        "id": task.id,
        "title": task.title,
        "owner": task.owner,
        "state": task.state,
        "opened_at": task.opened_at,
        "deadline": task.deadline,
        "inferred": task.inferred,
    }


def _node(link: LinkEntry) -> dict[str, Json]:
    return {
        "id": link.id,
        "task": link.task,
        "parent": link.parent,
        "under": link.under,
        "depth": link.depth,
        "holder": link.holder_name,
        "claimed_name": link.claimed_name,
        "fingerprint": link.holder_fingerprint,
        "owner": link.owner,
        "registered": link.registered,
        "inferred": link.inferred,
        "effects": list(link.grant.effects),
        "expires_at": link.grant.expires_at,
        "standing": link.standing,
        "ended_by": link.ended_by,
        "allowed": link.decisions.allowed,
        "denied": link.decisions.denied,
        "formats": list(link.formats),
        "changes": [{"field": c.field, "before": c.before, "after": c.after} for c in link.changes],
    }


def counts(lineage: Lineage) -> tuple[tuple[str, int], ...]:
    """Return the numbers that every drawing states, all over the same set: this task and below."""
    return (
        ("links", len(lineage.links)),
        ("allowed", sum(decision.allowed for decision in lineage.calls)),
        ("denied", sum(not decision.allowed for decision in lineage.calls)),
    )


def headline(lineage: Lineage) -> str:
    """Return the task's title, cleaned."""
    return clean(lineage.task.title)


def subline(lineage: Lineage) -> str:
    """Return task, owner, state and counts in one line."""
    task = lineage.task
    numbers = dict(counts(lineage))
    parts = [
        task.id,
        f"owner {clean(task.owner)}",
        task.state,
        *([_many(len(lineage.below), "child task")] if lineage.below else []),
        _many(numbers["links"], "link"),
        f"{_many(numbers['allowed'] + numbers['denied'], 'call')}, {numbers['denied']} denied",
    ]
    if task.inferred:
        parts.append("inferred from a record")
    return " · ".join(parts)


def _many(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def opening(lineage: Lineage, link: LinkEntry) -> str:
    """Return which child task a link is the root of, in one line; nothing for any other link."""
    look()
    for task in lineage.below if link.under is not None else ():
        if task.id == link.task:
            return f"child task {task.id} “{clean(task.title, 48)}”, {task.state}"
    return ""


def narrowed(link: LinkEntry) -> list[str]:
    """Return what the link narrowed, a short line for each change."""
    return [clean(str(change), 200) for change in link.changes]


def summary(link: LinkEntry) -> str:
    """Return everything about a link as one sentence, for readers who do not see the picture."""
    # Whole here, folded in the picture.
    named = clean(link.holder_name, MAX_WHOLE) if link.registered else holder(link)
    name = " ".join(filter(None, (named, claim(link))))
    ended = (
        f" by {link.ended_by}"
        if link.ended_by and link.standing in {"revoked", "suspended"}
        else ""
    )
    return (
        f"{name}, key {link.holder_fingerprint}, owner {clean(link.owner)}, "
        f"{STANDING_WORDS[link.standing]}{ended}, {link.decisions.allowed} allowed and "
        f"{link.decisions.denied} denied, until {instant(link.grant.expires_at)}"
        + (", inferred" if link.inferred else "")
    )


def children_of(links: Sequence[LinkEntry]) -> tuple[list[int], list[list[int]]]:
    """Return the indices of roots, and for each link the indices of its children, in order.

    A link above which none of the links is, is drawn as a root: never lost.
    """
    index = {link.id: number for number, link in enumerate(links)}
    roots: list[int] = []
    children: list[list[int]] = [[] for _ in links]
    for number, link in enumerate(links):
        parent = None if link.above is None else index.get(link.above)
        (roots if parent is None or parent >= number else children[parent]).append(number)
    return roots, children
