"""Finds selectors and joiners that may spell something: right where each stands, odd in their number.

A selector after an ideograph or an emoji, and a joiner between letters, are honest writing one by
one. Which of them stands there, or that one stands there at all, can carry a bit or a byte of a text
that nobody sees. Honest writing is steady: few ideographs need a selector, and the same character
is written in the same way each time. What is not steady is reported. Not found here: a few bits in
a long text, such as whether each of several different emoji has its selector.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from typing import Final

MOST_VARIANTS: Final = 4  # different ideographs with a selector in one text: rare forms of names
MOST_UNSTEADY: Final = 4  # times that a character is written in its rarer way
MOST_JOINERS: Final = 4  # of one word
_EMOJI: Final = "\ufe0e\ufe0f"
_SELECTOR: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_WORD: Final = re.compile(r"\S+")
_JOINERS: Final = "\u200c\u200d"
_CARRIER: Final = re.compile(f"[{_JOINERS}]|{_SELECTOR.pattern}")


def spelled_by(text: str) -> Iterator[int]:
    """Yield where selectors and joiners stand that are too many, or not the same each time."""
    if _CARRIER.search(text) is None:
        return
    selected = [(at, text[at - 1], text[at]) for at in _places(_SELECTOR, text) if at]
    yield from _unsteady(text, selected)
    variants = [one for one in selected if one[2] not in _EMOJI]
    if len({(base, chosen) for _, base, chosen in variants}) > MOST_VARIANTS:
        yield from (at for at, _, _ in variants)
    as_text = [at for at, _, chosen in selected if chosen == "\ufe0e"]
    as_emoji = [at for at, _, chosen in selected if chosen == "\ufe0f"]
    if min(len(as_text), len(as_emoji)) > MOST_UNSTEADY:
        yield from (*as_text, *as_emoji)
    # What is an emoji without a selector needs none: those are the wide ones.
    idle = [at for at in as_emoji if unicodedata.east_asian_width(text[at - 1]) == "W"]
    if len(idle) > MOST_UNSTEADY:
        yield from idle
    yield from _joined(text)


def _places(pattern: re.Pattern[str], text: str) -> list[int]:
    return [found.start() for found in pattern.finditer(text)]


def _unsteady(text: str, selected: list[tuple[int, str, str]]) -> Iterator[int]:
    """Yield selectors of characters that have different ones, or often one and often none."""
    chosen: dict[str, set[str]] = {}
    for _, base, selector in selected:
        chosen.setdefault(base, set()).add(selector)
    times = Counter(base for _, base, _ in selected)
    for at, base, _ in selected:
        bare = text.count(base) - times[base]
        if len(chosen[base]) > 1 or min(times[base], bare) > MOST_UNSTEADY:
            yield at


def _joined(text: str) -> Iterator[int]:
    """Yield joiners between letters: many in one word, or both kinds between the same letters."""
    kinds: dict[tuple[str, str], set[str]] = {}
    between: list[tuple[int, tuple[str, str], str]] = []
    for word in _WORD.finditer(text):
        places = [
            at
            for at in range(word.start(), word.end())
            if text[at] in _JOINERS
            and unicodedata.category(text[at - 1])[0] in "LM"
            and not _SELECTOR.match(text[at - 1])
        ]
        if len(places) > MOST_JOINERS:
            yield from places
        for at in places:
            sides = (text[max(at - 2, 0) : at], text[at + 1 : at + 2])
            kinds.setdefault(sides, set()).add(text[at])
            between.append((at, sides, text[at]))
    yield from (at for at, sides, _ in between if len(kinds[sides]) > 1)
