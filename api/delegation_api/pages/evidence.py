"""Shows evidence on a page: a value whole, in a frame that scrolls, its escapes marked.

What a browser shows of it, its `innerText`, is the JSON of the value. Line breaks are drawn by the
style sheet behind their escapes, within a rule at the left of every line, so that no line of a value
passes for a line of the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from markupsafe import Markup, escape

from delegation.hidden import Hidden
from delegation.shown import Piece, kind_of, pieces, shown_text, text_pieces

_ONE_LINE: Final = 160  # characters of JSON that need no frame that the keyboard can scroll
_MARK: Final = Markup('<mark class="escape{}">{}</mark>')


def evidence(value: Any, amounts: Mapping[str, str] | None = None) -> Markup:
    """Return a JSON value as HTML: each member of an object in a frame of its own, else one frame.

    Args:
        value: What is shown.
        amounts: The money in it by place, which is said beside the members.
    """
    if not isinstance(value, dict) or not value:
        return Markup('<div class="evidence">{}</div>').format(_frame(value, "the value"))
    members = (
        Markup(
            '<div class="member"><p><code class="name">{}</code> <span class="muted">{}</span></p>{}</div>'
        ).format(
            _marked(_inner(name)),
            kind_of(name, member, amounts or {}),
            _frame(member, shown_text(name, ltr=False)),
        )
        for name, member in value.items()
    )
    return Markup('<div class="evidence object">{}</div>').format(Markup("").join(members))


def evidence_text(text: object) -> Markup:
    """Return a bare text as HTML, whole: as it stands inside a JSON string, quotes left alone."""
    return Markup("<bdi>{}</bdi>").format(_marked(text_pieces(str(text))))


def evidence_line(text: str) -> Markup:
    """Return one line of code as HTML, its indentation as spaces: for a frame that keeps them."""
    return _marked(text_pieces(text, tight=False))


def warning(found: Sequence[Hidden]) -> Markup:
    """Return the sentence that says what is hidden and where; empty when nothing is."""
    if not found:
        return Markup("")
    total = sum(one.count for one in found)
    said = Markup("; ").join(
        Markup("<bdi>{}</bdi>").format(shown_text(str(one), ltr=False)) for one in found
    )
    characters = "1 character that is" if total == 1 else f"{total:,} characters that are"
    return Markup(
        '<p class="verdict hiding" role="note"><strong>This holds {} not seen:</strong> {}. They are '
        "marked below. Ask who wrote them, and why, before you believe what it says.</p>"
    ).format(characters, said)


def _inner(name: str) -> Iterable[Piece]:
    """Return the pieces of a member's name without the quotes around it."""
    return list(pieces(name, tight=True))[1:-1]


def _frame(value: Any, name: str) -> Markup:
    parts = list(pieces(value))
    is_long = sum(len(part.text) for part in parts) > _ONE_LINE or any(
        "\n" in part.text or part.text == "\\n" for part in parts
    )
    scrolls = Markup(' tabindex="0" role="region" aria-label="{}, whole"').format(name)
    return Markup('<pre class="hostile"{}>{}</pre>').format(
        scrolls if is_long else "", _strings(parts)
    )


def _strings(parts: Iterable[Piece]) -> Markup:
    """Return pieces as HTML in which every string stands apart in its direction."""
    out: list[str] = []
    for is_syntax, run in groupby(parts, key=lambda part: part.kind == "syntax"):
        if is_syntax:
            out += (escape(part.text) for part in run)
        else:
            out.append(Markup('<bdi class="string">{}</bdi>').format(_marked(run)))
    return Markup("").join(out)


def _marked(parts: Iterable[Piece]) -> Markup:
    return Markup("").join(
        _MARK.format(" line" if part.text.endswith("\\n") else "", part.text)
        if part.kind == "escape"
        else escape(part.text)
        for part in parts
    )
