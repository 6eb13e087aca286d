"""Draws a timeline as inline SVG: one lane for each kind of event, claimed causes as dashed arcs.

The table beside it is its equivalent; the drawing shows what came of what at a glance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from delegation.lineage.analysis.timeline import LANES, Event, Lane

_LEFT: Final = 96
_TOP: Final = 18
_STEP: Final = 30
_LANE: Final = 44
# In a 16 x 16 box: each lane has its own shape.
SHAPES: Final[dict[Lane, str]] = {
    "issue": "M8 1L15 8L8 15L1 8Z",
    "delegate": "M2 8h10M8 3l5 5l-5 5",
    "decide": "M3 8l3.5 4L13 4",
    "deny": "M4 4l8 8M12 4l-8 8",
    "revoke": "M8 2a6 6 0 1 0 .01 0M4 12L12 4",
    "close": "M3 3h10v10H3z",
}


def timeline_svg(
    events: Sequence[Event], first: int, say: Callable[[Event], str], way: Callable[[Event], str]
) -> str:
    """Return the drawing.

    Args:
        events: What is drawn, in order.
        first: Place of the first of them in the whole timeline.
        say: Returns what an event is, as a cleaned sentence.
        way: Returns where an event leads: one of our own routes; empty for nowhere.
    """
    width = _LEFT + max(len(events), 8) * _STEP + 20
    height = _TOP + len(LANES) * _LANE
    out = [
        (
            f'<svg class="time" xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="group" aria-label="Timeline">'
        )
    ]
    for number, lane in enumerate(LANES):
        y = _TOP + number * _LANE
        out.append(f'<path class="lane" d="M{_LEFT - 8} {y + 8}H{width - 8}"/>')
        out.append(f'<text x="12" y="{y + 13}">{lane}</text>')
    for number, event in enumerate(events):
        if event.cause is not None and 0 <= event.cause - first < len(events):
            out.append(_arc(events, event.cause - first, number))
    for number, event in enumerate(events):
        x, y = _spot(event, number)
        mark = (
            f'<rect class="target" x="-5" y="-5" width="26" height="26" rx="6"/>'
            f'<path class="shape {event.lane}" d="{SHAPES[event.lane]}"/>'
            f"<title>{escape(say(event))}</title>"
        )
        place = f'transform="translate({x} {y})"'
        href = way(event)
        out.append(
            f"<a href={quoteattr(href)} {place}>{mark}</a>" if href else f"<g {place}>{mark}</g>"
        )
    out.append("</svg>")
    return "\n".join(out)


def _spot(event: Event, number: int) -> tuple[int, int]:
    return _LEFT + number * _STEP, _TOP + LANES.index(event.lane) * _LANE


def _arc(events: Sequence[Event], cause: int, effect: int) -> str:
    x, y = _spot(events[cause], cause)
    to_x, to_y = _spot(events[effect], effect)
    middle = (x + to_x) / 2 + 8
    high = min(y, to_y) - 22
    return (
        f'<path class="edge claimed-cause" d="M{x + 8} {y + 8}Q{middle:g} {high} {to_x + 8} {to_y + 8}">'
        "<title>claimed cause</title></path>"
    )
