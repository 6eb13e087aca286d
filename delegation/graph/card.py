"""Lays out one link's card in the built-in SVG: lines, heights, marks. Sizes in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from delegation.authority.explain import Change, instant
from delegation.graph.model import STANDING_WORDS
from delegation.graph.names import claim, clean, cut, folded, holder, width
from delegation.lineage.entry import DecisionEntry, LinkEntry

WIDTH: Final = 316
PAD: Final = 12
LINE: Final = 17
_HEAD: Final = 20
_NAME_COLUMNS: Final = 25
_TEXT_COLUMNS: Final = 43
_CHANGES: Final = 4
_DENIALS: Final = 2

Kind: TypeAlias = Literal["name", "muted", "change", "denied", "state"]
READ_ONLY: Final = frozenset({"read"})
_STRENGTH: Final = ("read", "write", "delete", "admin", "actuate")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text.

    Args:
        text: Cut to the card's width.
        kind: How it is set.
        top: Baseline below the card's upper edge.
    """

    text: str
    kind: Kind
    top: float


@dataclass(frozen=True, slots=True)
class Card:
    """One link's card.

    Args:
        lines: From top to bottom.
        height: Of the whole card.
        effect: The strongest effect that the link's grant holds; a word, drawn in the corner.
        is_heavy: Whether that is more than reading.
    """

    lines: tuple[Line, ...]
    height: float
    effect: str
    is_heavy: bool


def card_of(link: LinkEntry, denied: list[DecisionEntry], opened: str = "") -> Card:
    """Return the card of a link.

    Args:
        link: The link.
        denied: The denied calls made with it as the leaf.
        opened: For the root of a child task: which one, in words.
    """
    texts: list[tuple[str, Kind]] = [(cut(_name(link), _NAME_COLUMNS), "name")]
    who = f"key {link.holder_fingerprint}"
    said = claim(link)
    texts.append((cut(f"{said}  {who}" if said else who, _TEXT_COLUMNS), "muted"))
    texts += [(cut(opened, _TEXT_COLUMNS), "muted")] if opened else []
    changes = [_short(change) for change in link.changes]
    shown = changes if len(changes) <= _CHANGES else changes[: _CHANGES - 1]
    texts += [(cut(change, _TEXT_COLUMNS), "change") for change in shown]
    if len(changes) > len(shown):
        texts.append((f"and {len(changes) - len(shown)} more", "muted"))
    for decision in denied[:_DENIALS]:
        reason = clean(f"{decision.tool}: step {decision.step} {decision.code}", 200)
        texts.append((cut(reason, _TEXT_COLUMNS - 3), "denied"))
    texts.append((cut(_state(link), _TEXT_COLUMNS - 3), "state"))
    lines, top = [], float(_HEAD + PAD - 6)
    for text, kind in texts:
        lines.append(Line(text, kind, top))
        top += LINE
    effect = max(link.grant.effects, key=_STRENGTH.index, default="nothing")
    heavy = not set(link.grant.effects) <= READ_ONLY
    return Card(tuple(lines), top - LINE + PAD, effect, heavy)


def _name(link: LinkEntry) -> str:
    """Return the holder's name, folded where it is wider than a card."""
    return folded(link.holder_name, _NAME_COLUMNS) if link.registered else holder(link)


def _short(change: Change) -> str:
    """Return a change so that what is left of the authority is seen before what was there."""
    whole = clean(str(change), 200)
    if width(whole) <= _TEXT_COLUMNS or not (change.before and change.after):
        return whole
    field = (
        change.field if len(change.field) < _TEXT_COLUMNS // 2 else change.field.rpartition(".")[2]
    )
    return clean(f"{field}: {change.after}", 200)


def _state(link: LinkEntry) -> str:
    counts = link.decisions
    made = []
    if counts.allowed:
        made.append(f"{counts.allowed} allowed")
    if counts.denied:
        made.append(f"{counts.denied} denied")
    word = STANDING_WORDS[link.standing]
    if link.standing == "active":
        word = f"until {instant(link.grant.expires_at)[11:]}"
    if link.inferred:
        word += " · inferred"
    return " · ".join([word, *(made or ["no calls"])])
