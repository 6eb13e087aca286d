"""Draws calls over time as a small inline SVG: allowed above the line, denied below it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from delegation.lineage.rhythm import Rhythm, Span

STEP: Final = 5
UP: Final = 18
DOWN: Final = 10


def rhythm_svg(
    told: Rhythm, *, at: int | None, way: Callable[[int], str], say: Callable[[Span], str]
) -> str:
    """Return the drawing; each span leads to the state at its end.

    Args:
        told: What is drawn.
        at: The instant that is looked at; None for the present.
        way: Returns where the page of an instant is: one of our own routes.
        say: Returns what a span holds, as a sentence.
    """
    width = max(1, len(told.spans)) * STEP
    most = max((max(one.allowed, one.denied) for one in told.spans), default=1) or 1
    allowed, denied = told.total
    label = f"Decisions over time: {allowed} allowed above the line, {denied} denied below it"
    size = f'viewBox="0 0 {width} {UP + DOWN}" width="{width}" height="{UP + DOWN}"'
    parts = [
        f'<svg class="rhythm" role="group" aria-label={quoteattr(label)} {size} preserveAspectRatio="none">',
        f'<path class="line" d="M0 {UP}h{width}"/>',
    ]
    for n, one in enumerate(told.spans):
        chosen = at is not None and _holds(told, n, at)
        up, down = _high(one.allowed, most, UP - 2), _high(one.denied, most, DOWN - 1)
        x = n * STEP
        mark = ' class="chosen"' if chosen else ""
        parts.append(
            f'<a href={quoteattr(way(one.until))} tabindex="-1"{mark}>'
            f"<title>{escape(say(one))}</title>"
            f'<rect class="all" x="{x}" y="0" width="{STEP}" height="{UP + DOWN}"/>'
            + (f'<rect class="up" x="{x}" y="{UP - up}" width="4" height="{up}"/>' if up else "")
            + (
                f'<rect class="down" x="{x}" y="{UP + 1}" width="4" height="{down}"/>'
                if down
                else ""
            )
            + "</a>"
        )
    return "".join([*parts, "</svg>"])


def _holds(told: Rhythm, n: int, at: int) -> bool:
    first = told.start if n == 0 else told.spans[n - 1].until + 1
    return first <= at <= told.spans[n].until


def _high(count: int, most: int, room: int) -> int:
    """Return a bar's height: by the square root, so that one call beside a thousand is still seen."""
    return 0 if count == 0 else max(2, round(room * (count / most) ** 0.5))
