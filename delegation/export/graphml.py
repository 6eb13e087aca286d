"""Writes GraphML: tasks and links as nodes with made-up ids, delegations as edges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final
from xml.sax.saxutils import escape

from delegation.canonical import b64u
from delegation.export.manifest import Manifest
from delegation.graph.model import children_of, narrowed
from delegation.lineage.analysis.cutting import Cutting
from delegation.lineage.entry import LinkEntry, TaskEntry
from delegation.shown import shown_text

_NODE: Final[tuple[tuple[str, str], ...]] = (
    ("kind", "string"), ("id", "string"), ("task", "string"), ("label", "string"), ("registered", "boolean"),
    ("fingerprint", "string"), ("key", "string"), ("owner", "string"), ("state", "string"),
    ("ended_by", "string"), ("effects", "string"), ("depth", "int"), ("begins_at", "long"),
    ("ends_at", "long"), ("allowed", "long"), ("denied", "long"), ("context", "boolean"),
    ("inferred", "boolean"),
)  # fmt: skip
_EDGE: Final[tuple[tuple[str, str], ...]] = (("narrowed", "string"),)
_GRAPH: Final[tuple[tuple[str, str], ...]] = (
    ("view", "string"), ("task", "string"), ("filter", "string"), ("at", "long"),
    ("epoch", "long"), ("shown", "long"), ("total", "long"), ("complete", "boolean"),
    ("version", "string"), ("checkpoint", "string"),
)  # fmt: skip


def graphml(forest: Iterable[Cutting], manifest: Manifest) -> Iterator[str]:
    """Yield a forest as one GraphML document."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'
    yield f"<desc>{_text('; '.join(manifest.lines()))}</desc>\n"
    for kind, names in (("graph", _GRAPH), ("node", _NODE), ("edge", _EDGE)):
        for name, form in names:
            yield (
                f'<key id="{kind[0]}_{name}" for="{kind}" attr.name="{name}" attr.type="{form}"/>\n'
            )
    yield '<graph id="delegations" edgedefault="directed">\n'
    said = manifest.to_json()
    asked = manifest.selection
    said["filter"] = " ".join(f"{name}={value}" for name, value in asked.filters.items())
    yield _data("g", [(name, said[name]) for name, _ in _GRAPH])
    first = 0
    for one in forest:
        yield from _tree(one, first)
        first += 1 + len(one.lineage.links)
    yield "</graph>\n</graphml>\n"


def _tree(one: Cutting, first: int) -> Iterator[str]:
    links = one.lineage.links
    yield f'<node id="n{first}">{_data("n", _of_task(one.lineage.task))}</node>\n'
    for number, link in enumerate(links, start=first + 1):
        yield f'<node id="n{number}">{_data("n", _of_link(link, one))}</node>\n'
    roots, children = children_of(links)
    ends = [(first, root) for root in roots]
    ends += [(first + 1 + up, child) for up, below in enumerate(children) for child in below]
    for source, child in sorted(ends, key=lambda end: end[1]):
        what = "; ".join(narrowed(links[child]))
        yield (
            f'<edge source="n{source}" target="n{first + 1 + child}">'
            f"{_data('e', [('narrowed', what)])}</edge>\n"
        )


def _of_task(task: TaskEntry) -> list[tuple[str, object]]:
    return [
        ("kind", "task"),
        ("id", task.id),
        ("label", task.title),
        ("owner", task.owner),
        ("state", task.state),
        ("begins_at", task.opened_at),
        ("ends_at", task.deadline),
        ("inferred", task.inferred),
    ]


def _of_link(link: LinkEntry, one: Cutting) -> list[tuple[str, object]]:
    key = one.keys.get(link.id)
    return [
        ("kind", "link"),
        ("id", link.id),
        ("task", link.task),
        ("label", link.holder_name if link.registered else link.claimed_name),
        ("registered", link.registered),
        ("fingerprint", link.holder_fingerprint),
        ("key", "" if key is None else b64u(key)),
        ("owner", link.owner),
        ("state", link.standing),
        ("ended_by", link.ended_by),
        ("effects", " ".join(link.grant.effects)),
        ("depth", link.depth),
        ("begins_at", link.recorded_at),
        ("ends_at", link.grant.expires_at),
        ("allowed", link.decisions.allowed),
        ("denied", link.decisions.denied),
        ("context", link.id in one.context),
        ("inferred", link.inferred),
    ]


def _data(mark: str, values: Iterable[tuple[str, object]]) -> str:
    return "".join(
        f'<data key="{mark}_{name}">{_text(_plain(value))}</data>'
        for name, value in values
        if value not in (None, "")
    )


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _text(text: str) -> str:
    return escape(shown_text(text, ltr=False))
