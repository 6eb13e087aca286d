"""Writes a map as JSON: its nodes, their places, and the numbers left out. Never token bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from delegation.canonical import Json
from delegation.graph.map_places import placed
from delegation.graph.names import clean, folded
from delegation.lineage.analysis.focus import Bundle, Focus, Node
from delegation.lineage.outline import LinkOutline

_NAME: Final = 24  # characters; 300 nodes stay within 100 kB whatever letters they are


def map_json(shown: Focus) -> dict[str, Json]:
    """Return nodes with their places and parents' indices, and counts. Names are cleaned and cut."""
    places = placed(shown)
    nodes: list[Json] = []
    for node, spot in zip(shown.nodes, places.spots, strict=True):
        nodes.append({**_node(node), "x": round(spot.x), "y": round(spot.y)})
    return {
        "focus": shown.wanted.focus if any(node.on_path for node in shown.nodes) else None,
        "counts": {
            "total": shown.total,
            "shown": shown.shown,
            "folded": shown.folded,
            "filtered": shown.filtered,
            "context": shown.context,
            "unfit": shown.unfit,
            "standing": _numbers(shown.standings),
            "outcome": _numbers(shown.outcomes),
        },
        "width": round(places.width),
        "height": round(places.height),
        "nodes": nodes,
    }


def _numbers(counts: Mapping[str, int]) -> dict[str, Json]:
    return dict(sorted(counts.items()))


def _node(node: Node) -> dict[str, Json]:
    if node.task is not None:
        return {
            "task": node.task.id,
            "parent": None,
            "owner": clean(node.task.owner, _NAME),
            "state": node.task.state,
            "below": node.below,
        }
    if node.bundle is not None:
        return {"parent": node.parent, **_bundle(node.bundle)}
    assert node.link is not None  # noqa: S101  # one of the three is set
    flags: dict[str, Json] = {}
    if node.on_path:
        flags["on_path"] = True
    if node.is_context:
        flags["context"] = True
    return {"parent": node.parent, **_link(node.link), "below": node.below, **flags}


def _bundle(bundle: Bundle) -> dict[str, Json]:
    return {
        "siblings": bundle.siblings,
        "links": bundle.links,
        "denied": bundle.denied,
        "can_write": bundle.can_write,
        "waiting": bundle.waiting,
    }


def _link(link: LinkOutline) -> dict[str, Json]:
    name: dict[str, Json] = (
        {"holder": folded(link.holder_name, _NAME)}
        if link.registered
        else {"claimed": folded(link.claimed_name, _NAME)}
    )
    opened: dict[str, Json] = {"opens": link.task} if link.under is not None else {}
    return {
        "id": link.id,
        **opened,
        **name,
        "key": link.fingerprint,
        "effect": link.effect,
        "standing": link.standing,
        "until": link.expires_at,
        "allowed": link.allowed,
        "denied": link.denied,
        "waiting": link.waiting,
    }
