"""Hostile texts, and values read back from what people are shown: from a page's HTML, and from text."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

from hypothesis import strategies as st

ANY = st.characters(exclude_categories=[])
HARD = st.sampled_from([*'a\\"\n\t e<&', *map(chr, (0, 0x1B, 0x7F, 0xA0, 0xAD, 0x301, 0x5D0, 0x64B, 0x1100, 0x1161, 0x11A8, 0x200B, 0x200D, 0x202E, 0x2028,
    0x2066, 0x212B, 0x3164, 0xD800, 0xDC00, 0xE000, 0xFE0F, 0xFFFC, 0x1F469, 0x1D159, 0xE0041, 0xE01EF, 0x10FFFF))])  # fmt: skip


def joined(text: str) -> str:
    """Return a text as Python reads it from JSON: no two surrogates in it make a pair."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


TEXTS = (st.text(ANY, max_size=30) | st.text(HARD, max_size=30)).map(joined)


def read_text(text: str) -> str:
    """Return the text that `shown_text` shows so."""
    read: str = json.loads('"' + text.replace('"', '\\"') + '"')
    return read


class _Frames(HTMLParser):
    """Collects the text of names and frames inside `div.evidence`."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[bool, list[tuple[str, str]]]] = []
        self.depth = 0
        self.into: str | None = None
        self.name = ""
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        classes = (dict(attrs).get("class") or "").split()
        if tag == "div" and ("evidence" in classes or self.depth):
            if not self.depth:
                self.found.append(("object" in classes, []))
            self.depth += 1
        elif self.depth and (tag == "pre" or "name" in classes):
            self.into, self.text = tag, ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "div" and self.depth:
            self.depth -= 1
        elif tag == self.into:
            self.into = None
            if tag == "pre":
                self.found[-1][1].append((self.name, self.text))
            else:
                self.name = self.text

    def handle_data(self, data: str) -> None:
        self.text += data


def read_evidence(html: str) -> list[Any]:
    """Return the values that a page shows as evidence, in its order."""
    parser = _Frames()
    parser.feed(str(html))  # a `Markup` would escape what the parser takes apart
    parser.close()
    return [_value(is_object, frames) for is_object, frames in parser.found]


def _value(is_object: bool, frames: list[tuple[str, str]]) -> Any:
    if is_object:
        return {json.loads(f'"{name}"'): json.loads(text) for name, text in frames}
    ((_, text),) = frames
    return json.loads(text)
