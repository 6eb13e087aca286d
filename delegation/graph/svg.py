"""Draws the built-in SVG: lineage as cards from the owner on the left to the leaves on the right.

Needs no program and no package. No script, no link, nothing external; every text is a text node.
Denied, revoked, expired and closed differ in form and word, not only in colour.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from delegation.graph.card import PAD, WIDTH, Card, card_of
from delegation.graph.layout import Place, tidy
from delegation.graph.model import (
    children_of,
    headline,
    narrowed,
    opening,
    subline,
    summary,
)
from delegation.graph.names import clean, cut
from delegation.lineage.entry import DecisionEntry, Lineage, LinkEntry, Standing

_COLUMN: Final = WIDTH + 84  # a card and the space in which its edges bend
_GAP: Final = 22
_MARGIN: Final = 28
_TOP: Final = 96  # below the headline
_OWNER: Final = 176
_BOTTOM: Final = 58  # for the legend

_LIGHT: Final = {
    "bg": "#f6f7f9", "panel": "#ffffff", "ink": "#17202b", "muted": "#526070", "line": "#7b8796",
    "human": "#00327f", "denied": "#b3261e", "revoked": "#7d1d5f", "expired": "#6b7580",
    "change": "#0b5cad",
}  # fmt: skip
_DARK: Final = {
    "bg": "#12161c", "panel": "#1a2029", "ink": "#e8edf3", "muted": "#a3afbd", "line": "#7f8c9c",
    "human": "#b7ccea", "denied": "#ff8a80", "revoked": "#f29ad0", "expired": "#98a3b0",
    "change": "#6cb2ff",
}  # fmt: skip
_FORM: Final = """
text{font-family:"Segoe UI",Helvetica,Arial,"DejaVu Sans",sans-serif;font-size:12.5px}
.title{font-size:20px;font-weight:600}.name{font-size:15px;font-weight:600}
.card{stroke-width:1.25}.heavy{stroke-width:2.75}.denied,.owner-name{font-weight:600}
.effect{font-size:11px;text-anchor:end}.effect.heavy{font-weight:600}
.revoked .name{text-decoration:line-through}
.revoked .state,.expired .state,.task_closed .state{font-weight:600}
.revoked .card{stroke-dasharray:2 4}.expired .card{stroke-dasharray:1 5}
.task_closed .card{stroke-dasharray:9 4}
.edge{fill:none;stroke-width:1.5}.edge.heavy{stroke-width:3}.edge.refused{stroke-dasharray:6 3}
.edge.revoked{stroke-dasharray:2 4}.edge.expired{stroke-dasharray:1 5}
.edge.task_closed{stroke-dasharray:9 4}
.owner{stroke-width:2}.mark{fill:none;stroke-width:1.8;stroke-linecap:round}
"""
# Colours are written out twice instead of as variables, which many viewers do not know.
_COLOURS: Final = """
text{{fill:{ink}}}.bg{{fill:{bg}}}.muted,.state,.effect{{fill:{muted}}}
.card,.owner{{fill:{panel}}}.card,.edge{{stroke:{line}}}.owner{{stroke:{human}}}
.effect.heavy{{fill:{ink}}}.owner-name{{fill:{human}}}.change{{fill:{change}}}
.denied{{fill:{denied}}}.revoked .state{{fill:{revoked}}}
.revoked .card,.edge.revoked,.mark.revoked{{stroke:{revoked}}}
.expired .card,.edge.expired,.mark.expired{{stroke:{expired}}}
.edge.refused,.mark.cross{{stroke:{denied}}}.mark.active{{stroke:{change}}}
.task_closed .card,.mark.task_closed{{stroke:{muted}}}
"""
_STYLE: Final = (
    _FORM
    + _COLOURS.format(**_LIGHT)
    + "@media (prefers-color-scheme:dark){"
    + _COLOURS.format(**_DARK)
    + "}"
)

# Marks in a 12 x 12 box, as paths: a font may lack the sign.
_MARKS: Final[dict[str, str]] = {
    "active": "M2 6.5 5 9.5 10 3",
    "cross": "M2.5 2.5 9.5 9.5M9.5 2.5 2.5 9.5",
    "revoked": "M6 1a5 5 0 1 0 .01 0M2.6 2.6 9.4 9.4",
    "expired": "M6 1a5 5 0 1 0 .01 0M6 3V6.2L8.2 7.6",
    "task_closed": "M2 5.5H10V11H2ZM4 5.5V4a2 2 0 0 1 4 0V5.5",
    "suspended": "M4 2.5V9.5M8 2.5V9.5",
}


def svg(lineage: Lineage) -> str:
    """Return the task's lineage as one SVG document, dark or light as its reader prefers."""
    return svg_part(lineage)[0]


def svg_part(
    lineage: Lineage, mark: str = "", top: float | None = None
) -> tuple[str, float, float]:
    """Return the drawing with its width and height, as a document or as a part of one.

    Args:
        lineage: The task's.
        mark: Tells the ids of this part from those of others.
        top: Where the part begins in the document around it; None for a document of its own.
    """
    denied: dict[str, list[DecisionEntry]] = {}
    for decision in lineage.calls:
        if not decision.allowed and decision.link is not None:
            denied.setdefault(decision.link, []).append(decision)
    cards = [
        card_of(link, denied.get(link.id, []), opening(lineage, link)) for link in lineage.links
    ]
    roots, children = children_of(lineage.links)
    places = tidy(roots, children, [card.height for card in cards], _GAP)
    left = _MARGIN + _OWNER + 70
    bottom = max((p.top + c.height for p, c in zip(places, cards, strict=True)), default=60.0)
    right = left + max((place.column for place in places), default=0) * _COLUMN + WIDTH
    width, height = max(right + _MARGIN, 900), _TOP + bottom + _BOTTOM
    place = 'xmlns="http://www.w3.org/2000/svg"' if top is None else f'x="0" y="{top:g}"'
    out = [
        (
            f'<svg {place} width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
            f' role="img" aria-labelledby="t{mark} d{mark}">'
        ),
        f'<title id="t{mark}">{_text(headline(lineage))}</title>',
        f'<desc id="d{mark}">{_text(subline(lineage))}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="bg" width="{width:g}" height="{height:g}"/>',
        f'<text class="title" x="{_MARGIN}" y="42">{_text(cut(headline(lineage), 70))}</text>',
        f'<text class="muted" x="{_MARGIN}" y="66">{_text(cut(subline(lineage), 118))}</text>',
    ]
    spots = [(float(left + place.column * _COLUMN), _TOP + place.top) for place in places]
    middle = _owner_middle(roots, places, cards)
    out += _edges(lineage, roots, children, cards, spots, _TOP + middle)
    out += _owner(lineage, _TOP + middle)
    for number, card in enumerate(cards):
        out += _card(lineage, number, card, *spots[number])
    out += _legend(height - 24)
    out.append("</svg>")
    return "\n".join(out) + "\n", width, height


def _text(text: str) -> str:
    return escape(text)


def _owner_middle(roots: list[int], places: list[Place], cards: list[Card]) -> float:
    if not roots:
        return 30.0
    first, last = roots[0], roots[-1]
    return (places[first].top + places[last].top + cards[last].height) / 2


def _owner(lineage: Lineage, middle: float) -> Iterable[str]:
    owner = clean(lineage.task.owner)
    top = middle - 24
    return (
        f'<g data-node="owner"><title>{_text(f"Accountable owner {owner}")}</title>',
        f'<rect class="owner" x="{_MARGIN}" y="{top:g}" width="{_OWNER}" height="48" rx="24"/>',
        f'<text class="muted" x="{_MARGIN + 20}" y="{top + 20:g}">owner</text>',
        f'<text class="owner-name" x="{_MARGIN + 20}" y="{top + 36:g}">{_text(cut(owner, 21))}</text>',
        "</g>",
    )


def _edges(  # what a line runs between
    lineage: Lineage,
    roots: list[int],
    children: list[list[int]],
    cards: list[Card],
    spots: list[tuple[float, float]],
    owner: float,
) -> Iterable[str]:
    for root in roots:
        yield _edge(
            lineage.links[root], cards[root], (_MARGIN + _OWNER, owner), spots[root], "owner"
        )
    for parent, below in enumerate(children):
        x, y = spots[parent]
        start = (x + WIDTH, y + cards[parent].height / 2)
        for child in below:
            link = lineage.links[child]
            yield _edge(link, cards[child], start, spots[child], lineage.links[parent].id)


def _edge(
    link: LinkEntry, card: Card, start: tuple[float, float], spot: tuple[float, float], source: str
) -> str:
    end = (spot[0], spot[1] + card.height / 2)
    bend = start[0] + (end[0] - start[0]) / 2
    form = _form(link)
    heavy = " heavy" if card.is_heavy else ""
    what = "; ".join(narrowed(link)) or "nothing narrowed"
    return (
        f'<path class="edge {form}{heavy}" data-parent={quoteattr(source)} '
        f"data-child={quoteattr(link.id)} "
        f'd="M{start[0]:g} {start[1]:g}C{bend:g} {start[1]:g} {bend:g} {end[1]:g} {end[0]:g} {end[1]:g}">'
        f"<title>{_text(clean(what, 600))}</title></path>"
    )


def _form(link: LinkEntry) -> str:
    """Return the form of a link's edge: what ended it, else whether calls were refused under it."""
    if link.standing != "active":
        return link.standing
    return "refused" if link.decisions.denied else "active"


def _card(lineage: Lineage, number: int, card: Card, x: float, y: float) -> Iterable[str]:
    link = lineage.links[number]
    heavy = " heavy" if card.is_heavy else ""
    full = ". ".join(filter(None, (summary(link), opening(lineage, link), *narrowed(link))))
    yield f'<g class="{link.standing}" data-node={quoteattr(link.id)} data-number="{number}">'
    yield f"<title>{_text(clean(full, 3000))}</title>"
    yield (
        f'<rect class="card{heavy}" x="{x:g}" y="{y:g}" width="{WIDTH}" '
        f'height="{card.height:g}" rx="9"/>'
    )
    yield (
        f'<text class="effect{heavy}" x="{x + WIDTH - PAD:g}" y="{y + 25:g}">'
        f"{_text(card.effect)}</text>"
    )
    for line in card.lines:
        marked = line.kind in {"denied", "state"}
        if marked:
            mark = "cross" if line.kind == "denied" else link.standing
            yield _mark(mark, x + PAD, y + line.top - 10)
        indent = 18 if marked else 0
        yield (
            f'<text class="{line.kind}" x="{x + PAD + indent:g}" y="{y + line.top:g}">'
            f"{_text(line.text)}</text>"
        )
    yield "</g>"


def _mark(name: str, x: float, y: float) -> str:
    return f'<path class="mark {name}" transform="translate({x:g} {y:g})" d="{_MARKS[name]}"/>'


def _legend(y: float) -> Iterable[str]:
    kinds: tuple[tuple[Standing | str, str], ...] = (
        ("active", "active"),
        ("cross", "denied calls"),
        ("revoked", "revoked"),
        ("expired", "expired"),
        ("task_closed", "task closed"),
        ("suspended", "suspended"),
    )
    x = float(_MARGIN)
    for mark, word in kinds:
        yield _mark(mark, x, y - 10)
        yield f'<text class="muted" x="{x + 18:g}" y="{y:g}">{word}</text>'
        x += 34 + 7 * len(word)
    heavy = "thick: more than reading"
    yield f'<path class="edge heavy" d="M{x:g} {y - 4:g}h24"/>'
    yield f'<text class="muted" x="{x + 32:g}" y="{y:g}">{heavy}</text>'
