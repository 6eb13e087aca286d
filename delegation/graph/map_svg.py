"""Draws a map as inline SVG for the reviewer's page: every node is a link, every state has its form.

No script, no style, nothing external: colours and strokes come from the page's stylesheet by class.
Hrefs come from the caller's own routes; every text is cleaned and escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol
from xml.sax.saxutils import escape, quoteattr

from delegation.graph.map_places import (
    BUNDLE_HEIGHT,
    COLUMN,
    HEIGHT,
    MARGIN,
    OPENING,
    OWNER_WIDTH,
    WIDTH,
    Places,
    Spot,
    placed,
)
from delegation.graph.map_words import bundle_lines, calls_of, claim_of, name_of, sentence
from delegation.graph.model import STANDING_WORDS
from delegation.graph.names import clean, cut
from delegation.lineage.analysis.focus import Focus, Node
from delegation.lineage.outline import LinkOutline

_NAME: Final = 20  # columns that fit beside the icon
_LINE: Final = 27
# In a 16 x 16 box, as paths: a font may lack the sign.
MARKS: Final[dict[str, str]] = {
    "denied": "M4 4l8 8M12 4l-8 8",
    "revoked": "M8 2a6 6 0 1 0 .01 0M4 12L12 4",
    "expired": "M8 2a6 6 0 1 0 .01 0M8 5v3l2.5 2",
    "suspended": "M5 3v10M11 3v10",
    "task_closed": "M3 7h10v7H3zM5 7V5a3 3 0 0 1 6 0v2",
    "waiting": "M5.5 6a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .8-1 1.7M8 12.6v.6",
}
_HEXAGON: Final = "M10 0L18.7 5V15L10 20L1.3 15V5Z"


class Ways(Protocol):
    """Where a map's nodes lead: the page's own routes."""

    def select(self, link: str) -> str:
        """Return the address of the map with this link selected."""

    def unfold(self, name: str) -> str:
        """Return the address of the map with this link's or task's children all drawn."""

    def fold(self, name: str) -> str:
        """Return the address of the map with them folded again."""

    def task(self, task: str) -> str:
        """Return the address of a task's map."""


def map_svg(shown: Focus, ways: Ways, *, refused_at: str = "") -> str:
    """Return the drawing.

    Args:
        shown: What is drawn.
        ways: Where nodes lead.
        refused_at: Id of the link whose caveat stopped the selected link's last denied call.
    """
    places = placed(shown)
    out = [
        (
            f'<svg id="map" class="map" xmlns="http://www.w3.org/2000/svg" width="{places.width:g}" '
            f'height="{places.height:g}" viewBox="0 0 {places.width:g} {places.height:g}" '
            f'data-width="{places.width:g}" data-height="{places.height:g}" '
            'aria-label="Map of delegations">'
        ),
        '<g class="heads" aria-hidden="true">',
        *_heads(shown, places),
        '</g><g class="trail" aria-hidden="true">',
        *_edges(shown, places, trail=True),
        '</g><g class="edges" aria-hidden="true">',
        *_edges(shown, places, trail=False),
        *_refusal(shown, places, refused_at),
        '</g><g class="nodes">',
    ]
    groups: dict[int, list[int]] = {}
    for number, node in enumerate(shown.nodes):
        if node.parent is not None:
            groups.setdefault(node.parent, []).append(number)
    for number, (node, spot) in enumerate(zip(shown.nodes, places.spots, strict=True)):
        out += _node(shown, number, node, spot, ways, groups)
    out.append("</g></svg>")
    return "\n".join(out)


def key_of(shown: Focus, number: int) -> str:
    """Return what a node is known by when a newer drawing takes this one's place."""
    node = shown.nodes[number]
    if node.link is not None:
        return node.link.id
    if node.task is not None:
        return node.task.id
    return f"more-{key_of(shown, node.parent or 0)}"


def _heads(shown: Focus, places: Places) -> Iterator[str]:
    # Links are counted from their own chain's root; below an opener a chain begins anew.
    is_nested = any(node.link is not None and node.link.under is not None for node in shown.nodes)
    for column in range(places.columns):
        word = f"level {column}" if is_nested else f"link {column - 1}"
        word = "accountable owner" if column == 0 else word
        yield f'<text x="{MARGIN + column * COLUMN:g}" y="22">{word}</text>'


def _edges(shown: Focus, places: Places, *, trail: bool) -> Iterator[str]:
    for number, node in enumerate(shown.nodes):
        if node.parent is None or (trail and not node.on_path):
            continue
        start, end = places.spots[node.parent], places.spots[number]
        name = key_of(shown, number)
        if trail:
            yield f'<path id="t-{_id(name)}" d="{_curve(start, end)}"/>'
            continue
        parent = key_of(shown, node.parent)
        what = _edge_class(node)
        yield (
            f'<path id="e-{_id(name)}" class="{what}" data-parent={quoteattr(parent)} '
            f'data-child={quoteattr(name)} d="{_curve(start, end)}"/>'
        )


def _curve(start: Spot, end: Spot) -> str:
    bend = (start.right + end.x) / 2
    return (
        f"M{start.right:g} {start.middle:g}C{bend:g} {start.middle:g} "
        f"{bend:g} {end.middle:g} {end.x:g} {end.middle:g}"
    )


def _edge_class(node: Node) -> str:
    """Return an edge's form: what ended the link, else what waits or was denied; thick for writing."""
    link = node.link
    if link is None:
        return "edge fold"
    state = link.standing
    if state == "active":
        form = "waiting" if link.waiting else "denied" if link.denied else "active"
    else:
        form = state
    return f"edge {form}{' heavy' if link.can_write else ''}"


def _refusal(shown: Focus, places: Places, refused_at: str) -> Iterator[str]:
    for node, spot in zip(shown.nodes, places.spots, strict=True):
        if node.link is not None and node.link.id == refused_at and node.on_path:
            yield (
                f'<g id="refusal" class="refusal" transform="translate({spot.x - 26:g} '
                f'{spot.middle:g})"><circle r="11"/><path d="M-4 -4l8 8M4 -4l-8 8"/></g>'
            )


def _id(name: str) -> str:
    """Return a name for an id: ours are letters, digits, `-` and `_` already."""
    return "".join(c if (c.isalnum() and c.isascii()) or c in "-_" else "_" for c in name)


def _node(
    shown: Focus,
    number: int,
    node: Node,
    spot: Spot,
    ways: Ways,
    groups: dict[int, list[int]],
) -> Iterator[str]:
    name = key_of(shown, number)
    below = groups.get(number, [])
    siblings = groups.get(node.parent, []) if node.parent is not None else None
    if siblings is None:
        siblings = [n for n, other in enumerate(shown.nodes) if other.parent is None]
    level = round((spot.x - MARGIN) / COLUMN) + 1
    opened = bool(below) and not (len(below) == 1 and shown.nodes[below[0]].bundle is not None)
    facts = [f'data-level="{level}"', f'data-at="{siblings.index(number) + 1}"']
    facts.append(f'data-of="{len(siblings)}"')
    if node.has_children or node.bundle is not None:
        facts.append(f'data-expanded="{str(opened).lower()}"')
    if below:
        owns = " ".join(f"n-{_id(key_of(shown, n))}" for n in below)
        facts.append(f'data-owns="{owns}"')
    chosen = node.link is not None and node.link.id == shown.wanted.focus
    if chosen:
        facts.append('data-selected="true" aria-current="true"')
    if node.is_open:
        facts.append(f"data-fold={quoteattr(ways.fold(name))}")
    kind, href, body = _body(node, shown, ways)
    states = [kind, "chosen" if chosen else "", "path" if node.on_path else ""]
    states.append("context" if node.is_context else "")
    yield (
        f'<a id="n-{_id(name)}" class="{" ".join(filter(None, states))}" href={quoteattr(href)} '
        f'transform="translate({spot.x:g} {spot.y:g})" {" ".join(facts)}>'
    )
    yield f"<title>{escape(sentence(node))}</title>"
    yield from body
    yield "</a>"


def _body(node: Node, shown: Focus, ways: Ways) -> tuple[str, str, list[str]]:
    if node.task is not None:
        owner, title = clean(node.task.owner), clean(node.task.title)
        return (
            "owner",
            ways.task(node.task.id),
            [
                f'<rect class="box" width="{OWNER_WIDTH}" height="{HEIGHT}" rx="{HEIGHT // 2}"/>',
                '<circle class="icon" cx="30" cy="32" r="11"/>',
                '<text class="letter" x="30" y="36">O</text>',
                _text("name", 50, 28, cut(owner, 18)),
                _text("small", 50, 46, cut(title, 20)),
            ],
        )
    if node.bundle is not None:
        first, second = bundle_lines(node.bundle)
        above = shown.nodes[node.parent or 0]
        name = above.link.id if above.link else above.task.id if above.task else ""
        return (
            "bundle",
            ways.unfold(name),
            [
                f'<rect class="box" width="{WIDTH}" height="{BUNDLE_HEIGHT}" rx="8"/>',
                '<path class="plus" d="M14 23h12M20 17v12"/>',
                _text("name", 36, 20, first),
                _text("small", 36, 37, cut(second, _LINE)),
            ],
        )
    assert node.link is not None  # noqa: S101  # one of the three is set
    return f"link {node.link.standing}", ways.select(node.link.id), _link(node.link)


def _link(link: LinkOutline) -> list[str]:
    heavy = " heavy" if link.can_write else ""
    icon = " unnamed" if not link.registered else ""
    height = HEIGHT if link.under is None else HEIGHT + OPENING
    out = [
        f'<rect class="box{heavy}" width="{WIDTH}" height="{height}" rx="8"/>',
        f'<path class="icon{icon}" transform="translate(10 10)" d="{_HEXAGON}"/>',
        f'<text class="letter{icon}" x="20" y="24">{"A" if link.registered else "?"}</text>',
    ]
    name = name_of(link) if link.registered else claim_of(link)
    room = _NAME - (2 if link.denied or link.waiting else 0)
    out.append(_text("name" if link.registered else "name claim", 38, 21, cut(name, room)))
    key = link.fingerprint if link.registered else f"unnamed {link.fingerprint}"
    out.append(_text("key", 38, 38, key))
    words = [link.effect, calls_of(link)]
    if link.standing != "active":
        out.append(_mark(link.standing, 10, 44))
        words = [STANDING_WORDS[link.standing], link.effect]
    first, *rest = words
    strong = "strong" if heavy or link.standing != "active" else ""
    line = f'<tspan class="{strong}">{escape(first)}</tspan>' if strong else escape(first)
    line += escape("".join(f" · {word}" for word in rest))
    if heavy and link.standing == "active":
        out.append('<path class="pen" transform="translate(10 44)" d="M3 13l1-4 7-7 3 3-7 7z"/>')
    out.append(f'<text class="small" x="38" y="55">{line}</text>')
    if link.under is not None:
        out.append(_text("small", 38, 71, cut(f"child task {link.task}", _LINE - 4)))
    if link.denied:
        out += [
            _mark("denied", WIDTH - 44, 42),
            _text("denied count", WIDTH - 26, 55, _few(link.denied)),
        ]
    if link.waiting:
        out += [
            _mark("waiting", WIDTH - 44, 8),
            _text("waiting count", WIDTH - 26, 21, _few(link.waiting)),
        ]
    return out


def _few(number: int) -> str:
    return str(number) if number < 100 else "99+"  # noqa: PLR2004  # two digits fit


def _mark(name: str, x: float, y: float) -> str:
    return f'<path class="mark {name}" transform="translate({x:g} {y:g})" d="{MARKS[name]}"/>'


def _text(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(text)}</text>'
